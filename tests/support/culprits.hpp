/// Ways for a function to end its process, or never to end.
#pragma once

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>

namespace pararun::testing {

[[noreturn]] inline void die_of(int signal) {
  ::signal(signal, SIG_DFL);
  ::kill(::getpid(), signal);
  for (;;) ::pause();
}

/// Never returns, which only the caller knows.
inline int overflow_stack(const std::atomic<bool>& end, int depth = 0) {
  std::array<std::atomic<char>, 4096> frame{};
  frame[static_cast<std::size_t>(depth) % frame.size()] = 1;
  if (end) return depth;
  return overflow_stack(end, depth + 1) + frame[0];
}

[[noreturn]] inline void loop_for_ever() {
  for (std::atomic<unsigned> turn = 0;;) ++turn;
}

[[noreturn]] inline void loop_unmoved_by(int signal) {
  ::signal(signal, SIG_IGN);
  loop_for_ever();
}

}  // namespace pararun::testing
