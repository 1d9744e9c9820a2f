/// A bell in memory that two processes share: one of them sleeps by it, the other rings. Ringing costs a system call
/// only if somebody sleeps.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace pararun::process {

using Clock = std::chrono::steady_clock;

class Bell {
 public:
  /// Wakes the sleeper, to look again at what has been changed before.
  void ring() noexcept {
    if (asleep_.load() != 0 && asleep_.exchange(0) != 0) wake();
  }

  /// Waits until `ready()` or until that time, and returns what `ready()` says then. What `ready` looks at must be
  /// changed with sequentially consistent stores, lest both sides miss each other. One sleeper at a time.
  template <class Ready>
  bool wait(Ready ready, Clock::time_point until = Clock::time_point::max()) noexcept {
    for (;;) {
      if (ready()) return true;
      asleep_.store(1);
      const bool woken = ready() || sleep(until);
      asleep_.store(0);
      if (!woken) return ready();
    }
  }

 private:
  void wake() noexcept;
  bool sleep(Clock::time_point until) noexcept;  // false at that time

  std::atomic<std::uint32_t> asleep_{0};
};

}  // namespace pararun::process
