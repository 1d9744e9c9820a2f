/// The numbers of a running job.
#pragma once

#include <atomic>
#include <cstdint>

namespace pararun::job {

struct Counters {
  using Count = std::atomic<std::uint64_t>;

  // Of the input filter.
  Count seen{0}, skipped{0}, skipped_failed{0}, duplicates{0};
  // Results that are as safe as was asked for.
  Count succeeded{0}, failed{0};
  // Verdicts as they are given, for `max_failures`.
  Count verdicts_failed{0};
  Count unfinished{0};
};

}  // namespace pararun::job
