/// A disk whose plug can be pulled: ext4 in a file, mounted through a loop device.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace pararun::testing {

/// Mounted on a directory for as long as this lives, where the test may do that at all.
class LoopDisk {
 public:
  /// Makes the file system in a sparse file of so many bytes at `image`.
  LoopDisk(std::filesystem::path image, std::filesystem::path directory, std::uint64_t bytes);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  /// Why there is no such disk here; empty if there is.
  const std::string& reason() const { return reason_; }
  std::filesystem::path operator/(const std::string& name) const { return directory_ / name; }

  /// From now on nothing reaches the disk any more; all that is not on it is lost, and every call that would have to
  /// go there fails.
  void cut_power();

  /// As after a restart of the machine. Nothing may be open there. `options` are ext4's.
  void restart(const std::string& options = {});

  /// Every write behind so many bytes fails from now on, as a whole. The journal is where an ext4 of 64 MiB has it,
  /// below `kJournalEnd`. 0: none fails any more.
  void break_behind(std::uint64_t bytes) const;
  static constexpr std::uint64_t kJournalEnd = std::uint64_t{21} << 20;

  /// Writes everything to the disk that anybody has written, as the kernel does at times of its own choice.
  void write_back() const;

 private:
  int attach();
  bool mount(const std::string& options);
  void fail(const std::string& what);
  void unmount();

  std::filesystem::path image_;
  std::filesystem::path directory_;
  std::string reason_;
  std::string device_;
  bool mounted_ = false;
};

}  // namespace pararun::testing
