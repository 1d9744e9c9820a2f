/// A JSON value that owns its contents, for items that are read, changed and returned:
///
///     pr::Json clean(pr::Json item) {
///       item.set("text", tidied(item.get<std::string>("text")));
///       return item;
///     }
///     pr::map(clean, pr::jsonl("input.jsonl"), {.cache_path = "output.jsonl"});
///
/// Members keep their order and numbers the text they were written with, so that what is not touched comes
/// out as it went in. Whatever is not there, or has another type than the one asked for, throws a `JsonError`
/// that names the field.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <pararun/error.hpp>
#include <pararun/json_writer.hpp>

namespace pararun {

namespace detail {

class JsonParser;

template <class T>
concept JsonScalar = std::same_as<T, bool> || std::same_as<T, std::nullptr_t> ||
    std::same_as<T, std::filesystem::path> || Number<T> || StringLike<T>;

}  // namespace detail

/// A regular type: copies are independent, and equality is that of the JSON values, so neither the order of
/// members nor the spelling of numbers counts. Looking a member up takes time linear in their number. Like a
/// standard container: a const value may be read by many threads at once, and references into it live until
/// it changes.
class Json {
 public:
  class Member;

  /// How deep arrays and objects may lie in each other when a value is parsed or written. A value built
  /// deeper by hand may exhaust the stack when it is copied or destroyed.
  static constexpr unsigned kMaxDepth = 1000;

  /// The null value.
  Json() noexcept = default;

  /// Anything that can be a result; implicitly if it is a bool, a number, a string, a path or nullptr. Throws
  /// `BadResult` for NaN and infinities. A string itself is checked to be UTF-8 when it is written, not here.
  template <class T>
  requires(!std::same_as<T, Json> && JsonWritable<T>) explicit(!detail::JsonScalar<T>) Json(const T& value)
      : Json(from(value)) {}

  Json(const Json& other);
  Json(Json&& other) noexcept : rep_(std::exchange(other.rep_, {})) {}
  Json& operator=(Json other) noexcept {  // by value, so that a value may be replaced with a part of itself
    std::swap(rep_, other.rep_);
    return *this;
  }
  ~Json() {
    if (rep_.short_size == kOnHeap) release();
  }

  /// `{}` and `[]`.
  static Json object();
  static Json array();

  /// The value that `text` is, which must be RFC 8259 in UTF-8, whole and without a byte-order mark. Of
  /// members with the same name the last one counts, in the first one's place. Throws `JsonError`, which gives
  /// the offset of the offending byte.
  static Json parse(std::string_view text);

  /// Compact JSON text. Throws `BadResult` for strings that are no UTF-8 and for too deep a nesting.
  std::string dump() const;

  bool is_null() const noexcept { return rep_.kind == Kind::null; }
  bool is_bool() const noexcept { return rep_.kind == Kind::boolean; }
  bool is_number() const noexcept { return rep_.kind == Kind::number; }
  bool is_string() const noexcept { return rep_.kind == Kind::string; }
  bool is_array() const noexcept { return rep_.kind == Kind::array; }
  bool is_object() const noexcept { return rep_.kind == Kind::object; }

  /// Whether this is a number written without a fraction and an exponent, of any size.
  bool is_integer() const noexcept;

  /// A number as it was written.
  std::string_view number_text() const;

  /// The value as a `T`: bool, an integer type (the number must be an integer and fit), float or double (the
  /// nearest one; too large a number throws), std::string, std::string_view (of this value's own
  /// characters), std::filesystem::path, Json, or std::optional (null gives nullopt), std::vector and
  /// std::map<std::string, ...> of such.
  template <class T>
  T get() const;

  /// The member `name` as a `T`. Of the types only std::optional allows it to be missing.
  template <class T>
  T get(std::string_view name) const;

  /// The member `name` as a `T`, or `fallback` if it is missing or null. For a fallback that is any kind of
  /// string `T` is std::string.
  template <class T>
  auto get_or(std::string_view name, T fallback) const;

  /// The member or element, which must be there; `set` and `push_back` add new ones.
  const Json& operator[](std::string_view name) const;
  Json& operator[](std::string_view name);
  const Json& operator[](std::size_t index) const;
  Json& operator[](std::size_t index);

  /// The member `name`, or null if there is none or this is no object.
  const Json* find(std::string_view name) const noexcept;
  Json* find(std::string_view name) noexcept;
  bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }

  /// Replaces the member `name`, or adds it behind the others. A null value becomes an object first.
  template <class T>
  Json& set(std::string_view name, T&& value) {
    return set_member(name, Json(std::forward<T>(value)));
  }

  /// Removes the member `name`; false if there was none.
  bool erase(std::string_view name);

  /// Adds an element behind the others. A null value becomes an array first.
  template <class T>
  Json& push_back(T&& value) {
    return add_element(Json(std::forward<T>(value)));
  }

  /// The number of members or elements.
  std::size_t size() const;

  /// `for (auto& [name, value] : json.members())`, in order. Throws if this is no object.
  std::span<const Member> members() const;
  std::span<Member> members();

  /// `for (auto& element : json.elements())`. Throws if this is no array.
  std::span<const Json> elements() const;
  std::span<Json> elements();

  // Templates of exactly this type: an ordinary function would be tried on everything that converts to Json,
  // of which the test is whether it can be written.
  template <std::same_as<Json> T>
  friend bool operator==(const T& left, const Json& right) {
    return left.equals(right);
  }
  template <std::same_as<Json> T>
  friend void write_json(JsonWriter& json, const T& value) {
    value.write(json, 0);
  }
  template <std::same_as<Json> T>
  friend std::ostream& operator<<(std::ostream& out, const T& value) {
    return value.print(out);
  }

 private:
  friend class detail::JsonParser;

  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  using Elements = std::vector<Json>;
  using Members = std::vector<Member>;

  static constexpr std::uint8_t kOnHeap = 0xff;

  Json(Kind kind, std::string_view text);

  template <class T>
  static Json from(const T& value);

  std::string_view text() const noexcept;  // of a string or number
  bool same_text(const Json& other) const noexcept;
  template <class T>
  T& on_heap() const noexcept;
  void put_on_heap(Kind kind, void* object) noexcept;
  void release() noexcept;

  Json& set_member(std::string_view name, Json value);
  Json& add_element(Json value);
  bool equals(const Json& other) const;
  void write(JsonWriter& json, unsigned depth) const;
  std::ostream& print(std::ostream& out) const;

  bool as_bool() const;
  std::string_view as_string() const;
  std::int64_t as_signed(std::int64_t least, std::int64_t most) const;
  std::uint64_t as_unsigned(std::uint64_t most) const;
  double as_double() const;
  float as_float() const;
  Json* find_in_object(std::string_view name) const;
  [[noreturn]] void refuse(std::string_view wanted) const;

  // 16 bytes: most names and numbers need no memory of their own. Bytes that are not used are 0.
  struct alignas(void*) Rep {
    Kind kind = Kind::null;
    std::uint8_t short_size = 0;  // of the text in `bytes`; kOnHeap if these hold a pointer instead
    char bytes[14] = {};
  };
  Rep rep_;
};

/// A name and a value of an object.
class Json::Member {
 public:
  Member(std::string_view name, Json value) : name_(Kind::string, name), value_(std::move(value)) {}

  std::string_view name() const noexcept { return name_.text(); }
  bool same_name(const Member& other) const noexcept { return name_.same_text(other.name_); }
  Json& value() noexcept { return value_; }
  const Json& value() const noexcept { return value_; }

  template <std::size_t I>
  decltype(auto) get() noexcept {
    if constexpr (I == 0) {
      return name();
    } else {
      return value();
    }
  }
  template <std::size_t I>
  decltype(auto) get() const noexcept {
    if constexpr (I == 0) {
      return name();
    } else {
      return value();
    }
  }

 private:
  Json name_;
  Json value_;
};

inline std::string_view Json::text() const noexcept {
  if (rep_.short_size != kOnHeap) return {rep_.bytes, rep_.short_size};
  const char* block = &on_heap<char>();
  std::size_t size;
  std::memcpy(&size, block, sizeof size);
  return {block + sizeof size, size};
}

inline bool Json::same_text(const Json& other) const noexcept {
  if (rep_.short_size == kOnHeap) return text() == other.text();
  return rep_.short_size == other.rep_.short_size && std::memcmp(rep_.bytes, other.rep_.bytes, sizeof rep_.bytes) == 0;
}

template <class T>
T& Json::on_heap() const noexcept {
  T* object;
  std::memcpy(&object, rep_.bytes + sizeof rep_.bytes - sizeof object, sizeof object);
  return *object;
}

template <class T>
Json Json::from(const T& value) {
  if constexpr (std::same_as<T, std::nullptr_t>) {
    return Json();
  } else if constexpr (std::same_as<T, bool>) {
    Json result;
    result.rep_.kind = Kind::boolean;
    result.rep_.bytes[0] = value;
    return result;
  } else if constexpr (std::same_as<T, std::filesystem::path>) {
    return Json(Kind::string, value.native());
  } else if constexpr (detail::StringLike<T>) {
    return Json(Kind::string, value);
  } else {
    std::string text;
    JsonWriter(text).value(value);
    if constexpr (detail::Number<T>) return Json(Kind::number, text);
    return parse(text);
  }
}

}  // namespace pararun

template <>
struct std::tuple_size<pararun::Json::Member> : std::integral_constant<std::size_t, 2> {};
template <>
struct std::tuple_element<0, pararun::Json::Member> {
  using type = std::string_view;
};
template <>
struct std::tuple_element<1, pararun::Json::Member> {
  using type = pararun::Json;
};

#include <pararun/detail/json_get.hpp>
