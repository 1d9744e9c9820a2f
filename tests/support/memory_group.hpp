/// A control group with little memory, for processes that shall be killed for want of it.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace pararun::testing {

class MemoryGroup {
 public:
  explicit MemoryGroup(std::uint64_t bytes) {
    const std::string name = "pararun-test-" + std::to_string(::getpid());
    if (make("/sys/fs/cgroup/memory/" + name, "memory.limit_in_bytes", bytes)) {
      write(path_ / "memory.memsw.limit_in_bytes", bytes);  // not there without an account of swap space
    } else if (make("/sys/fs/cgroup/" + name, "memory.max", bytes)) {
      write(path_ / "memory.swap.max", 0);
    }
  }
  ~MemoryGroup() {
    // The kernel may still be busy with what has died in it.
    for (int i = 0; i < 1000 && !path_.empty() && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  MemoryGroup(const MemoryGroup&) = delete;
  MemoryGroup& operator=(const MemoryGroup&) = delete;

  /// Whether such a group can be made here; it takes a privileged user.
  explicit operator bool() const { return !path_.empty(); }

  /// Moves the calling process into it, and so whatever that forks.
  bool enter() const { return write(path_ / "cgroup.procs", static_cast<std::uint64_t>(::getpid())); }

 private:
  bool make(const std::filesystem::path& path, const char* limit, std::uint64_t bytes) {
    if (::mkdir(path.c_str(), 0755) != 0) return false;
    path_ = path;
    if (std::filesystem::exists(path / limit) && write(path / limit, bytes)) return true;
    ::rmdir(path.c_str());
    path_.clear();
    return false;
  }

  static bool write(const std::filesystem::path& path, std::uint64_t number) {
    std::ofstream file(path);
    file << number << std::flush;
    return file.good();
  }

  std::filesystem::path path_;
};

}  // namespace pararun::testing
