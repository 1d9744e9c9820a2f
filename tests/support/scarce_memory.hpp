/// Memory that is not to be had: allocations with `operator new` that fail, on whatever thread they are. A program that
/// is linked with `support/scarce_memory.cpp` has that file's `operator new`.
#pragma once

#include <cstdint>

namespace pararun::testing {

/// Lets allocation number `k`, counted from 0, fail for as long as this lives; or that one and all later ones. One at a
/// time.
class ScarceMemory {
 public:
  enum class Whose { all_threads, this_thread };

  ScarceMemory(std::uint64_t k, bool for_ever, Whose whose = Whose::all_threads) noexcept;
  ~ScarceMemory();
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;

  /// Whether an allocation has failed.
  bool was_noticed() const noexcept;
};

}  // namespace pararun::testing
