/// What a job or a pool may leave behind, in tests that run it in a child process.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <exception>

#include <catch2/catch.hpp>

#include "support/ends.hpp"

namespace pararun::testing {

/// Inherits what its descendants leave behind, and says whether they leave anything.
class Undertaker {
 public:
  Undertaker() { REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); }
  ~Undertaker() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  Undertaker(const Undertaker&) = delete;
  Undertaker& operator=(const Undertaker&) = delete;

  /// Whether all are dead, or will be without anybody's help.
  static bool nobody_left() {
    return eventually([] {
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
    });
  }
};

/// The exit code of a child whose job has thrown.
inline constexpr int kThrown = 17;

/// What the child makes of an exception of its job.
template <class Job>
int code_of(Job job) {
  try {
    return job();
  } catch (const std::exception&) {
    return kThrown;
  }
}

}  // namespace pararun::testing
