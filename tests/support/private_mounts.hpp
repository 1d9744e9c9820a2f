/// Mounts that nobody else sees, and that go when the process does, in whatever way.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace pararun::testing {

/// Gives the calling thread, and the processes it starts from now on, mounts of their own. Returns why it cannot be, or
/// nothing.
inline std::string private_mounts() {
  static const int failed = [] {
    if (::unshare(CLONE_NEWNS) != 0) return errno;
    return ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) != 0 ? errno : 0;
  }();
  return failed != 0 ? std::string("skipped: nothing can be mounted here: ") + std::strerror(failed) : std::string();
}

}  // namespace pararun::testing
