/// Readers give the items of whatever the user passes, one after the other, in one way.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>

#include <pararun/source.hpp>

namespace pararun::detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// `std::optional<T>()`: the end is `nullopt`.
template <class T>
concept Callable = requires(std::remove_reference_t<T>& next) {
  next();
  requires is_optional<std::remove_cvref_t<decltype(next())>>;
};

/// An item that lies in a container which outlives the job: nothing is copied.
template <class T>
struct Lent {
  T* item;  // const, unless the job owns the container and may move out of it
};

/// What can be read.
template <class Items>
concept Readable = PullSource<std::remove_reference_t<Items>> || Callable<Items> || std::ranges::input_range<Items>;

/// Beside `next` and what `PullSource` asks for: `gave_up` says whether `next` gave nothing because of a stop, and not
/// at the end; `over`, whether `next` must not be called again after it threw; `where`, where in the input the last
/// item lay, and `length`, how much of it that was in bytes, as far as the input knows.
template <class Items>
class Reader;

template <class Items>
requires PullSource<std::remove_reference_t<Items>>
class Reader<Items> {
 public:
  using Value = typename std::remove_reference_t<Items>::value_type;
  using Stored = Value;

  explicit Reader(Items&& items) : source_(items) {}

  std::optional<Stored> next() { return source_.next(); }
  bool may_block() const { return source_.may_block(); }
  std::optional<std::uint64_t> size() const { return std::nullopt; }
  void stop_when(std::function<bool()> stopping) {
    if (!stopping) return source_.stop_when({});
    source_.stop_when([this, stopping = std::move(stopping)] { return gave_up_ = stopping(); });
  }
  bool gave_up() const { return gave_up_; }
  bool over() const { return false; }
  int descriptor() const {
    if constexpr (requires { source_.descriptor(); }) {
      return source_.descriptor();
    } else {
      return -1;
    }
  }
  std::size_t length() const requires requires(const std::remove_reference_t<Items>& source) { source.length(); }
  { return source_.length(); }
  std::string where() const {
    if constexpr (requires { source_.where(); }) {
      return source_.where();
    } else {
      return {};
    }
  }

 private:
  std::remove_reference_t<Items>& source_;
  bool gave_up_ = false;
};

template <class Items>
requires(Callable<Items> && !PullSource<std::remove_reference_t<Items>>) class Reader<Items> {
 public:
  using Value = typename std::remove_cvref_t<std::invoke_result_t<std::remove_reference_t<Items>&>>::value_type;
  using Stored = Value;

  explicit Reader(Items&& items) : next_(items) {}

  std::optional<Stored> next() { return next_(); }
  bool may_block() const { return true; }
  std::optional<std::uint64_t> size() const { return std::nullopt; }
  void stop_when(std::function<bool()>) {}
  bool gave_up() const { return false; }
  bool over() const { return false; }
  int descriptor() const { return -1; }
  std::string where() const { return {}; }

 private:
  std::remove_reference_t<Items>& next_;
};

template <class Items>
requires(std::ranges::input_range<Items> && !PullSource<std::remove_reference_t<Items>>) class Reader<Items> {
  using Range = std::remove_reference_t<Items>;
  using Reference = std::ranges::range_reference_t<Range>;

  // The elements of a forward range stay where they are while the range lives.
  static constexpr bool kLends = std::ranges::forward_range<Range> && std::is_lvalue_reference_v<Reference>;
  // A container passed as an rvalue is the job's to consume; a view passed as one shows somebody's elements.
  static constexpr bool kOwns = !std::is_lvalue_reference_v<Items> && !std::ranges::view<Range> &&
                                !std::is_const_v<std::remove_reference_t<Reference>>;

 public:
  using Value = std::ranges::range_value_t<Range>;
  using Element = std::conditional_t<kOwns, Value, const Value>;
  using Stored = std::conditional_t<kLends, Lent<Element>, Value>;

  explicit Reader(Items&& items) : range_(items) {}

  std::optional<Stored> next() {
    // Moving on only when the next item is asked for: a one-pass range may wait there, and the item
    // before it shall be worked on meanwhile.
    over_ = true;
    if (at_) {
      ++*at_;
    } else {
      at_.emplace(std::ranges::begin(range_));
    }
    if (*at_ == std::ranges::end(range_)) return std::nullopt;
    over_ = false;
    if constexpr (kLends) {
      return Stored{&**at_};
    } else {
      return std::optional<Stored>(std::in_place, **at_);
    }
  }

  bool may_block() const { return !std::ranges::forward_range<Range>; }

  std::optional<std::uint64_t> size() const {
    if constexpr (std::ranges::sized_range<Range>) {
      return static_cast<std::uint64_t>(std::ranges::size(range_));
    } else {
      return std::nullopt;
    }
  }

  void stop_when(std::function<bool()>) {}
  bool gave_up() const { return false; }
  bool over() const { return over_; }
  int descriptor() const { return -1; }
  std::string where() const { return {}; }

 private:
  Range& range_;
  std::optional<std::ranges::iterator_t<Range>> at_;
  bool over_ = false;  // at the end, or broken: an iterator that threw while it moved cannot be moved again
};

}  // namespace pararun::detail
