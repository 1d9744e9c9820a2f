/// The one thread of a job that looks at the clock: deadlines of calls, of the drain and of the whole job,
/// signals, and what is stuck in a token: items behind a long one, lines of a long batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "job/output.hpp"
#include "job/pipeline.hpp"
#include "job/runner.hpp"
#include "job/shared.hpp"
#include "job/token_pool.hpp"
#include "posix/heritage.hpp"
#include "posix/stop_signals.hpp"

namespace pararun::job {

class Watch {
 public:
  struct Parts {
    Clock::time_point started;  ///< the job
    Shared& shared;
    Runner& runner;
    Output& output;
    TokenPool& tokens;
    Pipeline& pipeline;
    const posix::StopSignals* signals;  ///< null where they are left alone
  };

  /// Starts the thread. Throws `Error` where there is none to be had.
  explicit Watch(const Parts& parts);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void run() noexcept;
  Clock::time_point look(Clock::time_point now);
  void heed_signals();
  void heed_budget(Clock::time_point now);
  void free_stuck(Clock::time_point now);
  bool a_worker_sleeps(Clock::time_point now);

  Parts parts_;
  const posix::Heritage heritage_;  // of the thread that runs the job
  Clock::time_point budget_ends_ = Clock::time_point::max();
  std::optional<Clock::time_point> drain_ends_;
  std::optional<std::uint64_t> handed_out_;  // while there is more, and nobody takes it
  Clock::time_point handed_out_since_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace pararun::job
