/// The time, for a worker that goes from item to item. Asking the steady clock costs as much as a cheap item does. The
/// coarse clock costs a sixth of that and moves a few hundred times a second, which is all that cheap items need.
#pragma once

#include <ctime>

#include "job/settings.hpp"

namespace pararun::job {

class ItemClock {
 public:
  /// `exact`: never rely on the coarse clock.
  explicit ItemClock(bool exact) noexcept : exact_(exact), now_(Clock::now()), tick_(tick()) {}

  /// When the steady clock was asked last. Between items at most a tick ago: 1 to 10 ms, as the kernel was built.
  Clock::time_point now() const noexcept { return now_; }

  Clock::time_point ask() noexcept {
    now_ = Clock::now();
    tick_ = tick();
    return now_;
  }

  /// To be called after each item.
  Clock::time_point glance() noexcept { return exact_ || tick() != tick_ ? ask() : now_; }

 private:
  static long tick() noexcept {
    std::timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return time.tv_nsec;  // as good as the whole: nobody is away for a second to the nanosecond
  }

  bool exact_;
  Clock::time_point now_;
  long tick_;
};

}  // namespace pararun::job
