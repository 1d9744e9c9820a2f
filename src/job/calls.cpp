#include "job/calls.hpp"

#include <algorithm>
#include <vector>

namespace pararun::job {

Clock::time_point Calls::ask(Clock::time_point now, bool all) {
  std::vector<std::stop_source> stops;
  Clock::time_point earliest = Clock::time_point::max();
  {
    const std::lock_guard lock(mutex_);
    for (Entry& entry : entries_) {
      if (entry.asked) continue;
      if (all || entry.deadline <= now) {
        entry.asked = true;
        stops.push_back(entry.stop);
      } else {
        earliest = std::min(earliest, entry.deadline);
      }
    }
  }
  // Outside of the lock, because it runs the user's stop callbacks.
  for (std::stop_source& stop : stops) stop.request_stop();
  return earliest;
}

}  // namespace pararun::job
