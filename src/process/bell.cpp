#include "process/bell.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace pararun::process {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

// Not the private operations: those know only threads of one process.

void Bell::wake() noexcept {
  const int saved = errno;
  ::syscall(SYS_futex, &asleep_, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  errno = saved;
}

bool Bell::sleep(Clock::time_point until) noexcept {
  ::timespec time{};
  const bool limited = until != Clock::time_point::max();
  if (limited) {
    // The steady clock is CLOCK_MONOTONIC, by which this operation takes an absolute time.
    const auto since = std::chrono::nanoseconds(until.time_since_epoch()).count();
    time = {.tv_sec = since / 1'000'000'000, .tv_nsec = since % 1'000'000'000};
  }
  const long result =
      ::syscall(SYS_futex, &asleep_, FUTEX_WAIT_BITSET, 1, limited ? &time : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
  return result == 0 || errno != ETIMEDOUT;
}

}  // namespace pararun::process
