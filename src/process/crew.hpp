/// The worker processes of a job or a pool, as seen from the process that they work for.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "posix/own_fds.hpp"
#include "process/area.hpp"
#include "process/worker.hpp"

namespace pararun::process {

class Crew;

/// Who waits for a worker looks up this often, for what nobody wakes it for.
constexpr std::chrono::milliseconds kTick{50};

/// Counts the workers that end, one after the other, before any of them has begun with what it was sent. Some may just
/// have been leaving, but not many.
class BarrenStarts {
 public:
  /// After another one has died so: whether it is worth a further try. Where there are too many processes at the moment
  /// there may be fewer in a moment: that is waited for.
  bool may_go_on(const Death& death);

 private:
  unsigned count_ = 0;
};

/// A place for one worker, which is another one after the first has died. For the thread that has hired it; `claims`
/// are for any.
class Worker {
 public:
  enum class Event {
    ready,    ///< what was waited for has come
    ended,    ///< it will not come any more: the worker has died, see `death`
    garbled,  ///< nor will it make sense: the worker is out of its mind
    time,     ///< not yet
  };

  /// Makes `message` an empty message, for its bytes to be appended.
  static void begin(std::string& message) { message.assign(sizeof(MessageHead), '\0'); }

  /// Starts on a message of several parts, which must stay where it is until it is `sent`. What was sent before must be
  /// done with.
  void open(std::string& message, std::uint16_t parts) noexcept;

  /// Sends the message, or, called again, what is left of it.
  Event send(Clock::time_point until) noexcept;
  bool sent() const noexcept { return unsent_.empty(); }

  /// Waits for the next reply, or, called again, for what is left of it.
  Event receive(Clock::time_point until);

  /// The reply that has been received.
  std::string& reply() noexcept { return reply_; }

  /// Makes the wait that goes on, or the next one, end as if its time had come. Any thread.
  void interrupt() noexcept;

  Claims& claims() noexcept { return area_.claims; }

  /// When the part was begun that was claimed last, where the service tells.
  /// A worker may have written anything there: never before the clock began, so that times can be taken from each
  /// other.
  Clock::time_point began() const noexcept {
    return Clock::time_point(Clock::duration(std::max<std::int64_t>(area_.began.load(), 0)));
  }

  Death death() const noexcept { return area_.death(); }

  /// Whether it may take any time until it begins with what it is sent: its fork has not had its turn yet, or it waits
  /// for a reader of what it has printed.
  bool held_up() const noexcept { return area_.pid.load() == 0 || area_.printing.load(); }

 private:
  friend Crew;
  Worker(Area& area, std::uint16_t place) noexcept : area_(area), place_(place) {}

  Area& area_;
  std::uint16_t place_;
  Event await(std::size_t size, Clock::time_point until) noexcept;
  bool wait(auto ready, Clock::time_point until) noexcept;

  std::uint32_t round_ = 0;
  std::string_view unsent_;
  std::optional<ReplySize> reply_size_;
  std::string reply_;
  std::atomic<bool> interrupted_{false};
  bool started_ = false;
};

class Crew {
 public:
  /// Forks the template, from which every worker comes: what `service` refers to is as it was then. `service` itself
  /// must live as long as this. Throws `Error` where there are no processes, descriptors or memory to be had.
  Crew(std::size_t places, Service& service);

  ~Crew() { end_all(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// A worker that has nothing to do: the one that was dismissed last, or else a new one, which may still be being
  /// born. Null if every place is taken. Any thread.
  Worker* hire();

  /// A hired worker has nothing to do any more, or has died. Any thread.
  void dismiss(Worker& worker) noexcept;

  /// Asks the worker and what it has started to end, and after `grace` makes them. Returns once it has died. Should the
  /// kernel not let it die: false, and its place is lost.
  bool end(Worker& worker, std::chrono::nanoseconds grace) noexcept;

  /// Sends a signal to the worker and what it has started.
  void signal(const Worker& worker, int signal) noexcept;

  /// Ends all workers, whatever they do but print, and the template. Nobody may have one hired, nor hire one
  /// afterwards. Any thread.
  void end_all() noexcept;

  /// Whether no worker can come any more: the template has died, and with it all workers, or it hangs since it was
  /// forked, as it does where another thread held a lock at that moment that nobody takes care of.
  bool lost() const noexcept;

  /// How many workers there are that nobody has hired. Any thread.
  std::size_t idle();

 private:
  struct Unmap {
    std::size_t size;
    void operator()(Area* areas) const noexcept;
  };

  enum class Template { works, hangs, gone };

  void start(Worker& worker) noexcept;
  Template state_of(int line) const noexcept;
  bool anyone_prints() const noexcept;

  std::unique_ptr<Area[], Unmap> areas_;
  posix::OwnFd line_;
  ::pid_t owner_;  // whose children a fork copies this object for, it is not theirs
  ::pid_t template_ = -1;
  Clock::time_point forked_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex ending_;
  std::mutex mutex_;
  std::vector<Worker*> idle_;  // guarded by mutex_; has room for all
};

}  // namespace pararun::process
