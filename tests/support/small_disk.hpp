/// A file system that is soon full.
#pragma once

#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "support/private_mounts.hpp"

namespace pararun::testing {

/// A tmpfs mounted on a directory for as long as this lives, where the test may mount at all.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path directory, const std::string& size)
      : path_(std::move(directory)), reason_(private_mounts()) {
    if (!reason_.empty()) return;
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    if (!mounted_) reason_ = std::string("skipped: no tmpfs can be mounted here: ") + std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }

  /// Makes room, or takes it away.
  bool resize(const std::string& size) const {
    return ::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()) == 0;
  }

  const std::string& reason() const { return reason_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
  std::string reason_;
  bool mounted_ = false;
};

}  // namespace pararun::testing
