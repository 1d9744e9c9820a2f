/// The descriptor that progress is written to: usually somebody else's terminal, so it must never make anyone
/// wait. A terminal stopped with ^S, a full pipe or a closed one cost nothing but the lines that do not fit.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "posix/own_fds.hpp"

namespace pararun::progress {

/// Not thread-safe. The threads that write must have SIGPIPE blocked; it is consumed where it is raised.
class Sink {
 public:
  /// Works on a descriptor of its own for the same file, which stays the same if the program closes `fd` or
  /// points it elsewhere. If there is none to be had nothing is ever written.
  explicit Sink(int fd);

  bool is_terminal() const noexcept { return is_terminal_; }
  int fd() const noexcept { return fd_.get(); }

  /// Writes `text` with one system call, or drops all of it if there is no room now; what was cut in the middle
  /// goes out before the next text. After an error everything is dropped. Never waits.
  void offer(std::string_view text);

  /// The same, but waits up to `patience` for room.
  void insist(std::string_view text, std::chrono::nanoseconds patience);

 private:
  /// Returns how many bytes were taken.
  std::size_t put(std::string_view text) noexcept;
  bool push_rest();

  posix::OwnFd fd_;
  bool is_terminal_ = false;
  bool is_socket_ = false;
  bool broken_ = false;
  std::string rest_;
};

}  // namespace pararun::progress
