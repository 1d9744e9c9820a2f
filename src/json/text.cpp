#include "json/text.hpp"

#include <algorithm>
#include <cstdint>

#include "json/swar.hpp"

namespace pararun::json {
namespace {

void append_escaped(std::string& out, unsigned char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (byte) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
  }
}

/// The length of the longest prefix without a byte that `marks_of` marks, which must mark zeros.
template <class Marks>
std::size_t unmarked_prefix(std::string_view text, Marks marks_of) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    const std::uint64_t marks = marks_of(swar::load(text.data() + at));
    if (marks != 0) return at + swar::first_marked(marks);
  }
  // The zeros behind the text are marked, so there is always a mark.
  if (at < text.size()) at += swar::first_marked(marks_of(swar::load_end(text, text.size() - at)));
  return at;
}

/// Appends valid UTF-8 as the body of a JSON string.
void append_body(std::string& out, std::string_view text) {
  for (std::size_t at = 0;; ++at) {
    const std::size_t plain = unescaped_prefix(text.substr(at));
    out.append(text.data() + at, plain);
    at += plain;
    if (at == text.size()) return;
    append_escaped(out, static_cast<unsigned char>(text[at]));
  }
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = std::min<std::size_t>(text.size() - at, 8);
    const std::uint64_t word = size == 8 ? swar::load(text.data() + at) : swar::load_end(text, size);
    const std::uint64_t marks = swar::non_ascii(word);
    if (marks == 0) {
      at += size;
    } else if (const std::size_t ascii = swar::first_marked(marks); ascii != 0) {
      at += ascii;
    } else {
      const std::size_t length = swar::sequence_length(word);
      if (length == 0) break;
      at += length;
    }
  }
  return at;
}

std::size_t unescaped_prefix(std::string_view text) noexcept { return unmarked_prefix(text, swar::needs_escape); }

std::string_view without_byte_order_mark(std::string_view text, std::uint64_t begin) noexcept {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (begin == 0 && text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

bool append_string(std::string& out, std::string_view text) {
  // Of most strings this is all.
  const std::size_t plain = unmarked_prefix(
      text, [](std::uint64_t word) noexcept { return swar::needs_escape(word) | swar::non_ascii(word); });
  const std::string_view rest = text.substr(plain);
  if (valid_utf8_prefix(rest) != rest.size()) return false;
  out.push_back('"');
  out.append(text.data(), plain);
  if (!rest.empty()) append_body(out, rest);
  out.push_back('"');
  return true;
}

void append_lossy_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (;;) {
    const std::size_t valid = valid_utf8_prefix(text);
    append_body(out, text.substr(0, valid));
    if (valid == text.size()) break;
    out += "\xef\xbf\xbd";
    text.remove_prefix(valid + 1);
  }
  out.push_back('"');
}

}  // namespace pararun::json
