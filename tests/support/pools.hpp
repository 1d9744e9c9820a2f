/// What the tests have a `WorkerPool` call, and how they look at its processes.
#pragma once

#include <unistd.h>

#include <csignal>
#include <fstream>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/process.hpp>

#include "support/culprits.hpp"
#include "support/job.hpp"
#include "support/shared_counts.hpp"

namespace pararun::testing {

inline double half(double x) { return x / 2; }
inline int pid() { return ::getpid(); }
inline void nothing() {}

inline int parent_of(int child) {
  std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
  std::string number, name, state;
  int parent = 0;
  stat >> number >> name >> state >> parent;
  return parent;
}

inline bool runs(int process) { return ::kill(process, 0) == 0; }

/// Numbers that calls can reach without being given them, in the workers of pools that are made once this has been
/// called.
inline SharedCounts& board() {
  static SharedCounts counts(8);
  return counts;
}

/// Says in `board()[0]` that it has begun.
[[noreturn]] inline void loop_noticeably() {
  ++board()[0];
  loop_for_ever();
}

/// The signal of the `BrokenWorkerError` that `action` throws.
template <class Action>
std::optional<int> signal_of(Action action) {
  const auto error = thrown<BrokenWorkerError>(action);
  REQUIRE(error);
  return error->signal();
}

}  // namespace pararun::testing
