/// A library to be preloaded into a job: it counts the job's calls on the files of one directory, and lets the k-th be
/// its last, before it is made, after it, or with a part of its bytes written; or lets it fail. It tells of each call
/// on standard output. The environment says what is to happen:
///
///     PARARUN_FAULT_DIRECTORY   whose files are meant; it and they must be named by absolute paths
///     PARARUN_FAULT             die <k> before|first|half|last|after    first, half, last: so many bytes of a write
///                               fail <k> <errno> once|same|all          same: and all later calls of its kind;
///                                                                       all: and all later calls
///                               part <k> <errno> once|same              half of a write is done, the next one fails
///                               (empty) nothing
///     PARARUN_FAULT_ROOM        bytes that can be written until the disk is full
///     PARARUN_FAULT_READS       calls that change nothing count as well
///
/// Only plain C inside: it may be at work before the C++ library and a sanitizer are.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::size_t kPath = 4096;

struct Plan {
  bool active = false;
  char directory[kPath] = "";
  char deed[8] = "";
  int at = 0;
  char how[8] = "";  // of a death
  int error = 0;
  char scope[8] = "once";  // of an error
  bool reads_count = false;
};

Plan plan;
std::atomic<long> room{-1};
std::atomic<int> calls{0};
std::atomic<const char*> failing{nullptr};  // calls of this name fail from now on; "" for all

bool is(const char* a, const char* b) { return std::strcmp(a, b) == 0; }

__attribute__((constructor)) void read_plan() {
  const char* directory = std::getenv("PARARUN_FAULT_DIRECTORY");
  const char* fault = std::getenv("PARARUN_FAULT");
  if (directory == nullptr || fault == nullptr || std::strlen(directory) >= kPath) return;
  std::strcpy(plan.directory, directory);
  if (std::sscanf(fault, "die %d %7s", &plan.at, plan.how) == 2 ||
      std::sscanf(fault, "%*4s %d %d %7s", &plan.at, &plan.error, plan.scope) == 3) {
    std::memcpy(plan.deed, fault, std::strcspn(fault, " "));
  }
  if (const char* bytes = std::getenv("PARARUN_FAULT_ROOM")) room = std::atol(bytes);
  plan.reads_count = std::getenv("PARARUN_FAULT_READS") != nullptr;
  plan.active = true;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

[[noreturn]] void die() {
  ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGKILL);
  for (;;) ::syscall(SYS_pause);
}

bool concerns(const char* path) {
  const std::size_t length = std::strlen(plan.directory);
  return plan.active && std::strncmp(path, plan.directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

void find_path(int fd, char (&path)[kPath]) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = ::syscall(SYS_readlink, link, path, kPath - 1);
  path[length < 0 ? 0 : length] = 0;
}

void tell(const char* name, const char* path, long result, bool fault) {
  const int error = errno;
  struct stat file {};
  // As the kernel has it: the call of the C library may be one of those that are counted.
  const long size = ::syscall(SYS_newfstatat, AT_FDCWD, path, &file, 0) == 0 ? static_cast<long>(file.st_size) : -1;
  char line[kPath + 200];
  const int length = std::snprintf(line, sizeof line, "call name=%s path=%s size=%ld result=%ld errno=%d fault=%d\n",
                                   name, path, size, result, result < 0 ? error : 0, fault ? 1 : 0);
  ::syscall(SYS_write, STDOUT_FILENO, line, length);
  errno = error;
}

struct Kind {
  const char* name;
  bool reads = false;
  bool writes = false;
};

/// How many bytes of a write there is room for.
std::size_t grant(std::size_t bytes) {
  const long left = room;
  if (left < 0) return bytes;
  const std::size_t granted = bytes < static_cast<std::size_t>(left) ? bytes : static_cast<std::size_t>(left);
  room -= static_cast<long>(granted);
  return granted;
}

/// Makes the call, of so many bytes where it writes, or has the fault happen.
template <class Call>
long perform(const Kind& kind, const char* path, std::size_t bytes, Call call) {
  if (!concerns(path)) return call(bytes);
  if (kind.reads && !plan.reads_count) return call(bytes);
  const int at = ++calls;
  const char* const fails = failing;
  bool fault = fails != nullptr && (*fails == 0 || is(fails, kind.name));
  long result = 0;
  if (fault) {
    if (is(plan.scope, "once")) failing = nullptr;
    errno = plan.error;
    result = -1;
  } else if (fault = at == plan.at; fault && is(plan.deed, "die")) {
    tell(kind.name, path, 0, true);
    if (is(plan.how, "after")) call(bytes);
    if (kind.writes && is(plan.how, "first")) call(1);
    if (kind.writes && is(plan.how, "half")) call(bytes / 2);
    if (kind.writes && is(plan.how, "last")) call(bytes - 1);
    die();
  } else if (fault && is(plan.deed, "fail")) {
    if (!is(plan.scope, "once")) failing = is(plan.scope, "all") ? "" : kind.name;
    errno = plan.error;
    result = -1;
  } else if (fault && is(plan.deed, "part") && kind.writes && bytes > 1) {
    failing = kind.name;
    result = call(bytes / 2);
  } else {
    const std::size_t granted = kind.writes ? grant(bytes) : bytes;
    if (granted == 0 && bytes != 0) {
      errno = ENOSPC;
      result = -1;
    } else {
      result = call(granted);
    }
  }
  tell(kind.name, path, result, fault);
  return result;
}

template <class Call>
long perform(const Kind& kind, int fd, std::size_t bytes, Call call) {
  char path[kPath];
  if (plan.active) find_path(fd, path);
  return plan.active ? perform(kind, path, bytes, call) : call(bytes);
}

constexpr Kind kOpen{"open"}, kWrite{"write", false, true}, kSync{"sync"}, kTruncate{"truncate"}, kLock{"lock"},
    kDup{"dup"}, kRename{"rename"}, kRemove{"remove"}, kRead{"read", true}, kExamine{"stat", true};

int fcntl_with(const char* name, int fd, int command, void* argument) {
  const auto make = [&](std::size_t) -> long { return next<int(int, int, ...)>(name)(fd, command, argument); };
  if (command == F_OFD_SETLK) return static_cast<int>(perform(kLock, fd, 0, make));
  if (command == F_DUPFD_CLOEXEC) return static_cast<int>(perform(kDup, fd, 0, make));
  return static_cast<int>(make(0));
}

int open_with(const char* name, const char* path, int flags, mode_t mode) {
  return static_cast<int>(perform(
      kOpen, path, 0, [&](std::size_t) -> long { return next<int(const char*, int, ...)>(name)(path, flags, mode); }));
}

int openat_with(const char* name, int at, const char* path, int flags, mode_t mode) {
  return static_cast<int>(perform(kOpen, path, 0, [&](std::size_t) -> long {
    return next<int(int, const char*, int, ...)>(name)(at, path, flags, mode);
  }));
}

mode_t mode_of(int flags, std::va_list arguments) {
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int truncate_with(const char* name, int fd, off_t size) {
  return static_cast<int>(
      perform(kTruncate, fd, 0, [&](std::size_t) -> long { return next<int(int, off_t)>(name)(fd, size); }));
}

/// Not made, only told of: the machine does not die here, and waiting for the disk takes long.
int sync_with(int fd) {
  return static_cast<int>(perform(kSync, fd, 0, [](std::size_t) -> long { return 0; }));
}

ssize_t pwrite_with(const char* name, int fd, const void* bytes, std::size_t count, off_t offset) {
  return perform(kWrite, fd, count, [&](std::size_t granted) -> long {
    return next<ssize_t(int, const void*, std::size_t, off_t)>(name)(fd, bytes, granted, offset);
  });
}

ssize_t pread_with(const char* name, int fd, void* bytes, std::size_t count, off_t offset) {
  return perform(kRead, fd, 0, [&](std::size_t) -> long {
    return next<ssize_t(int, void*, std::size_t, off_t)>(name)(fd, bytes, count, offset);
  });
}

int stat_with(const char* name, const char* path, void* file) {
  return static_cast<int>(
      perform(kExamine, path, 0, [&](std::size_t) -> long { return next<int(const char*, void*)>(name)(path, file); }));
}

int fstat_with(const char* name, int fd, void* file) {
  return static_cast<int>(
      perform(kExamine, fd, 0, [&](std::size_t) -> long { return next<int(int, void*)>(name)(fd, file); }));
}

}  // namespace

#pragma GCC diagnostic ignored "-Wmissing-attributes"
extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_with("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_with("open64", path, flags, mode);
}

int openat(int at, const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return openat_with("openat", at, path, flags, mode);
}

int openat64(int at, const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return openat_with("openat64", at, path, flags, mode);
}

int fcntl(int fd, int command, ...) {
  std::va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl_with("fcntl", fd, command, argument);
}

int fcntl64(int fd, int command, ...) {
  std::va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return fcntl_with("fcntl64", fd, command, argument);
}

ssize_t write(int fd, const void* bytes, std::size_t count) {
  return perform(kWrite, fd, count, [&](std::size_t granted) -> long {
    return next<ssize_t(int, const void*, std::size_t)>("write")(fd, bytes, granted);
  });
}

ssize_t pwrite(int fd, const void* bytes, std::size_t count, off_t offset) {
  return pwrite_with("pwrite", fd, bytes, count, offset);
}
ssize_t pwrite64(int fd, const void* bytes, std::size_t count, off64_t offset) {
  return pwrite_with("pwrite64", fd, bytes, count, offset);
}

/// In one piece, or only the first of its parts.
ssize_t writev(int fd, const iovec* parts, int count) {
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += parts[i].iov_len;
  return perform(kWrite, fd, bytes, [&](std::size_t granted) -> long {
    if (granted == bytes) return next<ssize_t(int, const iovec*, int)>("writev")(fd, parts, count);
    const std::size_t first = parts[0].iov_len < granted ? parts[0].iov_len : granted;
    return next<ssize_t(int, const void*, std::size_t)>("write")(fd, parts[0].iov_base, first);
  });
}

int fdatasync(int fd) { return sync_with(fd); }
int fsync(int fd) { return sync_with(fd); }
int ftruncate(int fd, off_t size) noexcept { return truncate_with("ftruncate", fd, size); }
int ftruncate64(int fd, off64_t size) noexcept { return truncate_with("ftruncate64", fd, size); }

int rename(const char* from, const char* to) noexcept {
  return static_cast<int>(perform(
      kRename, to, 0, [&](std::size_t) -> long { return next<int(const char*, const char*)>("rename")(from, to); }));
}

int unlink(const char* path) noexcept {
  return static_cast<int>(
      perform(kRemove, path, 0, [&](std::size_t) -> long { return next<int(const char*)>("unlink")(path); }));
}

ssize_t pread(int fd, void* bytes, std::size_t count, off_t offset) {
  return pread_with("pread", fd, bytes, count, offset);
}
ssize_t pread64(int fd, void* bytes, std::size_t count, off64_t offset) {
  return pread_with("pread64", fd, bytes, count, offset);
}

int stat(const char* path, struct stat* file) noexcept { return stat_with("stat", path, file); }
int stat64(const char* path, struct stat64* file) noexcept { return stat_with("stat64", path, file); }
int lstat(const char* path, struct stat* file) noexcept { return stat_with("lstat", path, file); }
int lstat64(const char* path, struct stat64* file) noexcept { return stat_with("lstat64", path, file); }
int fstat(int fd, struct stat* file) noexcept { return fstat_with("fstat", fd, file); }
int fstat64(int fd, struct stat64* file) noexcept { return fstat_with("fstat64", fd, file); }
}
