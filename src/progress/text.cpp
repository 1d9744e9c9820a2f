#include "progress/text.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "json/text.hpp"

namespace pararun::progress {
namespace {

struct Range {
  char32_t first, last;
};

/// Sorted. Some are drawn generously around the wide characters in them.
constexpr Range kWide[] = {
    {0x1100, 0x115f}, {0x231a, 0x231b}, {0x2329, 0x232a},   {0x23e9, 0x23f3},   {0x25fd, 0x25fe},   {0x2600, 0x27bf},
    {0x2b1b, 0x2b55}, {0x2e80, 0xa4cf}, {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe6f},
    {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x16fe0, 0x1b2ff}, {0x1d300, 0x1d376}, {0x1f000, 0x1fbff}, {0x20000, 0x3fffd}};

/// Sorted: accents that combine with the character before them. Other marks count as one column.
constexpr Range kCombining[] = {{0x0300, 0x036f}, {0x1dc0, 0x1dff}, {0x20d0, 0x20f0}};

/// Sorted: C0, C1, line separators, and the invisible characters that reorder text or hide in it.
constexpr Range kUnsafe[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x061c, 0x061c},
                             {0x180e, 0x180e}, {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e},
                             {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};

template <std::size_t N>
bool contains(const Range (&ranges)[N], char32_t character) {
  const Range* after = std::upper_bound(std::begin(ranges), std::end(ranges), character,
                                        [](char32_t c, const Range& range) { return c < range.first; });
  return after != std::begin(ranges) && character <= std::prev(after)->last;
}

std::size_t width(char32_t character) {
  if (character < 0x300) return 1;
  return contains(kCombining, character) ? 0 : contains(kWide, character) ? 2 : 1;
}

/// The character at the front of `text`, which is not empty. A byte that is no UTF-8 is one of its own.
struct Character {
  char32_t code;
  std::size_t length;
  bool valid;
};

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (json::valid_utf8_prefix(text.substr(0, length)) != length) return {lead, 1, false};
  char32_t code = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) code = code << 6 | (byte(i) & 0x3fU);
  return {code, length, true};
}

void append_escaped(std::string& out, const Character& character) {
  constexpr char kDigits[] = "0123456789abcdef";
  const int digits = !character.valid || character.code < 0x80 ? 2 : character.code < 0x10000 ? 4 : 6;
  out += digits == 2 ? "\\x" : "\\u";
  for (int digit = digits - 1; digit >= 0; --digit) out += kDigits[character.code >> (4 * digit) & 15];
}

}  // namespace

std::string printable(std::string_view text, Charset charset) {
  std::string out;
  while (!text.empty()) {
    const Character character = first_character(text);
    if (!character.valid || contains(kUnsafe, character.code)) {
      append_escaped(out, character);
    } else if (charset == Charset::ascii && character.code >= 0x80) {
      out += '?';
    } else {
      out += text.substr(0, character.length);
    }
    text.remove_prefix(character.length);
  }
  return out;
}

std::size_t columns(std::string_view printable_text) {
  std::size_t sum = 0;
  while (!printable_text.empty()) {
    const Character character = first_character(printable_text);
    sum += width(character.code);
    printable_text.remove_prefix(character.length);
  }
  return sum;
}

std::string shortened(std::string_view printable_text, std::size_t limit, Charset charset) {
  if (columns(printable_text) <= limit) return std::string(printable_text);
  const std::string_view mark = charset == Charset::utf8 ? "…" : "...";
  const std::size_t mark_columns = columns(mark);
  if (limit < mark_columns) return {};
  std::size_t kept = 0;
  for (std::size_t taken = 0;;) {
    const Character character = first_character(printable_text.substr(kept));
    taken += width(character.code);
    if (taken + mark_columns > limit) break;
    kept += character.length;
  }
  return std::string(printable_text.substr(0, kept)).append(mark);
}

}  // namespace pararun::progress
