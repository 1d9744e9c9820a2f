/// Devices that fail on demand. A test that is linked with faults.cpp has its system calls on one file pass through
/// here: they can be made short, be interrupted, be held back, or fail with any errno, and they are counted.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>

namespace pararun::testing {

/// What becomes of the calls on the file; `times` is how many of them fail before all is well again.
struct Fault {
  static constexpr int kForEver = 1 << 30;

  int write_error = 0;         ///< given once `room` bytes have been written
  std::size_t room = 0;        ///< bytes that may be written before writes fail
  int write_times = kForEver;  ///< after which there is room for everything
  std::size_t at_most = 0;     ///< bytes that one write takes; 0: all
  bool interrupted = false;    ///< every other write gives EINTR
  int sync_error = 0;
  int sync_times = kForEver;
  int truncate_error = 0;
  std::atomic<bool>* held = nullptr;  ///< writes wait while it is true
};

/// In force for the file at `path`, which must exist, while this lives. One at a time.
class FaultyFile {
 public:
  FaultyFile(const std::filesystem::path& path, Fault fault);
  ~FaultyFile();
  FaultyFile(const FaultyFile&) = delete;
  FaultyFile& operator=(const FaultyFile&) = delete;

  int writes() const;
  /// Writes that wait, or have waited, because they are held.
  int held() const;
  int syncs() const;
  int truncates() const;
  /// Bytes written since the last sync that succeeded.
  std::size_t unsynced() const;
};

/// Called once, just before the next lock is asked for in this process.
void before_next_lock(std::function<void()> action);

}  // namespace pararun::testing
