/// How a result becomes JSON. Anything that `write_json(JsonWriter&, const T&)` accepts can be returned
/// from an item function: this header has it for bool, numbers, strings, paths, optionals, ranges, maps,
/// tuples and `object(...)`; `PARARUN_JSON` declares it for a struct; and a user's own overload, found by
/// argument-dependent lookup, adds any other type:
///
///     struct Page { std::string title; int words; };
///     PARARUN_JSON(Page, title, words)                       // in the namespace of Page
///
///     void write_json(pr::JsonWriter& json, const Matrix& m) { json.value(m.cells()); }
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <pararun/error.hpp>

namespace pararun {

class JsonWriter;

namespace detail {

template <class T>
concept StringLike = std::convertible_to<const T&, std::string_view>;

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

template <class T>
concept Range = std::ranges::input_range<const T> && !StringLike<T> && !std::same_as<T, std::filesystem::path>;

template <class T>
concept Map = Range<T> && requires {
  typename T::mapped_type;
  requires StringLike<typename T::key_type> || std::integral<typename T::key_type>;
};

template <class T>
concept OptionalLike = !Range<T> && requires(const T& value) {
  typename T::value_type;
  { value.has_value() } -> std::same_as<bool>;
  *value;
};

template <class T>
concept TupleLike = !Range<T> && requires {
  requires std::tuple_size<T>::value == 0 || requires(const T& tuple) { std::get<0>(tuple); };
};

}  // namespace detail

/// Writes one JSON value, checking as it goes that it is one: keys only in objects, a value after each key,
/// strings in valid UTF-8, no NaN and no infinities. Any breach throws `BadResult`, which names the nearest
/// key. A call that throws may leave the value unfinished: every further call throws then, and the result is refused
/// even if `write_json` catches what was thrown. Numbers keep every digit: doubles are written in the shortest form
/// that reads back as the same double. Made by pararun and lent to `write_json`; not thread-safe.
class JsonWriter {
 public:
  /// Appends to `out`, which must outlive the writer.
  explicit JsonWriter(std::string& out) noexcept : out_(&out) {}

  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& begin_object() { return begin('{'); }
  JsonWriter& end_object() { return end('{', '}'); }
  JsonWriter& begin_array() { return begin('['); }
  JsonWriter& end_array() { return end('[', ']'); }

  /// The name of the next member of the object that is open.
  JsonWriter& key(std::string_view name);

  JsonWriter& null() { return literal("null"); }
  JsonWriter& boolean(bool value) { return literal(value ? "true" : "false"); }
  JsonWriter& string(std::string_view text);

  template <std::integral T>
  JsonWriter& integer(T value) {
    constexpr std::size_t kMostDigits = 48;  // enough for the 128-bit integers of compilers that extend the language
    before_value();
    // In place: a copy would have to wait for the digits, which are written one by one.
    const std::size_t begin = out_->size();
    out_->resize(begin + kMostDigits);
    char* const digits = out_->data() + begin;
    out_->resize(begin + static_cast<std::size_t>(std::to_chars(digits, digits + kMostDigits, value).ptr - digits));
    after_value();
    return *this;
  }

  template <std::floating_point T>
  JsonWriter& real(T value) {
    if (!std::isfinite(value)) refuse(std::isnan(value) ? "NaN is no JSON" : "an infinity is no JSON");
    char digits[64];
    char* end = std::to_chars(digits, digits + sizeof digits - 2, value).ptr;
    // A column that holds 1.0 and 1.5 shall not change its type half-way.
    if (std::string_view(digits, end).find_first_of(".e") == std::string_view::npos) {
      *end++ = '.';
      *end++ = '0';
    }
    return literal({digits, end});
  }

  /// Any value that `write_json` accepts.
  template <class T>
  JsonWriter& value(const T& value) {
    write_json(*this, value);
    return *this;
  }

  /// A key and its value.
  template <class T>
  JsonWriter& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  /// Whether exactly one value has been written, whole.
  bool complete() const noexcept { return whole_ && open_.empty() && started_; }

  /// Forgets all state, to write another value behind what `out` holds then.
  void reset() noexcept;

  /// Remembers where the top-level member `name` is written; the view must stay valid. Empty: none.
  void watch(std::string_view name) noexcept { watched_ = name; }

  /// The text of the watched member's value: its offset in `out` and its length; a length of 0 means that
  /// there is no such member.
  struct Span {
    std::size_t begin = 0, length = 0;
  };
  Span watched() const noexcept { return found_; }

  /// A number by its text, which must follow JSON's grammar. For values that were parsed and shall keep
  /// their digits.
  JsonWriter& number_text(std::string_view text) { return literal(text); }

  /// A whole value by its text, which another writer has written, with what that one says of the member that both
  /// watch, counted from the beginning of the text.
  JsonWriter& value_text(std::string_view text, Span watched) {
    literal(text);
    if (!watched_.empty() && watched.length > 0) found_ = {out_->size() - text.size() + watched.begin, watched.length};
    return *this;
  }

 private:
  JsonWriter& begin(char bracket) {
    before_value();
    out_->push_back(bracket);
    open_.push_back(bracket);
    comma_ = false;
    whole_ = true;
    return *this;
  }
  JsonWriter& end(char bracket, char closing);

  JsonWriter& literal(std::string_view text) {
    before_value();
    out_->append(text);
    after_value();
    return *this;
  }

  void before_value() {
    begin_step();
    if (key_pending_) {
      key_pending_ = false;
      return;
    }
    if (open_.empty() ? started_ : open_.back() == '{') misplaced_value();
    if (comma_) out_->push_back(',');
    started_ = true;
  }
  void after_value() {
    comma_ = whole_ = true;
    if (watching_ && open_.size() == 1) end_watched();
  }

  /// What is left undone by an exception stays undone.
  void begin_step() {
    if (!whole_) refuse("it goes on after an exception");
    whole_ = false;
  }

  [[noreturn]] void misplaced_value() const;
  [[noreturn]] void refuse(const char* problem) const;
  void end_watched();

  std::string* out_;
  std::string open_;  // the brackets not yet closed; short enough for no allocation in ordinary results
  std::string_view watched_;
  Span found_;
  std::size_t last_key_ = std::string::npos;  // where in *out_ the nearest key begins, for messages
  bool whole_ = true;                         // but for open brackets and a pending key: no call has thrown half-way
  bool started_ = false;
  bool comma_ = false;
  bool key_pending_ = false;
  bool watching_ = false;
};

inline void write_json(JsonWriter& json, std::nullptr_t) { json.null(); }
inline void write_json(JsonWriter& json, std::nullopt_t) { json.null(); }
inline void write_json(JsonWriter& json, const std::filesystem::path& path) { json.string(path.native()); }

template <std::same_as<bool> T>
void write_json(JsonWriter& json, T value) {
  json.boolean(value);
}

/// A character is a string of one.
template <std::same_as<char> T>
void write_json(JsonWriter& json, const T& value) {
  json.string({&value, 1});
}

template <detail::Number T>
void write_json(JsonWriter& json, T value) {
  if constexpr (std::integral<T>) {
    json.integer(value);
  } else {
    json.real(value);
  }
}

template <class T>
requires detail::StringLike<T>
void write_json(JsonWriter& json, const T& text) { json.string(text); }

template <class T>
requires std::is_enum_v<T>
void write_json(JsonWriter& json, T value) { json.integer(static_cast<std::underlying_type_t<T>>(value)); }

template <detail::OptionalLike T>
void write_json(JsonWriter& json, const T& value) {
  if (value.has_value()) {
    json.value(*value);
  } else {
    json.null();
  }
}

template <detail::Range T>
void write_json(JsonWriter& json, const T& range) {
  if constexpr (detail::Map<T>) {
    json.begin_object();
    for (const auto& [name, value] : range) {
      if constexpr (std::integral<std::remove_cvref_t<decltype(name)>>) {
        json.key(std::to_string(name));
      } else {
        json.key(name);
      }
      json.value(value);
    }
    json.end_object();
  } else {
    json.begin_array();
    // vector<bool> yields proxies, which must be turned into values before they are written.
    for (const auto& element : range) json.value(static_cast<const std::ranges::range_value_t<const T>&>(element));
    json.end_array();
  }
}

template <detail::TupleLike T>
void write_json(JsonWriter& json, const T& tuple) {
  json.begin_array();
  std::apply([&](const auto&... elements) { (json.value(elements), ...); }, tuple);
  json.end_array();
}

/// Whether a value of type `T` can be a result.
template <class T>
concept JsonWritable = requires(JsonWriter& json, const T& value) {
  write_json(json, value);
};

/// A JSON object of named values, made by `object`.
template <class... Members>
class Object {
 public:
  template <class... Args>
  explicit Object(std::in_place_t, Args&&... members) : members_(std::forward<Args>(members)...) {}

  friend void write_json(JsonWriter& json, const Object& object) {
    json.begin_object();
    write_members(json, object, std::make_index_sequence<sizeof...(Members) / 2>());
    json.end_object();
  }

 private:
  template <std::size_t... I>
  static void write_members(JsonWriter& json, const Object& object, std::index_sequence<I...>) {
    (json.member(std::get<2 * I>(object.members_), std::get<2 * I + 1>(object.members_)), ...);
  }

  std::tuple<Members...> members_;
};

/// `object("name", value, "size", 3)`: an object with those members, in that order. Holds copies (or what
/// was moved in); a `const char*` is kept as a pointer and must outlive the object, as literals do.
template <class... Members>
requires(sizeof...(Members) % 2 == 0) auto object(Members&&... members) {
  return Object<std::decay_t<Members>...>(std::in_place, std::forward<Members>(members)...);
}

}  // namespace pararun

#define PARARUN_DETAIL_PARENS ()
#define PARARUN_DETAIL_EXPAND(...) \
  PARARUN_DETAIL_EXPAND3(PARARUN_DETAIL_EXPAND3(PARARUN_DETAIL_EXPAND3(PARARUN_DETAIL_EXPAND3(__VA_ARGS__))))
#define PARARUN_DETAIL_EXPAND3(...) \
  PARARUN_DETAIL_EXPAND2(PARARUN_DETAIL_EXPAND2(PARARUN_DETAIL_EXPAND2(PARARUN_DETAIL_EXPAND2(__VA_ARGS__))))
#define PARARUN_DETAIL_EXPAND2(...) \
  PARARUN_DETAIL_EXPAND1(PARARUN_DETAIL_EXPAND1(PARARUN_DETAIL_EXPAND1(PARARUN_DETAIL_EXPAND1(__VA_ARGS__))))
#define PARARUN_DETAIL_EXPAND1(...) __VA_ARGS__
#define PARARUN_DETAIL_EACH(field, ...)             \
  pararun_json.member(#field, pararun_value.field); \
  __VA_OPT__(PARARUN_DETAIL_AGAIN PARARUN_DETAIL_PARENS(__VA_ARGS__))
#define PARARUN_DETAIL_AGAIN() PARARUN_DETAIL_EACH

/// Declares how the struct `Type` is written: an object of the named fields, up to 80 of them. Stands in the namespace
/// of `Type`, after it.
#define PARARUN_JSON(Type, ...)                                                            \
  inline void write_json(::pararun::JsonWriter& pararun_json, const Type& pararun_value) { \
    pararun_json.begin_object();                                                           \
    PARARUN_DETAIL_EXPAND(PARARUN_DETAIL_EACH(__VA_ARGS__))                                \
    pararun_json.end_object();                                                             \
  }
