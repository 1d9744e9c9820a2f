/// A coroutine as an input, for items that are easier to produce than to store. It stands in for the
/// `std::generator` of C++23, which it resembles.
///
///     pr::generator<std::string> ids(std::size_t count) {
///       for (std::size_t i = 0; i < count; ++i) co_yield "item_" + std::to_string(i);
///     }
///     pr::map(work, ids(1'000'000), {.cache_path = "results.jsonl"});
///
/// Beware of lambdas: the captures of a coroutine lambda live in the lambda, not in the coroutine, and are gone
/// while it still runs. Pass what it needs as parameters, by value, since references do not outlive their
/// objects either:
///
///     auto bad = [n] { ... co_yield n; }();                                  // n is dead at the first step
///     auto good = [](int n) -> pr::generator<int> { ... co_yield n; }(n);    // n is kept in the coroutine
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

namespace pararun {

/// A move-only input range of what the coroutine yields: `T` as it is if that is a reference, else `T&&`, so
/// that items can be moved out. Runs only while it is asked for the next item, on the thread that asks. An
/// exception from it comes out of `begin` or `++`. Destroying it half-way destroys the coroutine's variables.
/// It can be gone through once.
template <class T>
class generator : public std::ranges::view_interface<generator<T>> {
  using Value = std::remove_cvref_t<T>;
  using Reference = std::conditional_t<std::is_reference_v<T>, T, T&&>;
  using Pointer = std::add_pointer_t<Reference>;

 public:
  class promise_type {
    static constexpr bool kCopyable = std::constructible_from<Value, const std::remove_reference_t<Reference>&>;

    struct Copy : std::suspend_always {
      Copy(const Value& original, promise_type& promise) : value(original) { promise.value_ = std::addressof(value); }
      Copy(Copy&&) = delete;

      Value value;
    };

   public:
    generator get_return_object() noexcept { return generator(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }

    /// The operand lives until the coroutine goes on, so that nothing is copied.
    std::suspend_always yield_value(Reference value) noexcept {
      value_ = std::addressof(value);
      return {};
    }

    /// A variable is copied where items are to be moved from.
    Copy yield_value(
        const std::remove_reference_t<Reference>& value) requires std::is_rvalue_reference_v<Reference> && kCopyable {
      return Copy(value, *this);
    }

    void return_void() const noexcept {}
    void unhandled_exception() noexcept { exception_ = std::current_exception(); }
    void await_transform() = delete;  // a generator yields; it has nothing to wait for

   private:
    friend generator;

    Pointer value_ = nullptr;
    std::exception_ptr exception_;
  };

  using Handle = std::coroutine_handle<promise_type>;

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Value;
    using difference_type = std::ptrdiff_t;

    Reference operator*() const noexcept { return static_cast<Reference>(*coroutine_.promise().value_); }
    iterator& operator++() {
      resume(coroutine_);
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return coroutine_.done(); }

   private:
    friend generator;
    explicit iterator(Handle coroutine) noexcept : coroutine_(coroutine) {}

    Handle coroutine_;
  };

  generator(generator&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  generator& operator=(generator other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~generator() {
    if (coroutine_) coroutine_.destroy();
  }

  /// Runs the coroutine up to its first item.
  iterator begin() {
    resume(coroutine_);
    return iterator(coroutine_);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  explicit generator(Handle coroutine) noexcept : coroutine_(coroutine) {}

  static void resume(Handle coroutine) {
    coroutine.resume();
    if (std::exception_ptr& thrown = coroutine.promise().exception_) std::rethrow_exception(std::exchange(thrown, {}));
  }

  Handle coroutine_;
};

}  // namespace pararun
