/// Keeps signals away from threads of the library's own, and from calls that a signal would turn into the end
/// of the process.
#pragma once

#include <csignal>

namespace pararun::posix {

/// While this lives, a thread that is started inherits a mask that blocks everything: no handler of the user's
/// ever runs on it. To be made and destroyed by the same thread.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept;
  ~AllSignalsBlocked();
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  ::sigset_t before_;
};

/// While this lives, a write of this thread beyond RLIMIT_FSIZE fails with EFBIG instead of killing the process.
/// To be made and destroyed by the same thread.
class FileSizeSignalBlocked {
 public:
  FileSizeSignalBlocked() noexcept;
  ~FileSizeSignalBlocked();
  FileSizeSignalBlocked(const FileSizeSignalBlocked&) = delete;
  FileSizeSignalBlocked& operator=(const FileSizeSignalBlocked&) = delete;

 private:
  ::sigset_t before_;
};

}  // namespace pararun::posix
