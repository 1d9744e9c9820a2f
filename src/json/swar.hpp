/// Eight bytes of text at a time: masks that mark the bytes of a word which end a run of plain text. They
/// are the classical tests of "Bit Twiddling Hacks" (S. E. Anderson); their false positives lie only above a
/// true one, so the lowest marked byte is always right.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pararun::json::swar {

inline constexpr std::uint64_t kOnes = 0x0101010101010101;
inline constexpr std::uint64_t kHighs = 0x8080808080808080;

/// The eight bytes at `bytes`, the first one lowest whatever the machine.
inline std::uint64_t load(const char* bytes) noexcept {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

/// As `load`, of the only `size` bytes there are, 1 to 7; the rest of the word is 0.
inline std::uint64_t load_partial(const char* bytes, std::size_t size) noexcept {
  const auto at = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i); };
  std::uint64_t word = at(0) | at(size / 2) | at(size - 1);
  if (size > 3) word |= at(1) | at(size - 2) | at(size / 2 - 1) | at(size / 2 + 1);
  return word;
}

/// As `load_partial`, of the last `size` bytes of a text.
inline std::uint64_t load_end(std::string_view text, std::size_t size) noexcept {
  const char* const end = text.data() + text.size();
  return text.size() < 8 ? load_partial(end - size, size) : load(end - 8) >> (8 * (8 - size));
}

/// Marks bytes above 0x7f.
inline std::uint64_t non_ascii(std::uint64_t word) noexcept { return word & kHighs; }

/// Marks what cannot stand in a JSON string as it is: quotes, backslashes, and bytes below 0x20.
inline std::uint64_t needs_escape(std::uint64_t word) noexcept {
  const auto zero_byte = [](std::uint64_t w) { return (w - kOnes) & ~w; };
  return (((word - kOnes * 0x20) & ~word) | zero_byte(word ^ (kOnes * '"')) | zero_byte(word ^ (kOnes * '\\'))) &
         kHighs;
}

/// The length of the UTF-8 sequence of two to four bytes at the front of the word, or 0 if it is none. Table
/// 3-7 of the Unicode Standard: no overlong forms, no surrogates, nothing above U+10FFFF.
inline std::size_t sequence_length(std::uint64_t word) noexcept {
  if ((word & 0xc0c0f0) == 0x8080e0) {
    const std::uint64_t bits = word & 0x200f;
    return bits != 0 && bits != 0x200d ? 3 : 0;
  }
  if ((word & 0xc0e0) == 0x80c0) return (word & 0x1e) != 0 ? 2 : 0;
  if ((word & 0xc0c0c0f8) != 0x808080f0) return 0;
  const std::uint64_t lead = word & 7, high_bits = word & 0x3000;
  return lead < 4 ? (lead != 0 || high_bits != 0 ? 4 : 0) : (lead == 4 && high_bits == 0 ? 4 : 0);
}

/// Which byte the lowest mark is on; `marks` is not 0.
inline std::size_t first_marked(std::uint64_t marks) noexcept {
  return static_cast<std::size_t>(std::countr_zero(marks)) / 8;
}

}  // namespace pararun::json::swar
