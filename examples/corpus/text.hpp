/// What makes a text clean: one kind of space, one kind of line end, no control characters, and none of the
/// lines that say nothing of what the text is about. All functions take valid UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace corpus {

/// Every line end (CR LF, CR, form feed, U+2028 and their kin) becomes one `\n`, every run of spaces (tab,
/// no-break space, the typographic ones) one space, and what is invisible (control characters, soft hyphens,
/// zero-width spaces) goes. Lines lose their outer spaces; of several empty lines one stays, of those at
/// the beginning and the end none.
std::string normalise(std::string_view text);

/// Whether a normalised line is boilerplate. The comment mark before it (`*`, `//`, `#` and the like) is no
/// part of it. Boilerplate is
///   - a separator: at least three marks such as `-`, `=`, `*`, and nothing else
///   - a page number: `Page 3`, `Page 3 of 10`, `- 3 -`, or a line that ends in `[Page 3]`
///   - a banner: it begins with `Copyright`, `(c)`, `©`, `SPDX-`, `Licensed under the`, `This file is part of`,
///     or holds `All rights reserved`; letter case does not matter.
/// Whole licences are left alone: to some corpora they are the content, and MinHash finds their copies.
bool is_boilerplate(std::string_view line);

struct Kept {
  std::string text;
  std::size_t dropped_lines = 0;
};

/// The lines that are not boilerplate.
Kept drop_boilerplate(std::string_view normalised);

/// The words: the longest runs of letters, digits and underscores of any script. Views into `text`.
std::vector<std::string_view> words(std::string_view text);

}  // namespace corpus
