/// What the parts of one job share.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

#include "job/batch_size.hpp"
#include "job/calls.hpp"
#include "job/counters.hpp"
#include "job/flow.hpp"
#include "job/settings.hpp"
#include "job/stopping.hpp"
#include "posix/event.hpp"
#include "store/results_store.hpp"

namespace pararun::job {

struct Shared {
  explicit Shared(const Settings& job_settings)
      : settings(job_settings),
        stopping([this] {
          flow.wake();
          bell.ring();
        }),
        flow(settings, stopping),
        batch(settings.batch, settings.in_processes() ? BatchSize::kWorthwhileForProcess : BatchSize::kWorthwhile) {}

  /// Ends the intake; the job throws this once it has drained. The first one counts.
  void fail(std::exception_ptr exception) noexcept {
    {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::move(exception);
    }
    stopping.drain_for_error();
  }

  /// Makes sure that the watch is awake at `time`.
  void expect(Clock::time_point time) noexcept {
    if (time.time_since_epoch().count() < watch_sleeps_until.load()) bell.ring();
  }

  const Settings& settings;
  std::atomic<Clock::rep> watch_sleeps_until{Clock::time_point::max().time_since_epoch().count()};
  posix::Event bell;  ///< wakes the watch
  Stopping stopping;
  Flow flow;
  BatchSize batch;
  Calls calls;
  Counters counters;
  store::ResultsStore* store = nullptr;  ///< none without a results file

  std::mutex error_mutex;
  std::exception_ptr error;
};

}  // namespace pararun::job
