#include "posix/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include <pararun/error.hpp>

namespace pararun::posix {
namespace {

const char* kind_of(::mode_t mode) noexcept {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode)) return "a character device";
  if (S_ISBLK(mode)) return "a block device";
  return "something else";
}

void require_regular(const struct stat& file, const std::filesystem::path& path) {
  if (S_ISREG(file.st_mode)) return;
  throw StoreError(std::string("this is ") + kind_of(file.st_mode) + ", not a regular file", path, 0);
}

Fd open_any(const std::filesystem::path& path, int flags, ::mode_t mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) fail("cannot open", path, errno);
  Fd opened(fd);
  if (fd > STDERR_FILENO) return opened;
  Fd moved(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved) fail("cannot open", path, errno);
  return moved;
}

}  // namespace

void fail(const std::string& operation, const std::filesystem::path& path, int error_number) {
  throw StoreError(operation, path, error_number);
}

Fd open_regular(const std::filesystem::path& path, int flags, ::mode_t mode) {
  struct stat file {};
  // Looked at before it is opened, since opening alone can block or make a device do something.
  const int found = (flags & O_NOFOLLOW) != 0 ? ::lstat(path.c_str(), &file) : ::stat(path.c_str(), &file);
  if (found == 0 && !S_ISLNK(file.st_mode)) require_regular(file, path);
  Fd fd = open_any(path, flags | O_NONBLOCK, mode);
  require_regular(status(fd.get(), path), path);
  return fd;
}

struct stat status(int fd, const std::filesystem::path& path) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) fail("cannot examine", path, errno);
  return file;
}

bool is_named_by(const struct stat& file, const std::filesystem::path& path) {
  struct stat named {};
  if (::stat(path.c_str(), &named) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    fail("cannot examine", path, errno);
  }
  return named.st_dev == file.st_dev && named.st_ino == file.st_ino;
}

WriteOutcome write_fully(int fd, std::string_view bytes) noexcept {
  WriteOutcome outcome;
  while (outcome.written < bytes.size()) {
    const ::ssize_t count = ::write(fd, bytes.data() + outcome.written, bytes.size() - outcome.written);
    if (count > 0) {
      outcome.written += static_cast<std::size_t>(count);
    } else if (count == 0) {
      // Means nothing on a regular file; taken for progress it would loop for ever.
      outcome.error_number = EIO;
      break;
    } else if (errno != EINTR) {
      outcome.error_number = errno;
      break;
    }
  }
  return outcome;
}

void write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  const int error_number = write_fully(fd, bytes).error_number;
  if (error_number != 0) fail("cannot write", path, error_number);
}

std::size_t read_at(int fd, std::uint64_t offset, std::span<char> buffer, const std::filesystem::path& path) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ::ssize_t count =
        ::pread(fd, buffer.data() + filled, buffer.size() - filled, static_cast<::off_t>(offset + filled));
    if (count == 0) break;
    if (count > 0) {
      filled += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      fail("cannot read", path, errno);
    }
  }
  return filled;
}

int truncate(int fd, std::uint64_t size) noexcept {
  while (::ftruncate(fd, static_cast<::off_t>(size)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

void sync(int fd, const std::filesystem::path& path) {
  // An interrupted sync has not failed: it has reported nothing yet.
  while (::fdatasync(fd) != 0) {
    if (errno == EINTR) continue;
    const int error_number = errno;
    // The lost pages look well in the cache: whoever reads the file next shall see what the disk has.
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    fail("cannot sync", path, error_number);
  }
}

void sync_name(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::path resolved = std::filesystem::canonical(path, ignored);
  std::filesystem::path directory = (ignored ? path : resolved).parent_path();
  if (directory.empty()) directory = ".";
  const Fd fd = open_any(directory, O_RDONLY | O_DIRECTORY, 0);
  while (::fsync(fd.get()) != 0) {
    // Some file systems cannot sync a directory, and have no need to.
    if (errno == EINVAL || errno == EBADF || errno == EOPNOTSUPP) return;
    if (errno != EINTR) fail("cannot sync", directory, errno);
  }
}

}  // namespace pararun::posix
