#include "corpus/encoding.hpp"

#include <array>

namespace corpus {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

unsigned byte_at(std::string_view text, std::size_t index) noexcept { return static_cast<unsigned char>(text[index]); }

/// Bytes 0x80 to 0x9F. Five are assigned to nothing; as in web browsers they become the control characters
/// of Latin-1.
constexpr std::array<char16_t, 32> kWindows1252 = {0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                   0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008D, 0x017D, 0x008F,
                                                   0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                   0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

char32_t from_windows1252(unsigned byte) noexcept {
  return byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80] : byte;
}

Decoded from_utf16(std::string_view bytes, bool little_endian) {
  const auto unit_at = [&](std::size_t index) -> char32_t {
    const unsigned first = byte_at(bytes, index), second = byte_at(bytes, index + 1);
    return little_endian ? first | second << 8 : first << 8 | second;
  };
  const auto is_high = [](char32_t unit) { return unit >= 0xD800 && unit < 0xDC00; };
  const auto is_low = [](char32_t unit) { return unit >= 0xDC00 && unit < 0xE000; };

  Decoded result{{}, little_endian ? "utf-16le" : "utf-16be"};
  result.text.reserve(bytes.size());
  std::size_t at = 2;  // behind the byte order mark
  for (; at + 1 < bytes.size(); at += 2) {
    const char32_t unit = unit_at(at);
    if (is_high(unit) && at + 3 < bytes.size() && is_low(unit_at(at + 2))) {
      at += 2;
      append_utf8(result.text, 0x10000 + ((unit - 0xD800) << 10) + (unit_at(at) - 0xDC00));
    } else {
      append_utf8(result.text, is_high(unit) || is_low(unit) ? kReplacement : unit);
    }
  }
  if (at < bytes.size()) append_utf8(result.text, kReplacement);
  return result;
}

Decoded from_bytes(std::string_view bytes) {
  bool has_utf8 = false, has_windows1252 = false;
  Decoded result;
  result.text.reserve(bytes.size());
  while (!bytes.empty()) {
    const CodePoint next = first_code_point(bytes);
    if (next.length == 0) {
      append_utf8(result.text, from_windows1252(byte_at(bytes, 0)));
      has_windows1252 = true;
    } else {
      result.text.append(bytes, 0, next.length);
      if (next.length > 1) has_utf8 = true;
    }
    bytes.remove_prefix(next.length == 0 ? 1 : next.length);
  }
  result.encoding = !has_windows1252 ? "utf-8" : has_utf8 ? "mixed" : "windows-1252";
  return result;
}

}  // namespace

CodePoint first_code_point(std::string_view text) noexcept {
  const unsigned lead = byte_at(text, 0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return {0, 0};

  char32_t value = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned byte = byte_at(text, i);
    if ((byte & 0xC0) != 0x80) return {0, 0};
    value = value << 6 | (byte & 0x3F);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  if (overlong || surrogate || value > 0x10FFFF) return {0, 0};
  return {value, length};
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto trailing = [&](unsigned shift) { return static_cast<char>(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += {static_cast<char>(0xC0 | code_point >> 6), trailing(0)};
  } else if (code_point < 0x10000) {
    out += {static_cast<char>(0xE0 | code_point >> 12), trailing(6), trailing(0)};
  } else {
    out += {static_cast<char>(0xF0 | code_point >> 18), trailing(12), trailing(6), trailing(0)};
  }
}

std::optional<Decoded> to_utf8(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE")) return from_utf16(bytes, true);
  if (bytes.starts_with("\xFE\xFF")) return from_utf16(bytes, false);
  if (bytes.find('\0') != std::string_view::npos) return std::nullopt;
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  return from_bytes(bytes);
}

}  // namespace corpus
