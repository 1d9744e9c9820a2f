/// How long a failed item waits for its next attempt.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace pararun::job {

/// `delay` after the first attempt, doubled after each further one, at most a minute; of that, at random, between a
/// half and all. `random` is any number: each bit of it counts.
inline std::chrono::nanoseconds backoff(std::chrono::nanoseconds delay, unsigned attempts,
                                        std::uint64_t random) noexcept {
  using namespace std::chrono;
  constexpr nanoseconds kLongest = minutes(1);
  nanoseconds wait = std::min(delay, kLongest);
  for (unsigned i = 1; i < attempts && wait > 0ns && wait < kLongest; ++i) wait = std::min(wait * 2, kLongest);
  const auto half = static_cast<std::uint64_t>(wait.count() / 2);
  // Steele, Lea and Flood's SplitMix64.
  random += 0x9e3779b97f4a7c15;
  random = (random ^ (random >> 30)) * 0xbf58476d1ce4e5b9;
  random = (random ^ (random >> 27)) * 0x94d049bb133111eb;
  random ^= random >> 31;
  return wait - nanoseconds(random % (half + 1));
}

}  // namespace pararun::job
