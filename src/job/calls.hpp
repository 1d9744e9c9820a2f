/// The calls in progress whose functions can be asked to stop.
#pragma once

#include <list>
#include <mutex>
#include <stop_token>

#include "job/settings.hpp"

namespace pararun::job {

class Calls {
 public:
  struct Entry {
    std::stop_source stop;
    Clock::time_point deadline;
    bool asked = false;
  };
  using Handle = std::list<Entry>::iterator;

  Handle add(Clock::time_point deadline) {
    const std::lock_guard lock(mutex_);
    entries_.push_front({std::stop_source(), deadline});
    return entries_.begin();
  }

  void remove(Handle call) {
    const std::lock_guard lock(mutex_);
    entries_.erase(call);
  }

  /// Asks all that are overdue, or all, to stop. Returns the earliest deadline that is still to come.
  Clock::time_point ask(Clock::time_point now, bool all);

 private:
  std::mutex mutex_;
  std::list<Entry> entries_;
};

/// A call registered for as long as this lives.
class RegisteredCall {
 public:
  RegisteredCall(Calls& calls, Clock::time_point deadline) : calls_(calls), call_(calls.add(deadline)) {}
  ~RegisteredCall() { calls_.remove(call_); }
  RegisteredCall(const RegisteredCall&) = delete;
  RegisteredCall& operator=(const RegisteredCall&) = delete;

  std::stop_token token() const { return call_->stop.get_token(); }

 private:
  Calls& calls_;
  Calls::Handle call_;
};

}  // namespace pararun::job
