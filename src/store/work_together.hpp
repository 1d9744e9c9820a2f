/// Work that several threads do together.
#pragma once

#include <exception>
#include <thread>
#include <type_traits>
#include <vector>

#include "posix/signals.hpp"

namespace pararun::store {

/// Calls `work` on this thread and on others: on `threads` in all, or on fewer where there are no more to be had.
/// Returns when all have come back.
template <class Work>
void work_together(unsigned threads, const Work& work) {
  static_assert(std::is_nothrow_invocable_v<const Work&>);
  std::vector<std::jthread> helpers;
  try {
    const posix::AllSignalsBlocked blocked;
    while (helpers.size() + 1 < threads) helpers.emplace_back([&work] { work(); });
  } catch (const std::exception&) {
    // No further thread is to be had: fewer do the same work.
  }
  work();
}

}  // namespace pararun::store
