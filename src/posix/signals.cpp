#include "posix/signals.hpp"

#include <ctime>

namespace pararun::posix {

AllSignalsBlocked::AllSignalsBlocked() noexcept {
  ::sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before_);
}

AllSignalsBlocked::~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

FileSizeSignalBlocked::FileSizeSignalBlocked() noexcept {
  ::sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGXFSZ);
  ::pthread_sigmask(SIG_BLOCK, &one, &before_);
}

FileSizeSignalBlocked::~FileSizeSignalBlocked() {
  if (::sigismember(&before_, SIGXFSZ) == 1) return;
  ::sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGXFSZ);
  // One that came meanwhile is pending and would kill the process as soon as it is unblocked.
  const ::timespec at_once{};
  while (::sigtimedwait(&one, nullptr, &at_once) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace pararun::posix
