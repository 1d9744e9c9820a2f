/// A lock for what is never held longer than a few lines take to copy: half the cost of a `std::mutex`, which shows
/// where it is taken for each item.
#pragma once

#include <atomic>
#include <thread>

namespace pararun::job {

class SpinLock {
 public:
  void lock() noexcept {
    while (taken_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() noexcept { taken_.clear(std::memory_order_release); }

 private:
  std::atomic_flag taken_;
};

}  // namespace pararun::job
