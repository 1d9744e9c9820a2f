/// Opening a file of the store so that nobody else can: at most one run, in this process or another, holds it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "posix/own_fds.hpp"

namespace pararun::store {

/// A regular file, open for reading and appending, and locked for as long as `fd` is open. The lock is this process's
/// alone: a forked one has neither the lock nor the descriptor.
struct LockedFile {
  posix::OwnFd fd;
  std::filesystem::path path;      ///< as it was given, for messages
  std::filesystem::path absolute;  ///< to find it again, should the program change its working directory
};

/// Creates the file if it is missing, readable and writable for its owner only. Follows symbolic links, so that
/// results can be kept on another disk. Throws `CacheLocked` if another holds it; waits for nobody.
LockedFile open_locked(const std::filesystem::path& path);

/// The process that holds the lock on this file, or 0 if it cannot be found: other users' processes, other
/// machines' and other containers' are invisible.
std::int64_t lock_holder(const LockedFile& file);

/// What about the open file may weaken the store's promises, in words; mostly nothing.
std::vector<std::string> file_warnings(int fd, const std::filesystem::path& path);

}  // namespace pararun::store
