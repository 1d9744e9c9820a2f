#include "support/faults.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <mutex>
#include <thread>
#include <utility>

namespace pararun::testing {
namespace {

struct State {
  std::mutex mutex;
  bool armed = false;
  dev_t device = 0;
  ino_t inode = 0;
  Fault fault;
  int writes = 0;
  int held = 0;
  int syncs = 0;
  int truncates = 0;
  std::size_t unsynced = 0;
  std::function<void()> before_lock;
};

State& state() {
  static State the_state;
  return the_state;
}

bool concerns(const State& now, int fd) {
  struct stat file {};
  return now.armed && ::fstat(fd, &file) == 0 && file.st_dev == now.device && file.st_ino == now.inode;
}

int failing(int error_number) {
  errno = error_number;
  return -1;
}

ssize_t faulty_write(int fd, const void* bytes, std::size_t count) {
  State& now = state();
  std::unique_lock lock(now.mutex);
  if (!concerns(now, fd)) {
    lock.unlock();
    return ::syscall(SYS_write, fd, bytes, count);
  }
  if (now.fault.held != nullptr && now.fault.held->load()) ++now.held;
  while (now.fault.held != nullptr && now.fault.held->load()) {
    lock.unlock();
    std::this_thread::yield();
    lock.lock();
  }
  ++now.writes;
  Fault& fault = now.fault;
  if (fault.interrupted && now.writes % 2 == 1) return failing(EINTR);
  if (fault.at_most != 0) count = std::min(count, fault.at_most);
  if (fault.write_error != 0 && fault.write_times > 0) {
    if (fault.room == 0) {
      --fault.write_times;
      return failing(fault.write_error);
    }
    count = std::min(count, fault.room);
    fault.room -= count;
  }
  now.unsynced += count;
  return ::syscall(SYS_write, fd, bytes, count);
}

int faulty_sync(int fd) {
  State& now = state();
  const std::lock_guard lock(now.mutex);
  if (concerns(now, fd)) {
    ++now.syncs;
    if (now.fault.sync_error != 0 && now.fault.sync_times-- > 0) return failing(now.fault.sync_error);
    now.unsynced = 0;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

int faulty_truncate(int fd, off_t size) {
  State& now = state();
  const std::lock_guard lock(now.mutex);
  if (concerns(now, fd)) {
    ++now.truncates;
    if (now.fault.truncate_error != 0) return failing(now.fault.truncate_error);
  }
  return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}

}  // namespace

FaultyFile::FaultyFile(const std::filesystem::path& path, Fault fault) {
  struct stat file {};
  const bool found = ::stat(path.c_str(), &file) == 0;
  State& now = state();
  const std::lock_guard lock(now.mutex);
  now.armed = found;
  now.device = file.st_dev;
  now.inode = file.st_ino;
  now.fault = fault;
  now.writes = now.held = now.syncs = now.truncates = 0;
  now.unsynced = 0;
}

FaultyFile::~FaultyFile() {
  const std::lock_guard lock(state().mutex);
  state().armed = false;
}

int FaultyFile::writes() const {
  const std::lock_guard lock(state().mutex);
  return state().writes;
}

int FaultyFile::held() const {
  const std::lock_guard lock(state().mutex);
  return state().held;
}

int FaultyFile::syncs() const {
  const std::lock_guard lock(state().mutex);
  return state().syncs;
}

int FaultyFile::truncates() const {
  const std::lock_guard lock(state().mutex);
  return state().truncates;
}

std::size_t FaultyFile::unsynced() const {
  const std::lock_guard lock(state().mutex);
  return state().unsynced;
}

void before_next_lock(std::function<void()> action) {
  const std::lock_guard lock(state().mutex);
  state().before_lock = std::move(action);
}

namespace {

void about_to_lock() {
  std::function<void()> action;
  {
    const std::lock_guard lock(state().mutex);
    action = std::exchange(state().before_lock, nullptr);
  }
  if (action) action();
}

}  // namespace
}  // namespace pararun::testing

// The program's own definitions stand before those of the C library.
extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) { return pararun::testing::faulty_write(fd, bytes, count); }

int fdatasync(int fd) { return pararun::testing::faulty_sync(fd); }

int ftruncate(int fd, off_t size) noexcept { return pararun::testing::faulty_truncate(fd, size); }

int fcntl(int fd, int command, ...) {
  std::va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if (command == F_OFD_SETLK) pararun::testing::about_to_lock();
  return static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
}
}
