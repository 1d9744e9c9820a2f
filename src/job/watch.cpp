#include "job/watch.hpp"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <string>
#include <system_error>

#include <pararun/error.hpp>

#include "posix/cancellation.hpp"
#include "posix/signals.hpp"

namespace pararun::job {
namespace {

// Half of a slice of time that a person notices, and rare enough to cost nothing.
constexpr std::chrono::milliseconds kTick{10};

}  // namespace

Watch::Watch(const Parts& parts) : parts_(parts) {
  const Options& options = parts_.shared.settings.options;
  if (options.time_budget.count() > 0) budget_ends_ = after(parts_.started, options.time_budget);
  // While a large results file was opened the one may have come and the other been used up: no item shall begin then.
  heed_signals();
  heed_budget(Clock::now());
  const posix::AllSignalsBlocked blocked;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    throw Error(std::string("cannot start a thread for the job: ") + error.what());
  }
}

Watch::~Watch() {
  over_ = true;
  parts_.shared.bell.ring();
  thread_.join();
}

void Watch::run() noexcept {
  ::pthread_setname_np(::pthread_self(), "pararun-watch");
  posix::refuse_cancellation();
  Shared& shared = parts_.shared;
  while (!over_) {
    // Until the plan is known, whoever expects something rings the bell.
    shared.watch_sleeps_until = Clock::time_point::max().time_since_epoch().count();
    Clock::time_point next = Clock::now() + kTick;
    try {
      next = look(Clock::now());
    } catch (...) {
      shared.fail(std::current_exception());
    }
    shared.watch_sleeps_until = next.time_since_epoch().count();
    shared.bell.wait(next);
  }
}

/// Does what is due, and returns when to look again.
Clock::time_point Watch::look(Clock::time_point now) {
  Shared& shared = parts_.shared;
  const Options& options = shared.settings.options;
  Clock::time_point next = Clock::time_point::max();
  const auto due = [&](Clock::time_point time) {
    if (time <= now) return true;
    next = std::min(next, time);
    return false;
  };

  heed_signals();
  heed_budget(now);
  if (!shared.stopping.draining()) next = budget_ends_;
  if (shared.stopping.draining() && !shared.stopping.forced() && options.drain_timeout.count() > 0) {
    if (!drain_ends_) drain_ends_ = after(now, options.drain_timeout);
    if (due(*drain_ends_)) shared.stopping.force();
  }
  next = std::min(next, shared.calls.ask(now, shared.stopping.forced()));
  if (shared.settings.batch != 1) {
    free_stuck(now);
    next = std::min(next, now + kTick);
  }
  // A single worker needs none: it is the one that waits in the input.
  if (parts_.pipeline.n_workers() > 1) {
    const auto wanted = shared.flow.help_wanted();
    if ((wanted && due(*wanted)) || a_worker_sleeps(now)) {
      // oneTBB may start workers in there, and user functions shall find signals as they would in any other.
      const posix::Heritage::HandedDown of_the_job(heritage_);
      parts_.pipeline.help();
    }
    next = std::min(next, now + kTick);
  }
  return next;
}

/// Whether a worker sleeps although there is something to do. oneTBB does not always wake one for a task that is
/// spawned (its arena.h: "the missed wakeup is not a correctness problem"), and with functions that take hours nothing
/// else might for hours. A helper wakes all.
bool Watch::a_worker_sleeps(Clock::time_point now) {
  const auto handed_out = parts_.shared.flow.unattended();
  if (handed_out != handed_out_) {
    handed_out_ = handed_out;
    handed_out_since_ = now;
  }
  if (!handed_out || now - handed_out_since_ < kTick) return false;
  std::size_t working = 0;
  for (Token* token : parts_.tokens.all()) {
    const std::lock_guard held(token->lock);
    working += token->working;
  }
  return working < parts_.pipeline.n_workers();
}

void Watch::heed_budget(Clock::time_point now) {
  if (now >= budget_ends_) parts_.shared.stopping.drain(StopReason::time_budget);
}

void Watch::heed_signals() {
  if (parts_.signals == nullptr) return;
  const int count = parts_.signals->count();
  if (count >= 1) parts_.shared.stopping.drain(StopReason::signal);
  if (count >= 2) parts_.shared.stopping.force();
}

void Watch::free_stuck(Clock::time_point now) {
  for (Token* token : parts_.tokens.all()) {
    parts_.output.accept(parts_.runner.free_stuck(*token, now));
  }
}

}  // namespace pararun::job
