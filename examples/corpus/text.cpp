#include "corpus/text.hpp"

#include <algorithm>
#include <iterator>

#include "corpus/encoding.hpp"

namespace corpus {
namespace {

struct Range {
  char32_t first, last;
};

template <std::size_t Size>
constexpr bool is_in(const Range (&ranges)[Size], char32_t code_point) noexcept {
  return std::ranges::any_of(ranges,
                             [=](Range range) { return code_point >= range.first && code_point <= range.last; });
}

constexpr Range kLineEnds[] = {{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}};
constexpr Range kSpaces[] = {{'\t', '\t'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                             {0x2000, 0x200A}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
/// Joiners and marks of direction are not here: some scripts are misspelt without them.
constexpr Range kInvisible[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},
                                {0x200B, 0x200B}, {0x2060, 0x2060}, {0xFEFF, 0xFEFF}};
/// Everything else from U+0080 on belongs to words.
constexpr Range kPunctuation[] = {{0x80, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB9},     {0xBB, 0xBF},
                                  {0xD7, 0xD7},     {0xF7, 0xF7},     {0x2000, 0x200B}, {0x200E, 0x206F},
                                  {0x20A0, 0x20CF}, {0x2190, 0x2BFF}, {0x2E00, 0x2E7F}, {0x3000, 0x3004},
                                  {0x3008, 0x3020}, {0x3030, 0x3030}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20},
                                  {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFFD, 0xFFFD}};
constexpr Range kRules[] = {{0x2010, 0x2015}, {0x2022, 0x2022}, {0x2500, 0x257F}};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_word_character(char32_t code_point) noexcept {
  if (code_point >= 0x80) return !is_in(kPunctuation, code_point);
  const char c = static_cast<char>(code_point);
  return is_letter(c) || is_digit(c) || c == '_';
}

/// The `lower_case` text, in any letter case, at or after the beginning of `text`.
std::string_view::size_type find(std::string_view text, std::string_view lower_case) {
  const auto found = std::ranges::search(text, lower_case, {}, lower);
  return found.empty() ? std::string_view::npos : static_cast<std::size_t>(found.begin() - text.begin());
}

void drop_spaces(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(' '), text.size())); }

/// Takes `lower_case`, in any letter case, and the spaces behind it off the front of `text`, if it is there.
bool take(std::string_view& text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  if (!std::ranges::equal(text.substr(0, lower_case.size()), lower_case, {}, lower)) return false;
  text.remove_prefix(lower_case.size());
  drop_spaces(text);
  return true;
}

bool take_number(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(digits);
  drop_spaces(text);
  return digits > 0;
}

std::string_view without_comment_mark(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" */#;!%."), line.size()));
  while (line.ends_with("*/") || line.ends_with(' ')) line.remove_suffix(line.ends_with(' ') ? 1 : 2);
  return line;
}

bool is_separator(std::string_view line) {
  std::size_t marks = 0;
  while (!line.empty()) {
    const CodePoint next = first_code_point(line);
    if (next.value != ' ') {
      constexpr std::string_view kMarks = "-=*_#~+./\\|;!%:^";
      const bool is_ascii = next.value < 0x80;
      if (is_ascii ? kMarks.find(line.front()) == std::string_view::npos : !is_in(kRules, next.value)) return false;
      ++marks;
    }
    line.remove_prefix(next.length);
  }
  return marks >= 3;
}

bool is_page_number(std::string_view line) {
  if (line.ends_with(']')) {
    const std::size_t bracket = line.rfind('[');
    if (bracket == std::string_view::npos) return false;
    line.remove_prefix(bracket + 1);
    return take(line, "page ") && take_number(line) && line == "]";
  }
  if (take(line, "- ")) return take_number(line) && line == "-";
  if (!take(line, "page ") || !take_number(line)) return false;
  return line.empty() || (take(line, "of ") && take_number(line) && line.empty());
}

bool holds_year(std::string_view text) {
  for (std::size_t at = 0; at + 4 <= text.size(); ++at) {
    const bool century = text.substr(at, 2) == "19" || text.substr(at, 2) == "20";
    if (century && is_digit(text[at + 2]) && is_digit(text[at + 3]) && (at == 0 || !is_digit(text[at - 1])))
      return true;
  }
  return false;
}

bool is_banner(std::string_view line) {
  if (find(line, "all rights reserved") != std::string_view::npos) return true;
  if (take(line, "spdx-") || take(line, "licensed under the ") || take(line, "this file is part of ")) return true;
  // Either alone may begin a sentence about copyright, or the third point of a list.
  const bool word = take(line, "copyright");
  const bool sign = take(line, "(c)") || take(line, "©");
  return (word && sign) || ((word || sign) && holds_year(line));
}

}  // namespace

std::string normalise(std::string_view text) {
  std::string clean;
  clean.reserve(text.size() + 1);
  std::size_t line_ends = 0;  // met since the last visible character
  bool space = false;
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    if (is_in(kLineEnds, next.value)) {
      if (!text.starts_with("\r\n")) ++line_ends;
    } else if (is_in(kSpaces, next.value)) {
      space = true;
    } else if (!is_in(kInvisible, next.value)) {
      if (!clean.empty()) {
        clean.append(std::min<std::size_t>(line_ends, 2), '\n');
        if (space && line_ends == 0) clean += ' ';
      }
      clean.append(text, 0, next.length);
      line_ends = 0;
      space = false;
    }
    text.remove_prefix(next.length);
  }
  if (!clean.empty()) clean += '\n';
  return clean;
}

bool is_boilerplate(std::string_view line) {
  if (is_separator(line)) return true;
  const std::string_view content = without_comment_mark(line);
  return is_page_number(content) || is_banner(content);
}

Kept drop_boilerplate(std::string_view normalised) {
  Kept kept;
  kept.text.reserve(normalised.size());
  while (!normalised.empty()) {
    const std::size_t length = std::min(normalised.find('\n'), normalised.size());
    const std::string_view line = normalised.substr(0, length);
    normalised.remove_prefix(std::min(length + 1, normalised.size()));
    if (is_boilerplate(line)) {
      ++kept.dropped_lines;
    } else if (!line.empty() || !(kept.text.empty() || kept.text.ends_with("\n\n"))) {
      kept.text.append(line) += '\n';
    }
  }
  if (kept.text.ends_with("\n\n")) kept.text.pop_back();
  return kept;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint next = first_code_point(text.substr(at));
    if (!is_word_character(next.value)) {
      if (at > begin) found.push_back(text.substr(begin, at - begin));
      begin = at + next.length;
    }
    at += next.length;
  }
  if (begin < text.size()) found.push_back(text.substr(begin));
  return found;
}

}  // namespace corpus
