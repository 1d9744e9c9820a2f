/// `Options` once they are known to make sense, with every default filled in.
#pragma once

#include <chrono>
#include <cstddef>

#include <pararun/detail/job.hpp>
#include <pararun/options.hpp>

namespace pararun::job {

using Clock = std::chrono::steady_clock;

/// oneTBB's scheduler makes room for at least this many threads, and can make no more once it runs. On a machine with
/// more CPUs it makes room for more than these.
inline constexpr std::size_t kMostWorkers = 256;

struct Settings {
  const Options& options;
  detail::Traits traits;
  std::size_t n_workers;
  std::size_t max_tokens;
  std::size_t batch;  ///< items a token carries; 0: measured

  bool stores() const noexcept { return !options.cache_path.empty(); }
  bool in_processes() const noexcept { return options.backend == Backend::process; }

  /// Whether ids are looked up outside of the input filter, so that one worker can while another pulls. Single items
  /// that are skipped would cost more than that saves.
  bool checks_ids_apart() const noexcept { return stores() && batch != 1 && n_workers > 1; }
};

/// Throws `OptionsError` for the first field that makes no sense.
Settings check(const Options& options, detail::Traits traits);

/// `start + wait`, or the end of time where that cannot be said.
inline Clock::time_point after(Clock::time_point start, std::chrono::nanoseconds wait) noexcept {
  return wait > Clock::time_point::max() - start ? Clock::time_point::max() : start + wait;
}

}  // namespace pararun::job
