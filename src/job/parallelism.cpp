#include "job/parallelism.hpp"

#include <oneapi/tbb/global_control.h>

#include <mutex>
#include <optional>
#include <string>

#include <pararun/error.hpp>

namespace pararun::job {
namespace {

using tbb::global_control;

std::mutex mutex;
std::size_t extra_of_all = 0;         // guarded by mutex
std::optional<global_control> limit;  // guarded by mutex

std::size_t allowed() { return global_control::active_value(global_control::max_allowed_parallelism); }

void set_limit() {
  limit.reset();
  const std::size_t needed = 1 + extra_of_all;
  if (extra_of_all > 0 && needed > allowed()) limit.emplace(global_control::max_allowed_parallelism, needed);
}

}  // namespace

Parallelism::Parallelism(std::size_t n_workers) : extra_(n_workers - 1) {
  const std::lock_guard lock(mutex);
  extra_of_all += extra_;
  try {
    set_limit();
  } catch (...) {
    extra_of_all -= extra_;
    throw;
  }
  if (allowed() < 1 + extra_of_all) {
    const std::size_t found = allowed();
    const std::size_t needed = 1 + extra_of_all;
    extra_of_all -= extra_;
    set_limit();
    throw OptionsError("n_workers", "oneTBB may use " + std::to_string(found) +
                                        " threads (by a tbb::global_control of the program or a limit of its own), but "
                                        "the jobs that run need " +
                                        std::to_string(needed));
  }
}

Parallelism::~Parallelism() {
  const std::lock_guard lock(mutex);
  extra_of_all -= extra_;
  try {
    set_limit();
  } catch (...) {
    // Without memory for a limit the other jobs go on with fewer threads.
  }
}

}  // namespace pararun::job
