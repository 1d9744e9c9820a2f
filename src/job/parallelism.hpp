/// Lets a job have as many threads as it asks for, also beyond the number of cores.
#pragma once

#include <cstddef>

namespace pararun::job {

/// While it lives, oneTBB may use enough threads for this job and all others of the process together. Of the
/// limits on its threads that are alive, oneTBB follows the smallest; so there is one for the whole process, of
/// 1 + the sum of (n_workers - 1), and only where oneTBB would not allow as much by itself.
class Parallelism {
 public:
  /// Throws `OptionsError` where a limit of the program's own, or of oneTBB's, is smaller.
  explicit Parallelism(std::size_t n_workers);
  ~Parallelism();
  Parallelism(const Parallelism&) = delete;
  Parallelism& operator=(const Parallelism&) = delete;

 private:
  std::size_t extra_;
};

}  // namespace pararun::job
