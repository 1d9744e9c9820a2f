#include "job/threads.hpp"

#include <latch>
#include <thread>
#include <vector>

#include "posix/signals.hpp"

namespace pararun::job {

std::size_t available_threads(std::size_t wanted) {
  std::vector<std::thread> threads;
  threads.reserve(wanted);
  std::latch over(1);
  const posix::AllSignalsBlocked blocked;
  try {
    while (threads.size() < wanted) threads.emplace_back([&over] { over.wait(); });
  } catch (...) {
    // These many, then.
  }
  over.count_down();
  for (std::thread& thread : threads) thread.join();
  return threads.size();
}

}  // namespace pararun::job
