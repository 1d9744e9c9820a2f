#include "json/escape.hpp"

namespace pararun::json {
namespace {

constexpr std::uint32_t kNoUnit = 0x10000;

/// The four digits of a `\u` escape at the front of `text`, or `kNoUnit`.
std::uint32_t read_unit(std::string_view text) noexcept {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return kNoUnit;
  std::uint32_t unit = 0;
  for (const char c : text.substr(2, 4)) {
    const auto letter = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      unit = unit * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (letter >= 'a' && letter <= 'f') {
      unit = unit * 16 + static_cast<std::uint32_t>(letter - 'a' + 10);
    } else {
      return kNoUnit;
    }
  }
  return unit;
}

Escape read_code_point(std::string_view text) noexcept {
  const std::uint32_t unit = read_unit(text);
  if (unit == kNoUnit) return {.problem = "a malformed escape"};
  if (unit < 0xd800 || unit > 0xdfff) return {.length = 6, .code_point = unit};
  const std::uint32_t second = unit < 0xdc00 ? read_unit(text.substr(6)) : kNoUnit;
  if (second < 0xdc00 || second > 0xdfff) return {.problem = "half of a surrogate pair"};
  return {.length = 12, .code_point = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00)};
}

}  // namespace

Escape read_escape(std::string_view text) noexcept {
  const auto stands_for = [](char c) { return Escape{.length = 2, .code_point = static_cast<unsigned char>(c)}; };
  switch (text.size() < 2 ? '\0' : text[1]) {
    case '"':
    case '\\':
    case '/':
      return stands_for(text[1]);
    case 'b':
      return stands_for('\b');
    case 'f':
      return stands_for('\f');
    case 'n':
      return stands_for('\n');
    case 'r':
      return stands_for('\r');
    case 't':
      return stands_for('\t');
    case 'u':
      return read_code_point(text);
    default:
      return {.problem = "a malformed escape"};
  }
}

Utf8 encode_utf8(std::uint32_t code_point) noexcept {
  Utf8 out;
  const auto add = [&](std::uint32_t byte) { out.bytes[out.size++] = static_cast<char>(byte); };
  const auto add_rest = [&](unsigned shift) { add(0x80 | ((code_point >> shift) & 0x3f)); };
  if (code_point < 0x80) {
    add(code_point);
  } else if (code_point < 0x800) {
    add(0xc0 | (code_point >> 6));
    add_rest(0);
  } else if (code_point < 0x10000) {
    add(0xe0 | (code_point >> 12));
    add_rest(6);
    add_rest(0);
  } else {
    add(0xf0 | (code_point >> 18));
    add_rest(12);
    add_rest(6);
    add_rest(0);
  }
  return out;
}

}  // namespace pararun::json
