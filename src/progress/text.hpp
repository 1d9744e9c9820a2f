/// Text as a terminal shows it: how many columns it takes, what is not safe to show, where to cut it.
/// Tables of the C library are not asked, since a program that never calls `setlocale` has none.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pararun::progress {

/// What the terminal can show.
enum class Charset { utf8, ascii };

/// `text` with everything that could move the cursor, colour or reorder a terminal's text, and every byte that
/// is no UTF-8, shown as `\x1b` or `\u202e`. In `ascii` any other character is a question mark.
std::string printable(std::string_view text, Charset charset);

/// The columns that printable text takes. Where terminals disagree it is the larger number, so that a line
/// which fits by this count fits.
std::size_t columns(std::string_view printable_text);

/// The longest beginning that takes at most `limit` columns with the mark of an omission behind it, or all of
/// the text if that fits. Empty if not even the mark fits.
std::string shortened(std::string_view printable_text, std::size_t limit, Charset charset);

}  // namespace pararun::progress
