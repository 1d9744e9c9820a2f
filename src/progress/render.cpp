#include "progress/render.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "json/text.hpp"
#include "progress/rate.hpp"

namespace pararun::progress {
namespace {

constexpr std::size_t kLeastBar = 4;
constexpr std::size_t kLeastDescription = 4;
constexpr double kLongestSeconds = 1e9;
constexpr double kLowestRate = 1e-9;

/// Not printf: that would follow the decimal comma of the program's locale.
std::string decimal(double value, int decimals) {
  char digits[400];
  return {digits, std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, decimals).ptr};
}

/// Three digits at least: 4.12, 41.2, 412, 4123.
std::string three_digits(double value) { return decimal(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0); }

std::string rate_text(double rate) {
  if (!(rate >= kLowestRate) || !std::isfinite(rate)) return "?it/s";
  if (rate < 1) return three_digits(1 / rate) + "s/it";
  const char* unit = "it/s";
  for (const char* larger : {"kit/s", "Mit/s", "Git/s"}) {
    if (rate < (unit[0] == 'i' ? 9999.5 : 999.5)) break;
    rate /= 1000;
    unit = larger;
  }
  return three_digits(rate) + unit;
}

std::string two_digits(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  return digits.size() < 2 ? "0" + digits : digits;
}

std::string interval_text(std::optional<std::chrono::duration<double>> interval) {
  if (!interval || !(interval->count() < kLongestSeconds)) return "?";
  const auto seconds = static_cast<std::uint64_t>(std::max(0.0, interval->count()));
  const std::uint64_t hours = seconds / 3600;
  const std::string rest = two_digits(seconds / 60 % 60) + ":" + two_digits(seconds % 60);
  return hours > 0 ? std::to_string(hours) + ":" + rest : rest;
}

/// Rounded down: 100 is said only when nothing is left.
std::string percent_text(std::uint64_t done, std::uint64_t total) {
  return std::to_string(static_cast<int>(100.0L * static_cast<long double>(done) / static_cast<long double>(total))) +
         "%";
}

std::string bar_text(std::uint64_t done, std::uint64_t total, std::size_t cells, Charset charset) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double filled = static_cast<double>(done) / static_cast<double>(total) * static_cast<double>(cells);
  const std::size_t whole = std::min(cells, static_cast<std::size_t>(filled));
  std::string bar;
  for (std::size_t i = 0; i < whole; ++i) bar += charset == Charset::utf8 ? "█" : "#";
  std::size_t drawn = whole;
  if (charset == Charset::utf8 && whole < cells) {
    const auto eighths = static_cast<std::size_t>((filled - static_cast<double>(whole)) * 8);
    bar += kEighths[std::min<std::size_t>(eighths, 7)];
    if (eighths > 0) ++drawn;
  }
  return bar.append(cells - drawn, ' ');
}

/// The parts of a line that follow the bar, the most important first.
struct Parts {
  std::string percent;  // empty without a credible total
  std::string count;
  std::vector<std::string> notes;  // in brackets
};

Parts parts_of(const ProgressState& state) {
  Parts parts;
  const std::optional<std::uint64_t> total = credible_total(state);
  const std::string elapsed = interval_text(state.elapsed);
  if (total) {
    parts.percent = percent_text(state.settled(), *total);
    parts.count = std::to_string(state.settled()) + "/" + std::to_string(*total);
    parts.notes.push_back(elapsed + "<" + interval_text(state.remaining));
  } else {
    parts.count = std::to_string(state.settled()) + "it";
    parts.notes.push_back(elapsed);
  }
  if (state.stopping && !state.finished) parts.notes.emplace_back("stopping");
  parts.notes.push_back(rate_text(state.rate));
  const auto note = [&](const char* name, std::uint64_t count) {
    if (count > 0) parts.notes.push_back(name + std::to_string(count));
  };
  note("failed=", state.failed);
  note("skipped=", state.skipped);
  note("duplicates=", state.duplicates);
  return parts;
}

/// ` [00:10<00:14, 41.2it/s]`, the first `kept` notes of them.
std::string bracket(const std::vector<std::string>& notes, std::size_t kept) {
  std::string text;
  for (std::size_t i = 0; i < kept; ++i) text += (i == 0 ? " [" : ", ") + notes[i];
  return kept == 0 ? text : text + "]";
}

/// A line before its length is known: with a bar between two parts, or, without a right one, as it is.
struct Layout {
  std::string left;
  std::optional<std::string> right;
};

std::string prefix(const std::string& description) { return description.empty() ? "" : description + ": "; }

}  // namespace

std::string render_bar(const ProgressState& state, std::size_t width, Charset charset) {
  const Parts parts = parts_of(state);
  const bool has_bar = !parts.percent.empty();
  const std::string whole_name = printable(state.description, charset);
  const std::string short_name = width / 3 < kLeastDescription ? "" : shortened(whole_name, width / 3, charset);

  std::vector<Layout> layouts;  // the most telling first
  const auto add = [&](const std::string& left, const std::optional<std::string>& right) {
    for (const std::string& name : {whole_name, short_name}) layouts.push_back({prefix(name) + left, right});
  };
  for (std::size_t kept = parts.notes.size() + 1; kept-- > 0;) {
    const std::string tail = parts.count + bracket(parts.notes, kept);
    has_bar ? add(parts.percent + "|", "| " + tail) : add(tail, std::nullopt);
  }
  if (has_bar) {
    add(parts.percent + "|", "|");
    add(parts.percent, std::nullopt);
  }
  layouts.push_back({has_bar ? parts.percent : parts.count, std::nullopt});

  for (const auto& [left, right] : layouts) {
    const std::size_t used = columns(left) + (right ? columns(*right) : 0);
    if (!right && used <= width) return left;
    if (right && used + kLeastBar <= width) {
      return left + bar_text(state.settled(), *state.total, width - used, charset) + *right;
    }
  }
  return {};
}

std::string render_plain(const ProgressState& state, Charset charset) {
  const Parts parts = parts_of(state);
  return prefix(printable(state.description, charset)) + (parts.percent.empty() ? "" : parts.percent + " ") +
         parts.count + bracket(parts.notes, parts.notes.size());
}

std::string render_json(const ProgressState& state) {
  std::string out = "{\"description\":";
  json::append_lossy_string(out, state.description);
  const auto member = [&](const char* name, const std::string& value) {
    out.append(",\"").append(name).append("\":").append(value);
  };
  const auto number = [&](const char* name, std::uint64_t value) { member(name, std::to_string(value)); };
  const auto real = [&](const char* name, std::optional<double> value) {
    member(name, value && std::isfinite(*value) ? decimal(*value, 3) : "null");
  };
  member("total", state.total ? std::to_string(*state.total) : "null");
  number("seen", state.seen);
  number("skipped", state.skipped);
  number("duplicates", state.duplicates);
  number("succeeded", state.succeeded);
  number("failed", state.failed);
  real("elapsed", state.elapsed.count());
  real("rate", state.rate > 0 ? std::optional(state.rate) : std::nullopt);
  real("remaining", state.remaining ? std::optional(state.remaining->count()) : std::nullopt);
  member("stopping", state.stopping ? "true" : "false");
  member("finished", state.finished ? "true" : "false");
  return out + "}";
}

}  // namespace pararun::progress
