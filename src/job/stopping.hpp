/// How a job comes to stop. A drain ends the intake and lets what is in flight finish; a forced stop also
/// asks the functions in progress to give up.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include <pararun/report.hpp>

namespace pararun::job {

class Stopping {
 public:
  /// `changed` is called after every change, on whatever thread made it, and must not throw.
  explicit Stopping(std::function<void()> changed) : changed_(std::move(changed)) {}

  bool draining() const noexcept { return level_.load(std::memory_order_acquire) != Level::none; }
  bool forced() const noexcept { return level_.load(std::memory_order_acquire) == Level::force; }

  /// The first reason given, `finished` if there was none.
  StopReason reason() const noexcept { return reason_.load(); }

  void drain(StopReason reason) noexcept {
    StopReason none = StopReason::finished;
    reason_.compare_exchange_strong(none, reason);
    raise(Level::drain);
  }

  /// A drain for which the job will throw.
  void drain_for_error() noexcept { raise(Level::drain); }

  void force() noexcept { raise(Level::force); }

 private:
  enum class Level { none, drain, force };

  void raise(Level to) noexcept {
    Level now = level_.load();
    while (now < to && !level_.compare_exchange_weak(now, to)) {
    }
    if (now < to) changed_();
  }

  std::function<void()> changed_;
  std::atomic<Level> level_{Level::none};
  std::atomic<StopReason> reason_{StopReason::finished};
};

}  // namespace pararun::job
