#include "progress/terminal.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <pararun/error.hpp>

namespace pararun::progress {
namespace {

constexpr std::size_t kDefaultColumns = 80;
constexpr std::size_t kMostColumns = 1000;  // what claims to be wider lies, and each redraw would pay for it

Progress parse_mode(const std::string& name) {
  if (name.empty() || name == "automatic") return Progress::automatic;
  if (name == "none") return Progress::none;
  if (name == "bar") return Progress::bar;
  if (name == "plain") return Progress::plain;
  if (name == "json") return Progress::json;
  throw OptionsError(
      "progress", "PARARUN_PROGRESS must be none, bar, plain or json, not \"" + printable(name, Charset::ascii) + "\"");
}

}  // namespace

std::string process_environment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value ? value : "";
}

Progress choose_shape(Progress mode, bool is_terminal, const Environment& environment) {
  if (mode == Progress::automatic) mode = parse_mode(environment("PARARUN_PROGRESS"));
  const std::string term = environment("TERM");
  if (mode == Progress::automatic) mode = is_terminal && !term.empty() ? Progress::bar : Progress::plain;
  return mode == Progress::bar && term == "dumb" ? Progress::plain : mode;
}

Charset choose_charset(const Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string locale = environment(name);
    if (locale.empty()) continue;
    std::transform(locale.begin(), locale.end(), locale.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const bool utf8 = locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
    return utf8 ? Charset::utf8 : Charset::ascii;
  }
  return Charset::ascii;
}

std::size_t window_columns(int fd, const Environment& environment) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return std::min<std::size_t>(size.ws_col, kMostColumns);
  const std::string columns = environment("COLUMNS");
  std::size_t parsed = 0;
  std::from_chars(columns.data(), columns.data() + columns.size(), parsed);
  return parsed > 0 ? std::min(parsed, kMostColumns) : kDefaultColumns;
}

}  // namespace pararun::progress
