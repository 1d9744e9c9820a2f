/// The escapes of JSON strings, from text to characters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pararun::json {

struct Escape {
  std::size_t length = 0;         ///< of its text; 12 for a surrogate pair
  std::uint32_t code_point = 0;   ///< what it stands for: never a surrogate
  const char* problem = nullptr;  ///< if set, the text is no escape; never to be freed
};

/// Reads the escape at the front of `text`, which begins with a backslash.
Escape read_escape(std::string_view text) noexcept;

/// A character in UTF-8.
struct Utf8 {
  std::array<char, 4> bytes{};
  std::size_t size = 0;

  operator std::string_view() const noexcept { return {bytes.data(), size}; }
};

/// `code_point` is no surrogate and at most 0x10ffff.
Utf8 encode_utf8(std::uint32_t code_point) noexcept;

}  // namespace pararun::json
