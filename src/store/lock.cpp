#include "store/lock.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <pararun/error.hpp>

#include "posix/file.hpp"

namespace pararun::store {
namespace {

constexpr int kOpenAttempts = 16;

/// Calls `visit` with the number of each numeric name in a directory of /proc, until it returns true.
template <class Visit>
void for_each_number(const std::string& directory, Visit visit) {
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> open(::opendir(directory.c_str()));
  if (!open) return;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    std::int64_t number = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) continue;
    if (visit(number)) return;
  }
}

/// Whether this file of /proc/<pid>/fdinfo tells of an open-file-description lock.
bool shows_lock(const std::string& fdinfo) {
  const posix::Fd fd(::open(fdinfo.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  std::array<char, 4096> text;
  const ::ssize_t length = ::read(fd.get(), text.data(), text.size());
  if (length <= 0) return false;
  const std::string_view lines(text.data(), static_cast<std::size_t>(length));
  return lines.find("\nlock:") != lines.npos && lines.find("OFDLCK") != lines.npos;
}

const char* network_file_system(long magic) noexcept {
  switch (static_cast<unsigned long>(magic) & 0xffffffffUL) {
    case 0x6969:
      return "NFS";
    case 0x517b:
      return "SMB";
    case 0xff534d42:
      return "CIFS";
    case 0xfe534d42:
      return "SMB2";
    case 0x0bd00bd0:
      return "Lustre";
    case 0x47504653:
      return "GPFS";
    case 0x65735546:
      return "FUSE";
    case 0x00c36400:
      return "Ceph";
    case 0x5346414f:
      return "AFS";
    case 0x19830326:
      return "BeeGFS";
    case 0x01021997:
      return "9P";
    default:
      return nullptr;
  }
}

/// Null if the path came to name another file before the lock was taken: the lock then guards nothing.
std::optional<LockedFile> try_open_locked(const std::filesystem::path& path, const std::filesystem::path& absolute) {
  const auto open = [&] { return posix::open_regular(path, O_RDWR | O_APPEND | O_CREAT); };
  LockedFile file{posix::OwnFd::from(open), path, absolute};
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  // Not F_SETLK: such a lock does not keep out this process itself, and goes when any descriptor of the file is
  // closed anywhere in the process.
  while (::fcntl(file.fd.get(), F_OFD_SETLK, &whole) != 0) {
    if (errno == EAGAIN || errno == EACCES) throw CacheLocked(path, lock_holder(file));
    if (errno != EINTR) posix::fail("cannot lock", path, errno);
  }
  if (!posix::is_named_by(posix::status(file.fd.get(), path), absolute)) return std::nullopt;
  return file;
}

}  // namespace

LockedFile open_locked(const std::filesystem::path& path) {
  std::error_code failed;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failed);
  if (failed) posix::fail("cannot find", path, failed.value());
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    if (std::optional<LockedFile> file = try_open_locked(path, absolute)) return *std::move(file);
  }
  throw StoreError("this is replaced again and again while it is being opened", path, 0);
}

std::int64_t lock_holder(const LockedFile& file) {
  const struct stat wanted = posix::status(file.fd.get(), file.path);
  std::int64_t holder = 0;
  for_each_number("/proc", [&](std::int64_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    for_each_number(process + "/fdinfo", [&](std::int64_t number) {
      if (!shows_lock(process + "/fdinfo/" + std::to_string(number))) return false;
      struct stat found {};
      if (::stat((process + "/fd/" + std::to_string(number)).c_str(), &found) != 0) return false;
      if (found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino) holder = pid;
      return holder != 0;
    });
    return holder != 0;
  });
  return holder;
}

std::vector<std::string> file_warnings(int fd, const std::filesystem::path& path) {
  std::vector<std::string> warnings;
  const ::nlink_t names = posix::status(fd, path).st_nlink;
  if (names > 1) {
    warnings.push_back(path.string() + " has " + std::to_string(names) +
                       " names (hard links): each would have a failures file of its own");
  }
  struct statfs system {};
  if (::fstatfs(fd, &system) == 0) {
    if (const char* kind = network_file_system(system.f_type)) {
      warnings.push_back(path.string() + " is on a network file system (" + kind +
                         "): a second run on another machine may not be noticed");
    }
  }
  return warnings;
}

}  // namespace pararun::store
