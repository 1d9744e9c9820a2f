/// How many items a token carries: one, unless they are so cheap that a token's own cost would show.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

namespace pararun::job {

class BatchSize {
 public:
  static constexpr std::size_t kMost = 256;

  /// A token costs about a microsecond in all, so this much work hides it.
  static constexpr std::chrono::microseconds kWorthwhile{50};

  /// Waking a worker process, and being woken by it, costs ten and more.
  static constexpr std::chrono::microseconds kWorthwhileForProcess{500};

  /// A batch that takes longer is split: its items have become heavy.
  static constexpr std::chrono::milliseconds kSlice{1};

  /// `fixed` is the user's wish; 0: measured, so that a batch takes about as long as `worthwhile`.
  explicit BatchSize(std::size_t fixed, std::chrono::nanoseconds worthwhile = kWorthwhile) noexcept
      : fixed_(fixed != 0), worthwhile_(worthwhile), size_(fixed_ ? fixed : 1) {}

  bool fixed() const noexcept { return fixed_; }
  std::size_t get() const noexcept { return size_.load(std::memory_order_relaxed); }

  /// Learns what some items cost, pulling included. Grows step by step, shrinks at once. Thread-safe.
  void measured(std::size_t items, std::chrono::nanoseconds cost) noexcept {
    if (fixed_ || items == 0) return;
    const auto each = std::max<std::chrono::nanoseconds::rep>(cost.count() / static_cast<std::ptrdiff_t>(items), 1);
    const auto wanted = static_cast<std::size_t>(worthwhile_.count() / each);
    size_.store(std::clamp<std::size_t>(wanted, 1, std::min(kMost, 2 * get())), std::memory_order_relaxed);
  }

 private:
  const bool fixed_;
  const std::chrono::nanoseconds worthwhile_;
  std::atomic<std::size_t> size_;
};

}  // namespace pararun::job
