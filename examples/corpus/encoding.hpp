/// Bytes of unknown origin become UTF-8. Files of a real corpus are seldom in the encoding they claim, and
/// many are in two at once (a changelog written over twenty years), so each byte is judged where it stands.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace corpus {

struct CodePoint {
  char32_t value;
  std::size_t length;  ///< bytes it takes; 0: the text does not begin with valid UTF-8
};

/// What `text`, which must not be empty, begins with. Overlong forms, surrogates and values above U+10FFFF
/// are no UTF-8.
CodePoint first_code_point(std::string_view text) noexcept;

/// Appends a code point, which must not be a surrogate, as UTF-8.
void append_utf8(std::string& out, char32_t code_point);

struct Decoded {
  std::string text;           ///< UTF-8
  std::string_view encoding;  ///< what the bytes were: utf-8, utf-16le, utf-16be, windows-1252 or mixed
};

/// UTF-16 is known by its byte order mark; marks are dropped. Otherwise what is valid UTF-8 stays, and every
/// other byte is taken for Windows-1252, of which Latin-1's printable characters are a part; a file with
/// both is `mixed`. Nothing if the bytes are no text, which is to say that there is a NUL among them: so it
/// is with images, programs and compressed files.
std::optional<Decoded> to_utf8(std::string_view bytes);

}  // namespace corpus
