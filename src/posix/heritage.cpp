#include "posix/heritage.hpp"

#include <pthread.h>

namespace pararun::posix {

Heritage::Heritage() noexcept {
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask_);
  ::pthread_getname_np(::pthread_self(), name_.data(), name_.size());
}

void Heritage::assume() const noexcept {
  ::pthread_setname_np(::pthread_self(), name_.data());
  ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
}

}  // namespace pararun::posix
