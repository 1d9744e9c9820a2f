#include "posix/fd.hpp"

#include <unistd.h>

#include <cerrno>

namespace pararun::posix {

void Fd::reset(int value) noexcept {
  const int old = std::exchange(value_, value);
  if (old < 0) return;
  const int saved = errno;
  // Linux has freed the descriptor even when it says EINTR: a second try would close another thread's file.
  ::close(old);
  errno = saved;
}

}  // namespace pararun::posix
