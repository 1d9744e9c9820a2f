/// UTF-8 and JSON string text: the checks and escapes that every line depends on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pararun::json {

/// The length of the longest prefix that is valid UTF-8: no overlong forms, no surrogates, nothing above
/// U+10FFFF. Equal to `text.size()` when all of it is.
std::size_t valid_utf8_prefix(std::string_view text) noexcept;

/// The length of the longest prefix that can stand in a JSON string as it is: no quotes, no backslashes,
/// nothing below U+0020.
std::size_t unescaped_prefix(std::string_view text) noexcept;

/// `text`, which stands at `begin` in its file, without a UTF-8 byte-order mark that is not part of it.
std::string_view without_byte_order_mark(std::string_view text, std::uint64_t begin) noexcept;

/// Appends `text` as a JSON string with its quotes. Returns false, having appended nothing, if it is no UTF-8.
/// Only what JSON demands is escaped, as by Python's `json.dumps(..., ensure_ascii=False)`.
bool append_string(std::string& out, std::string_view text);

/// Appends `text` as a JSON string, whatever its bytes: each byte that is no UTF-8 becomes U+FFFD.
void append_lossy_string(std::string& out, std::string_view text);

}  // namespace pararun::json
