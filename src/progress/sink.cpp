#include "progress/sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace pararun::progress {
namespace {

/// A copy above standard input, output and error: what the program means for those must not end up here.
posix::Fd duplicate(int fd) { return posix::Fd(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)); }

/// O_NONBLOCK belongs to the open file, which is shared with the program and even with the shell. So a
/// terminal or a pipe is opened anew; where that is refused a write may wait, but only if there is some room
/// and less than a line of it.
posix::Fd own_descriptor(int fd, bool can_wait) {
  if (can_wait) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    posix::Fd opened(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (opened && opened.get() <= STDERR_FILENO) opened = duplicate(opened.get());
    if (opened) return opened;
  }
  return duplicate(fd);
}

void consume_sigpipe() {
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  const timespec at_once{};
  ::sigtimedwait(&pipe_signal, nullptr, &at_once);
}

bool has_room(int fd, std::chrono::nanoseconds patience) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  pollfd entry{fd, POLLOUT, 0};
  return ::poll(&entry, 1, static_cast<int>(std::clamp<decltype(milliseconds)>(milliseconds, 0, 60'000))) > 0;
}

}  // namespace

Sink::Sink(int fd) : is_terminal_(::isatty(fd) == 1) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  is_socket_ = S_ISSOCK(status.st_mode);
  fd_ = posix::OwnFd::from([&] { return own_descriptor(fd, is_terminal_ || S_ISFIFO(status.st_mode)); });
}

std::size_t Sink::put(std::string_view text) noexcept {
  if (fd_.get() < 0 || broken_ || !has_room(fd_.get(), std::chrono::nanoseconds(0))) return 0;
  const ssize_t taken = is_socket_ ? ::send(fd_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                   : ::write(fd_.get(), text.data(), text.size());
  if (taken >= 0) return static_cast<std::size_t>(taken);
  if (errno == EPIPE && !is_socket_) consume_sigpipe();
  broken_ = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
  return 0;
}

bool Sink::push_rest() {
  if (!rest_.empty()) rest_.erase(0, put(rest_));
  return rest_.empty();
}

void Sink::offer(std::string_view text) {
  if (!push_rest()) return;
  const std::size_t taken = put(text);
  if (taken > 0) rest_ = text.substr(taken);
}

void Sink::insist(std::string_view text, std::chrono::nanoseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  rest_ += text;
  while (!push_rest() && fd_.get() >= 0 && !broken_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero() || !has_room(fd_.get(), left)) break;
  }
  rest_.clear();
}

}  // namespace pararun::progress
