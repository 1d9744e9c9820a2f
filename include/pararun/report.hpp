/// What a job did.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace pararun {

/// Why a job took no more items.
enum class StopReason {
  finished,           ///< the input came to its end
  stop_requested,     ///< `Options::stop`
  signal,             ///< SIGINT or SIGTERM, with `Options::handle_signals`
  time_budget,        ///< `Options::time_budget`
  too_many_failures,  ///< more than `Options::max_failures`
};

/// A line of the results file that is no intact JSON object. It is left as it is.
struct Damage {
  std::uint64_t offset = 0;  ///< of the line's first byte
  std::uint64_t length = 0;  ///< without its newline
  std::string problem{};
};

/// What was found in the results file when it was opened.
struct Recovery {
  std::uint64_t lines = 0;              ///< intact ones that hold an id
  std::uint64_t ids = 0;                ///< different ones among them
  std::uint64_t duplicates = 0;         ///< `lines - ids`
  std::uint64_t foreign = 0;            ///< objects without a usable id
  std::uint64_t damaged = 0;            ///< lines that are no objects
  std::vector<Damage> damage{};         ///< the first 100 of them, in order
  std::uint64_t torn_bytes = 0;         ///< an unfinished last line that was cut off ...
  std::filesystem::path torn_path{};    ///< ... and where its bytes were kept
  bool newline_added = false;           ///< the last line was whole but for its newline
  std::vector<std::string> warnings{};  ///< about the file itself: hard links, network file systems
};

/// The outcome of a job. `seen == skipped + duplicates + succeeded + failed + unfinished`, always.
struct Report {
  std::uint64_t seen = 0;            ///< items pulled from the input
  std::uint64_t skipped = 0;         ///< settled by an earlier run ...
  std::uint64_t skipped_failed = 0;  ///< ... this many of them as failures
  std::uint64_t duplicates = 0;      ///< ids met before in this run
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t unfinished = 0;  ///< pulled, but a stop came before a verdict; run again next time
  StopReason stopped = StopReason::finished;
  std::chrono::duration<double> elapsed{0};
  Recovery recovery{};
  std::filesystem::path failures_path{};  ///< says what became of the failed ones; empty without a results file

  /// 75: stopped with work left, run me again; so too if some items failed. 1: some items failed, now or earlier, or
  /// more than `max_failures` did. 0: all is well.
  int exit_code() const noexcept;
};

/// `finished`, `stop_requested` and so on.
const char* name(StopReason reason) noexcept;

/// A few lines for a person to read, without a final newline.
std::ostream& operator<<(std::ostream& out, const Report& report);

}  // namespace pararun
