#include "json/text.hpp"

#include <cstdint>
#include <cstring>

namespace pararun::json {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;

/// Nonzero if any of the eight bytes is below 0x20, a quote, a backslash, or above 0x7f. The classical
/// "determine if a word has a byte less than n" (Bit Twiddling Hacks, S. E. Anderson); its false
/// positives all lie above a true one, so the test for nonzero is exact.
std::uint64_t special(std::uint64_t word) noexcept {
  const auto zero_byte = [](std::uint64_t w) { return (w - kOnes) & ~w; };
  return ((word - kOnes * 0x20) | zero_byte(word ^ (kOnes * '"')) | zero_byte(word ^ (kOnes * '\\')) | word) & kHighs;
}

std::uint64_t load(const char* bytes) noexcept {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// How many leading bytes can be copied as they are.
std::size_t plain_prefix(const char* bytes, std::size_t size) noexcept {
  std::size_t at = 0;
  while (at + 8 <= size && special(load(bytes + at)) == 0) at += 8;
  while (at < size) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (byte < 0x20 || byte > 0x7f || byte == '"' || byte == '\\') break;
    ++at;
  }
  return at;
}

/// The length of the well-formed UTF-8 sequence at the front of `bytes`, or 0. Table 3-7 of the Unicode
/// Standard.
std::size_t sequence_length(const char* bytes, std::size_t size) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || length > size) return 0;
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

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

/// Appends the body of a JSON string. Stops at the first byte that is no UTF-8 and returns its offset.
std::size_t append_body(std::string& out, std::string_view text) {
  std::size_t at = 0;
  for (;;) {
    const std::size_t plain = plain_prefix(text.data() + at, text.size() - at);
    out.append(text.data() + at, plain);
    at += plain;
    if (at == text.size()) return at;
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      append_escaped(out, static_cast<unsigned char>(text[at++]));
    } else {
      const std::size_t length = sequence_length(text.data() + at, text.size() - at);
      if (length == 0) return at;
      out.append(text.data() + at, length);
      at += length;
    }
  }
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    while (at + 8 <= text.size() && (load(text.data() + at) & kHighs) == 0) at += 8;
    if (at == text.size()) break;
    const std::size_t length = sequence_length(text.data() + at, text.size() - at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

bool append_string(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out.push_back('"');
  if (append_body(out, text) != text.size()) {
    out.resize(start);
    return false;
  }
  out.push_back('"');
  return true;
}

void append_lossy_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (std::size_t at = 0; (at += append_body(out, text.substr(at))) < text.size(); ++at) out += "\xef\xbf\xbd";
  out.push_back('"');
}

}  // namespace pararun::json
