/// How many threads can be had.
#pragma once

#include <cstddef>

namespace pararun::job {

/// Tries to run `wanted` threads at once, lets them end again, and returns how many there were. oneTBB aborts the
/// process when it cannot create a thread (limits on processes, `pids.max`, address space): so they are counted first.
/// Somebody else may take what was there a moment ago.
std::size_t available_threads(std::size_t wanted);

}  // namespace pararun::job
