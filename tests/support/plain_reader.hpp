/// A second opinion on results files: slow, simple, and without a line in common with the store. What it calls intact
/// is an object of RFC 8259 in valid UTF-8, with Python's NaN and infinities; see src/store/FORMAT.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pararun::testing {

/// One line, without its newline.
struct PlainLine {
  enum class Kind { id, foreign, blank, damaged };

  Kind kind = Kind::damaged;
  std::string id;           ///< decoded; of an integer its digits
  bool is_integer = false;  ///< rather than a string
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Goes over one text, character by character.
class PlainJson {
 public:
  PlainJson(std::string_view text, std::string_view key_field) : text_(text), key_field_(key_field) {}

  PlainLine read() {
    PlainLine line;
    skip_space();
    if (at_ == text_.size()) {
      line.kind = PlainLine::Kind::blank;
      return line;
    }
    const bool is_object = peek() == '{';
    if (!read_value()) return line;
    skip_space();
    if (!is_object || at_ != text_.size()) return line;
    line.kind = PlainLine::Kind::foreign;
    if (key_value_.starts_with('"')) {
      line.kind = PlainLine::Kind::id;
      line.id = PlainJson(key_value_, {}).read_string().value();
    } else if (!key_value_.empty() && key_value_.find_first_not_of("-0123456789") == key_value_.npos) {
      line.kind = PlainLine::Kind::id;
      line.is_integer = true;
      line.id = key_value_ == "-0" ? "0" : std::string(key_value_);
    }
    return line;
  }

 private:
  bool ends() const { return at_ == text_.size(); }
  char peek() const { return ends() ? '\0' : text_[at_]; }

  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  void skip_space() {
    while (!ends() && (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n')) ++at_;
  }

  bool read_value() {
    std::string open;  // the brackets around the place
    for (;;) {
      skip_space();
      const std::size_t begin = at_;
      bool ended = true;
      if (take("{")) {
        skip_space();
        if (!take("}")) {
          open += '{';
          if (!read_name(open.size())) return false;
          ended = false;
        }
      } else if (take("[")) {
        skip_space();
        if (!take("]")) {
          open += '[';
          ended = false;
        }
      } else if (!read_scalar()) {
        return false;
      }
      if (ended && open.size() == 1 && in_key_) key_value_ = text_.substr(begin, at_ - begin);
      while (ended) {
        if (open.empty()) return true;
        skip_space();
        if (take(",")) {
          skip_space();
          if (open.back() == '{' && !read_name(open.size())) return false;
          ended = false;
        } else if (take(open.back() == '{' ? "}" : "]")) {
          open.pop_back();
          if (open.size() == 1 && in_key_) key_value_ = "[]";  // any value that is no id
        } else {
          return false;
        }
      }
    }
  }

  bool read_name(std::size_t depth) {
    const std::optional<std::string> name = read_string();
    if (!name) return false;
    if (depth == 1) in_key_ = *name == key_field_;
    skip_space();
    return take(":");
  }

  bool read_scalar() {
    if (peek() == '"') return read_string().has_value();
    for (const char* word : {"true", "false", "null", "NaN", "Infinity", "-Infinity"}) {
      if (take(word)) return true;
    }
    return read_number();
  }

  bool read_digits() {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > begin;
  }

  bool read_number() {
    take("-");
    if (!take("0") && !read_digits()) return false;
    if (take(".") && !read_digits()) return false;
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      if (!read_digits()) return false;
    }
    return true;
  }

  std::optional<std::string> read_string() {
    std::string out;
    if (!take("\"")) return std::nullopt;
    for (;;) {
      if (ends()) return std::nullopt;
      if (take("\"")) return out;
      if (take("\\")) {
        if (!read_escape(out)) return std::nullopt;
      } else if (!read_character(out)) {
        return std::nullopt;
      }
    }
  }

  bool read_escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    if (ends()) return false;
    const char letter = text_[at_++];
    if (const std::size_t known = kLetters.find(letter); known != kLetters.npos) {
      out += kMeanings[known];
      return true;
    }
    if (letter != 'u') return false;
    std::optional<std::uint32_t> code = read_hex();
    if (!code || (*code >= 0xDC00 && *code <= 0xDFFF)) return false;
    if (*code >= 0xD800 && *code <= 0xDBFF) {
      if (!take("\\u")) return false;
      const std::optional<std::uint32_t> low = read_hex();
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
    }
    append_utf8(out, *code);
    return true;
  }

  std::optional<std::uint32_t> read_hex() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      constexpr std::string_view kDigits = "0123456789abcdef", kUpper = "0123456789ABCDEF";
      if (ends()) return std::nullopt;
      const char digit = text_[at_++];
      std::size_t value = kDigits.find(digit);
      if (value == kDigits.npos) value = kUpper.find(digit);
      if (value == kUpper.npos) return std::nullopt;
      code = code * 16 + static_cast<std::uint32_t>(value);
    }
    return code;
  }

  /// Decodes a character and encodes it again: only what comes out as it went in is valid.
  bool read_character(std::string& out) {
    const auto lead = static_cast<unsigned char>(text_[at_]);
    if (lead < 0x20) return false;
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length > text_.size() - at_) return false;
    std::uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(text_[at_ + i]) & 0x3F);
    std::string again;
    append_utf8(again, code);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (surrogate || code > 0x10FFFF || again != text_.substr(at_, length)) return false;
    at_ += length;
    out += again;
    return true;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
      add(0xC0 | code >> 6);
    } else {
      if (code < 0x10000) {
        add(0xE0 | code >> 12);
      } else {
        add(0xF0 | code >> 18);
        add(0x80 | (code >> 12 & 0x3F));
      }
      add(0x80 | (code >> 6 & 0x3F));
    }
    add(0x80 | (code & 0x3F));
  }

  std::string_view text_;
  std::string_view key_field_;
  std::size_t at_ = 0;
  bool in_key_ = false;  // the last name met in the outermost object is the key
  std::string_view key_value_;
};

/// The lines of a file and what follows the last newline.
struct PlainFile {
  std::vector<PlainLine> lines;
  std::string tail;

  std::size_t count(PlainLine::Kind kind) const {
    std::size_t count = 0;
    for (const PlainLine& line : lines) count += line.kind == kind;
    return count;
  }
};

inline PlainLine read_plain_line(std::string_view line, std::string_view key_field = "id") {
  return PlainJson(line, key_field).read();
}

/// `content` is a file's from byte `offset` on, where a line begins.
inline PlainFile read_plain_file(std::string_view content, std::uint64_t offset = 0,
                                 std::string_view key_field = "id") {
  PlainFile file;
  std::size_t begin = 0;
  for (std::size_t end; (end = content.find('\n', begin)) != content.npos; begin = end + 1) {
    std::string_view text = content.substr(begin, end - begin);
    if (offset + begin == 0 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    PlainLine line = read_plain_line(text, key_field);
    line.offset = offset + begin;
    line.length = end - begin;
    file.lines.push_back(std::move(line));
  }
  file.tail = content.substr(begin);
  return file;
}

}  // namespace pararun::testing
