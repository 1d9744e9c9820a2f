/// Keeps `pthread_cancel` away from threads that run a job: it would unwind frames that let nothing through, oneTBB's
/// among them, which ends the process.
#pragma once

#include <pthread.h>

namespace pararun::posix {

/// From now on this thread cannot be cancelled. For the library's own threads and for oneTBB's.
inline void refuse_cancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr); }

/// While this lives, a cancellation of this thread waits. To be made and destroyed by the same thread.
class CancellationHeldOff {
 public:
  CancellationHeldOff() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~CancellationHeldOff() { ::pthread_setcancelstate(before_, nullptr); }
  CancellationHeldOff(const CancellationHeldOff&) = delete;
  CancellationHeldOff& operator=(const CancellationHeldOff&) = delete;

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace pararun::posix
