/// Pipes, sockets and pseudo-terminals with a test at the other end.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include <catch2/catch.hpp>

namespace pararun::testing {

/// Looks again and again, so that no test depends on how long anything takes. Less patience is for what must not
/// happen.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// An environment of its own for what takes one as a function.
inline std::function<std::string(const char*)> environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

/// Two ends of something, one of which is written to by what is tested.
class Ends {
 public:
  enum class Kind { pipe, socket, terminal };

  static Ends of(Kind kind) {
    if (kind == Kind::terminal) return terminal(80);
    int fds[2];
    REQUIRE((kind == Kind::pipe ? ::pipe2(fds, O_CLOEXEC)
                                : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) == 0);
    return {fds[0], fds[1]};
  }

  /// One that passes text on unchanged, although it looks at each character as terminals in daily use do.
  static Ends terminal(int columns) {
    int master = -1, slave = -1;
    termios settings{};
    ::cfmakeraw(&settings);
    settings.c_oflag = OPOST;
    const winsize size = window(columns);
    REQUIRE(::openpty(&master, &slave, nullptr, &settings, &size) == 0);
    return {master, slave};
  }

  Ends(Ends&& other) noexcept : reader_(std::exchange(other.reader_, -1)), writer_(std::exchange(other.writer_, -1)) {}
  ~Ends() {
    close_reader();
    close_writer();
  }

  int reader() const { return reader_; }
  int writer() const { return writer_; }
  void close_reader() { close(reader_); }
  void close_writer() { close(writer_); }

  /// What has arrived since the last call.
  std::string read_now() {
    std::string text;
    char buffer[4096];
    for (pollfd entry{reader_, POLLIN, 0}; ::poll(&entry, 1, 0) > 0;) {
      const ssize_t got = ::read(reader_, buffer, sizeof buffer);
      if (got <= 0) break;
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

  /// Reads until `wanted` arrives, and returns everything up to then.
  std::string read_until(const std::string& wanted) {
    std::string text;
    CHECK(eventually([&] { return (text += read_now()).find(wanted) != std::string::npos; }));
    return text;
  }

  void resize(int columns) const {
    const winsize size = window(columns);
    REQUIRE(::ioctl(reader_, TIOCSWINSZ, &size) == 0);
  }

 private:
  Ends(int reader, int writer) : reader_(reader), writer_(writer) {}
  static winsize window(int columns) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = static_cast<unsigned short>(columns);
    return size;
  }
  static void close(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int reader_, writer_;
};

}  // namespace pararun::testing
