/// A worker process: takes messages out of its area, has them worked on, and puts the replies there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "process/area.hpp"

namespace pararun::process {

/// What stands before each message in a pipe.
struct MessageHead {
  std::uint64_t size;  ///< of what follows
  std::uint32_t round;
  std::uint32_t unused = 0;
};

/// What stands before each reply: the size of what follows.
using ReplySize = std::uint64_t;

/// A worker's end of its area.
class Port {
 public:
  explicit Port(Area& area) noexcept : area_(area) {}

  /// Waits for a message. False if there will be none, or none comes until that time.
  bool next(std::string& message, Clock::time_point until = Clock::time_point::max());

  /// Whether the next part of the message is still this worker's to do.
  bool claim() noexcept { return area_.claims.claim(round_); }

  /// Tells the other side, for its deadline, when the part was begun that is claimed next.
  void began(Clock::time_point time) noexcept { area_.began.store(time.time_since_epoch().count()); }

  /// Leaves the rest of the message to others.
  void stop() noexcept { area_.claims.withdraw(0); }

  /// Makes `reply` an empty reply, for its bytes to be appended.
  static void begin(std::string& reply) { reply.assign(sizeof(ReplySize), '\0'); }

  /// Sends a reply. The other side can see it at once, but is not woken, unless it must make room for more.
  void send(std::string& reply) noexcept;

  /// Wakes the other side, to see what there is.
  void wake() noexcept { area_.bell.ring(); }

 private:
  Area& area_;
  std::uint32_t round_ = 0;
};

/// What workers do.
class Service {
 public:
  virtual ~Service() = default;

  /// Once, before the first message.
  virtual void begin() = 0;

  /// Works on a message. What it throws ends the worker.
  virtual void serve(std::string_view message, Port& port) = 0;

  /// After each message, once the other side has its reply: whether the worker shall go on.
  virtual bool goes_on() { return true; }

  /// How long a worker may be idle.
  virtual std::chrono::nanoseconds patience() const { return std::chrono::nanoseconds::max(); }
};

/// Works until told to leave. Never returns.
[[noreturn]] void run_worker(Area& area, Service& service) noexcept;

}  // namespace pararun::process
