#include "fuzz/json_checker.hpp"

#include <algorithm>
#include <utility>

namespace pararun::testing {
namespace {

bool is_space(unsigned char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }
bool is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }

}  // namespace

bool JsonChecker::feed(unsigned char byte) {
  switch (state_) {
    case State::value:
      return is_space(byte) || begin_value(byte);
    case State::first_element:
      return is_space(byte) || (byte == ']' ? close('[') : begin_value(byte));
    case State::first_name:
      return is_space(byte) || (byte == '}' ? close('{') : begin_name(byte));
    case State::name:
      return is_space(byte) || begin_name(byte);
    case State::colon:
      if (byte == ':') state_ = State::value;
      return is_space(byte) || byte == ':';
    case State::after_value:
      return is_space(byte) || go_on_after_value(byte);
    case State::string:
      return feed_string(byte);
    case State::escape:
      return feed_escape(byte);
    case State::escape_digits:
      return feed_escape_digit(byte);
    case State::word:
      if (byte != static_cast<unsigned char>(word_.front())) return false;
      word_.remove_prefix(1);
      return !word_.empty() || end_value(std::nullopt);
    default:
      return feed_number(byte);
  }
}

bool JsonChecker::is_complete() const {
  if (!open_.empty()) return false;
  return state_ == State::after_value || state_ == State::zero || state_ == State::digits ||
         state_ == State::fraction || state_ == State::exponent_digits;
}

bool JsonChecker::begin_value(unsigned char byte) {
  text_.clear();
  switch (byte) {
    case '{':
      if (open_.empty()) is_object_ = true;
      return open('{', State::first_name);
    case '[':
      return open('[', State::first_element);
    case '"':
      is_name_ = false;
      state_ = State::string;
      return true;
    case 't':
      return begin_word("rue");
    case 'f':
      return begin_word("alse");
    case 'n':
      return begin_word("ull");
    case 'N':
      return python_words_ && begin_word("aN");
    case 'I':
      return python_words_ && begin_word("nfinity");
    case '-':
      state_ = State::minus;
      break;
    case '0':
      state_ = State::zero;
      break;
    default:
      if (!is_digit(byte)) return false;
      state_ = State::digits;
  }
  text_ += static_cast<char>(byte);
  return true;
}

bool JsonChecker::begin_word(std::string_view rest) {
  word_ = rest;
  state_ = State::word;
  return true;
}

bool JsonChecker::begin_name(unsigned char byte) {
  text_.clear();
  is_name_ = true;
  state_ = State::string;
  return byte == '"';
}

bool JsonChecker::go_on_after_value(unsigned char byte) {
  if (open_.empty()) return false;
  if (byte == ',') {
    state_ = open_.back() == '{' ? State::name : State::value;
    return true;
  }
  return (byte == '}' && close('{')) || (byte == ']' && close('['));
}

bool JsonChecker::open(char container, State next) {
  open_ += container;
  depth_ = std::max(depth_, open_.size());
  state_ = next;
  return true;
}

bool JsonChecker::close(char container) {
  if (open_.back() != container) return false;
  open_.pop_back();
  return end_value(std::nullopt);
}

bool JsonChecker::feed_string(unsigned char byte) {
  if (continuation_bytes_ > 0) {
    if (byte < lowest_ || byte > highest_) return false;
    --continuation_bytes_;
    lowest_ = 0x80;
    highest_ = 0xbf;
  } else if (byte == '\\') {
    state_ = State::escape;
    return true;
  } else if (high_surrogate_ != 0 || byte < 0x20) {
    return false;
  } else if (byte == '"') {
    return end_string();
  } else if (byte >= 0x80) {
    // The table "Well-Formed UTF-8 Byte Sequences" of the Unicode Standard.
    if (byte < 0xc2 || byte > 0xf4) return false;
    continuation_bytes_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    lowest_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    highest_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
  }
  text_ += static_cast<char>(byte);
  return true;
}

bool JsonChecker::feed_escape(unsigned char byte) {
  if (byte == 'u') {
    unit_ = 0;
    unit_digits_ = 0;
    state_ = State::escape_digits;
    return true;
  }
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const std::size_t known = kLetters.find(static_cast<char>(byte));
  if (high_surrogate_ != 0 || known == kLetters.npos) return false;
  text_ += kMeanings[known];
  state_ = State::string;
  return true;
}

bool JsonChecker::feed_escape_digit(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef0123456789ABCDEF";
  const std::size_t digit = kDigits.find(static_cast<char>(byte));
  if (digit == kDigits.npos) return false;
  unit_ = unit_ * 16 + static_cast<std::uint32_t>(digit % 16);
  if (++unit_digits_ < 4) return true;
  state_ = State::string;
  const bool is_high = unit_ >= 0xd800 && unit_ <= 0xdbff, is_low = unit_ >= 0xdc00 && unit_ <= 0xdfff;
  if (is_low != (high_surrogate_ != 0)) return false;
  if (is_high) {
    high_surrogate_ = unit_;
  } else if (is_low) {
    append_character(0x10000 + (std::exchange(high_surrogate_, 0) - 0xd800) * 0x400 + (unit_ - 0xdc00));
  } else {
    append_character(unit_);
  }
  return true;
}

bool JsonChecker::end_string() {
  if (!is_name_) return end_value(ReferenceId{false, text_});
  if (open_.size() == 1) at_key_ = text_ == key_;
  state_ = State::colon;
  return true;
}

bool JsonChecker::feed_number(unsigned char byte) {
  const auto follow = [&](State state) {
    text_ += static_cast<char>(byte);
    state_ = state;
    return true;
  };
  switch (state_) {
    case State::minus:
      if (byte == '0') return follow(State::zero);
      if (byte == 'I') return python_words_ && begin_word("nfinity");
      return is_digit(byte) && follow(State::digits);
    case State::digits:
      if (is_digit(byte)) return follow(State::digits);
      [[fallthrough]];
    case State::zero:
      if (byte == '.') return follow(State::point);
      if (byte == 'e' || byte == 'E') return follow(State::exponent);
      return end_number(byte);
    case State::fraction:
      if (byte == 'e' || byte == 'E') return follow(State::exponent);
      [[fallthrough]];
    case State::point:
      if (is_digit(byte)) return follow(State::fraction);
      return state_ == State::fraction && end_number(byte);
    case State::exponent:
      if (byte == '+' || byte == '-') return follow(State::exponent_sign);
      [[fallthrough]];
    case State::exponent_sign:
      return is_digit(byte) && follow(State::exponent_digits);
    default:
      return is_digit(byte) ? follow(State::exponent_digits) : end_number(byte);
  }
}

bool JsonChecker::end_number(unsigned char next) {
  std::optional<ReferenceId> id;
  if (text_.find_first_of(".eE") == text_.npos) id = ReferenceId{true, text_ == "-0" ? "0" : text_};
  return end_value(std::move(id)) && feed(next);
}

bool JsonChecker::end_value(std::optional<ReferenceId> id) {
  state_ = State::after_value;
  if (open_.size() == 1 && std::exchange(at_key_, false)) id_ = std::move(id);
  return true;
}

void JsonChecker::append_character(std::uint32_t code_point) {
  if (code_point < 0x80) {
    text_ += static_cast<char>(code_point);
    return;
  }
  // From the last byte to the first: six bits each, until what is left fits behind the first byte's mark.
  std::string bytes;
  std::uint32_t room = 0x3f;
  do {
    bytes.insert(bytes.begin(), static_cast<char>(0x80 | (code_point & 0x3f)));
    code_point >>= 6;
    room >>= 1;
  } while (code_point > room);
  bytes.insert(bytes.begin(), static_cast<char>((0xfeU << (6 - bytes.size())) | code_point));
  text_ += bytes;
}

}  // namespace pararun::testing
