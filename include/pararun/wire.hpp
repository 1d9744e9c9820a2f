/// How values cross between this process and its workers. `Wire<T>` exists for arithmetic types, enums, strings, paths,
/// `std::chrono` times, standard containers, optionals, variants, tuples and `pr::Json`; `PARARUN_WIRE` declares it for
/// a struct; and a specialisation of the user's own adds any other type:
///
///     struct Page { std::string title; int words; };
///     PARARUN_WIRE(Page, title, words)                        // in the namespace of Page
///
///     template <>
///     struct pararun::Wire<Matrix> {
///       static void write(WireWriter& out, const Matrix& m) { out.value(m.rows()).value(m.cells()); }
///       static Matrix read(WireReader& in) {
///         const auto rows = in.value<std::size_t>();
///         return Matrix(rows, in.value<std::vector<double>>());
///       }
///     };
///
/// Pointers, views and references are refused at compile time: what they show is in the memory of one process alone. (A
/// job learns only from its options that it needs processes: it throws `OptionsError` before the first item.)
/// The bytes are for another process of the same program on the same machine, not for keeping.
#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <pararun/json_writer.hpp>

namespace pararun {

class WireReader;
class WireWriter;

/// Two static functions: `void write(WireWriter&, const T&)` and `T read(WireReader&)`.
template <class T>
struct Wire;

/// Whether values of type `T` can cross.
template <class T>
concept Wireable = requires(WireWriter& out, WireReader& in, const T& value) {
  Wire<T>::write(out, value);
  { Wire<T>::read(in) } -> std::same_as<T>;
};

namespace detail {

template <class T>
consteval void check_wireable() {
  static_assert(!std::is_reference_v<T>, "pararun: a reference cannot cross to another process; pass a value");
  static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T> && !std::is_null_pointer_v<T>,
                "pararun: a pointer means nothing in another process; pass what it points to");
  static_assert(!std::ranges::view<T>,
                "pararun: a view shows the memory of one process alone; pass a container: a std::string for a "
                "std::string_view, a std::vector for a std::span");
  static_assert(Wireable<T>,
                "pararun: values of this type cannot cross to another process: declare the struct with PARARUN_WIRE or "
                "specialise pararun::Wire for it");
}

[[noreturn]] void refuse_wire(const char* problem);

}  // namespace detail

/// Appends values to some bytes.
class WireWriter {
 public:
  explicit WireWriter(std::string& out) noexcept : out_(&out) {}

  template <class T>
  WireWriter& value(const T& value) {
    detail::check_wireable<T>();
    Wire<T>::write(*this, value);
    return *this;
  }

  WireWriter& bytes(const void* data, std::size_t size) {
    out_->append(static_cast<const char*>(data), size);
    return *this;
  }

 private:
  std::string* out_;
};

/// Takes values from some bytes, in the order in which they were written. Throws `Error` where there are too few, as
/// there are when what wrote them was broken.
class WireReader {
 public:
  /// `bytes` must stay where they are.
  explicit WireReader(std::string_view bytes) noexcept : left_(bytes) {}

  template <class T>
  T value() {
    detail::check_wireable<T>();
    return Wire<T>::read(*this);
  }

  /// The next `size` bytes, where they lie.
  std::string_view bytes(std::size_t size) {
    if (size > left_.size()) detail::refuse_wire("a value ends too early");
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  /// A number of elements, each of at least `smallest` bytes, that may be made room for.
  std::size_t count(std::size_t smallest = 1) {
    const auto count = value<std::size_t>();
    if (smallest > 0 && count > left_.size() / smallest) detail::refuse_wire("more elements are promised than come");
    return count;
  }

  /// What has not been taken yet.
  std::string_view left() const noexcept { return left_; }

 private:
  std::string_view left_;
};

}  // namespace pararun

#define PARARUN_DETAIL_TIED(field, ...) \
  pararun_value.field __VA_OPT__(, PARARUN_DETAIL_TIED_AGAIN PARARUN_DETAIL_PARENS(__VA_ARGS__))
#define PARARUN_DETAIL_TIED_AGAIN() PARARUN_DETAIL_TIED

/// Declares how the struct `Type`, which can be made without arguments, crosses: by the named fields, up to 80 of them;
/// the others stay as they are made. Stands in the namespace of `Type`, after it.
#define PARARUN_WIRE(Type, ...)                                               \
  inline auto pararun_wire_fields(Type& pararun_value) {                      \
    return std::tie(PARARUN_DETAIL_EXPAND(PARARUN_DETAIL_TIED(__VA_ARGS__))); \
  }                                                                           \
  inline auto pararun_wire_fields(const Type& pararun_value) {                \
    return std::tie(PARARUN_DETAIL_EXPAND(PARARUN_DETAIL_TIED(__VA_ARGS__))); \
  }

#include <pararun/detail/wire_std.hpp>
