/// Proof that several calls are in progress at the same time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace pararun::testing {

/// A place that opens once enough have come. A latch with a deadline, so that a job which runs too few calls at once
/// fails its test in place of hanging it.
class Rendezvous {
 public:
  explicit Rendezvous(std::size_t expected) : expected_(expected) {}

  /// Waits for the others; false if they do not come.
  bool meet() {
    std::unique_lock lock(mutex_);
    if (++arrived_ >= expected_) all_here_.notify_all();
    return all_here_.wait_for(lock, std::chrono::seconds(20), [&] { return arrived_ >= expected_; });
  }

 private:
  const std::size_t expected_;
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::size_t arrived_ = 0;
};

}  // namespace pararun::testing
