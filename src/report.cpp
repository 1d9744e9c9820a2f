/// How a report is judged and how it reads.
#include <pararun/report.hpp>

#include <array>
#include <charconv>
#include <ostream>
#include <string>
#include <string_view>

namespace pararun {
namespace {

constexpr int kExitAllWell = 0;
constexpr int kExitSomeFailed = 1;
constexpr int kExitRunAgain = 75;  // EX_TEMPFAIL of sysexits.h, which schedulers requeue on

/// Text is built apart and written at once: the stream's own width, fill and base never apply to a part of it.
std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count).append(" ").append(count == 1 ? one : many);
}

std::string seconds(std::chrono::duration<double> time) {
  std::array<char, 400> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), time.count(), std::chars_format::fixed, 2);
  return std::string(digits.data(), end.ptr) + " s";
}

void append_counts(std::string& text, const Report& report) {
  text += counted(report.seen, "item", "items") + " in " + seconds(report.elapsed) + ": " +
          std::to_string(report.succeeded) + " succeeded, " + std::to_string(report.failed) + " failed";
  if (report.skipped != 0) text += ", " + std::to_string(report.skipped) + " skipped";
  if (report.skipped_failed != 0) text += " (" + std::to_string(report.skipped_failed) + " failed earlier)";
  if (report.duplicates != 0) text += ", " + counted(report.duplicates, "duplicate", "duplicates");
  if (report.unfinished != 0) text += ", " + std::to_string(report.unfinished) + " unfinished";
}

void append_recovery(std::string& text, const Recovery& recovery) {
  if (recovery.torn_bytes != 0) {
    text += "\nrepaired: an unfinished last line of " + counted(recovery.torn_bytes, "byte", "bytes") + ", kept in " +
            recovery.torn_path.string();
  }
  if (recovery.newline_added) text += "\nrepaired: the last line lacked its newline";
  if (recovery.damaged != 0) {
    text += "\ndamaged: " + counted(recovery.damaged, "line", "lines") + " left as found";
    if (!recovery.damage.empty()) {
      const Damage& first = recovery.damage.front();
      text += ", the first at byte " + std::to_string(first.offset) + ": " + first.problem;
    }
  }
  if (recovery.foreign != 0)
    text += "\nforeign: " + counted(recovery.foreign, "line", "lines") + " without a usable id";
  for (const std::string& warning : recovery.warnings) text += "\nwarning: " + warning;
}

}  // namespace

int Report::exit_code() const noexcept {
  switch (stopped) {
    case StopReason::too_many_failures:
      return kExitSomeFailed;
    case StopReason::stop_requested:
    case StopReason::signal:
    case StopReason::time_budget:
      return kExitRunAgain;
    case StopReason::finished:
      break;
  }
  if (unfinished != 0) return kExitRunAgain;
  return failed != 0 || skipped_failed != 0 ? kExitSomeFailed : kExitAllWell;
}

const char* name(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::finished:
      return "finished";
    case StopReason::stop_requested:
      return "stop_requested";
    case StopReason::signal:
      return "signal";
    case StopReason::time_budget:
      return "time_budget";
    case StopReason::too_many_failures:
      return "too_many_failures";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, const Report& report) {
  std::string text;
  append_counts(text, report);
  if (report.stopped != StopReason::finished) text += std::string("\nstopped: ") + name(report.stopped);
  const bool told_of_failures = !report.failures_path.empty() && report.failed + report.skipped_failed != 0;
  if (told_of_failures) text += "\nfailures: " + report.failures_path.string();
  append_recovery(text, report.recovery);
  return out << text;
}

}  // namespace pararun
