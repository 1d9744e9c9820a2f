/// What a progress callback is told, and what the bar is drawn from.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pararun {

/// A snapshot of a running job. Results are counted only once they are as safe as `Options::durability` asks.
struct ProgressState {
  std::string description;                   ///< the results file's stem, or the program's name without one
  std::optional<std::uint64_t> total;        ///< items in all, where known
  std::uint64_t seen = 0;                    ///< items pulled from the input so far
  std::uint64_t skipped = 0;                 ///< settled by an earlier run
  std::uint64_t duplicates = 0;              ///< ids met before in this run
  std::uint64_t succeeded = 0;               ///< by this run
  std::uint64_t failed = 0;                  ///< by this run
  std::chrono::duration<double> elapsed{0};  ///< since the job began
  double rate = 0;                           ///< items a second, of those this run worked on; 0 while unknown
  std::optional<std::chrono::duration<double>> remaining;  ///< at that rate, where `total` and the rate are known
  bool stopping = false;  ///< no more items are taken; those in flight are still worked off
  bool finished = false;  ///< the last call of this job

  /// Items that need no more work: everything counted but what is in flight.
  std::uint64_t settled() const noexcept { return skipped + duplicates + succeeded + failed; }
};

}  // namespace pararun
