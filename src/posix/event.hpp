/// A bell that one thread waits for and any thread, or a signal handler, rings.
#pragma once

#include <chrono>

#include "posix/own_fds.hpp"

namespace pararun::posix {

class Event {
 public:
  /// Throws `Error` where there is no descriptor to be had.
  Event();

  /// Ends the current wait, or the next one. Safe in a signal handler.
  void ring() noexcept;

  /// Waits until the bell is rung, at least once, or `until` has come; or an hour has passed. Returns whether it rang.
  bool wait(std::chrono::steady_clock::time_point until) noexcept;

 private:
  OwnFd fd_;
};

}  // namespace pararun::posix
