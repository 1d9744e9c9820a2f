/// The grammar of RFC 8259 as an automaton that is fed one byte at a time and never recurses: a slow second opinion on
/// what is JSON, with nothing in common with the readers under test.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pararun::testing {

/// What a line of a results file is about.
struct ReferenceId {
  bool is_integer = false;
  std::string text;  ///< decoded; of an integer its digits

  friend auto operator<=>(const ReferenceId&, const ReferenceId&) = default;
};

/// Reads one text. Strings are valid UTF-8, and surrogate escapes come in pairs.
class JsonChecker {
 public:
  /// `python_words` are NaN, Infinity and -Infinity. `key` is the name of the outermost member to look out for.
  explicit JsonChecker(bool python_words, std::string_view key = {}) : python_words_(python_words), key_(key) {}

  /// Returns false if no JSON text goes on like that; nothing more may be fed then.
  bool feed(unsigned char byte);

  /// Whether what was fed is one whole value.
  bool is_complete() const;

  /// Whether the value is an object or the beginning of one.
  bool is_object() const { return is_object_; }

  /// The most containers that were open at the same time.
  std::size_t depth() const { return depth_; }

  /// The value of the last outermost member called `key`, if it is a string or an integer.
  const std::optional<ReferenceId>& id() const { return id_; }

 private:
  enum class State {
    value,          // one must come
    first_element,  // or the end of the array
    first_name,     // or the end of the object
    name,
    colon,
    after_value,
    string,
    escape,
    escape_digits,
    minus,
    zero,
    digits,
    point,
    fraction,
    exponent,
    exponent_sign,
    exponent_digits,
    word,
  };

  bool begin_value(unsigned char byte);
  bool begin_word(std::string_view rest);
  bool begin_name(unsigned char byte);
  bool go_on_after_value(unsigned char byte);
  bool open(char container, State next);
  bool close(char container);
  bool feed_string(unsigned char byte);
  bool feed_escape(unsigned char byte);
  bool feed_escape_digit(unsigned char byte);
  bool end_string();
  bool feed_number(unsigned char byte);
  bool end_number(unsigned char next);
  bool end_value(std::optional<ReferenceId> id);
  void append_character(std::uint32_t code_point);

  bool python_words_;
  std::string key_;
  State state_ = State::value;
  std::string open_;  // the containers around the place
  std::size_t depth_ = 0;
  bool is_object_ = false;
  bool at_key_ = false;  // in the value of an outermost member called `key_`
  std::optional<ReferenceId> id_;

  bool is_name_ = false;                          // the string is a member's name
  std::string text_;                              // of the string or the number so far
  int continuation_bytes_ = 0;                    // that the character lacks
  unsigned char lowest_ = 0x80, highest_ = 0xbf;  // for the next of them
  std::uint32_t high_surrogate_ = 0;              // waits for its other half
  std::uint32_t unit_ = 0;                        // the digits of an escape so far
  int unit_digits_ = 0;
  std::string_view word_;  // what is left of it
};

}  // namespace pararun::testing
