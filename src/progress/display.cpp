#include "progress/display.hpp"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <pararun/error.hpp>

#include "posix/cancellation.hpp"
#include "posix/signals.hpp"

namespace pararun::progress {
namespace {

/// Even where lines are rare the rate is watched this often.
constexpr std::chrono::nanoseconds kLongestTick = std::chrono::seconds(1);

}  // namespace

Display::Display(DisplayOptions options, std::function<ProgressState()> snapshot,
                 std::function<void(std::exception_ptr)> on_error)
    : options_(std::move(options)),
      snapshot_(std::move(snapshot)),
      on_error_(std::move(on_error)),
      painter_(options_.mode, options_.fd, options_.intervals, options_.environment) {
  if (!painter_.active() && !options_.on_progress) return;
  const posix::AllSignalsBlocked signals_blocked;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    // A job that runs unseen is better than none, but a callback has been promised.
    if (options_.on_progress) throw Error(std::string("cannot start a thread for on_progress: ") + error.what());
  }
}

Display::~Display() { give(Order::abandon); }

void Display::finish() { give(Order::finish); }

void Display::give(Order order) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    order_ = order;
  }
  order_given_.notify_one();
  thread_.join();
}

std::chrono::nanoseconds Display::tick() const noexcept {
  if (options_.on_progress) return options_.intervals.redraw;
  return std::min(painter_.interval(), kLongestTick);
}

void Display::run() {
  ::pthread_setname_np(::pthread_self(), "pararun-display");
  posix::refuse_cancellation();
  next_draw_ = std::chrono::steady_clock::now() + painter_.interval();
  try {
    rate_.observe(snapshot_());
    std::unique_lock lock(mutex_);
    while (!order_given_.wait_for(lock, tick(), [this] { return order_ != Order::go_on; })) {
      lock.unlock();
      show(false);
      lock.lock();
    }
    if (order_ == Order::finish) {
      show(true);
    } else {
      painter_.abandon();
    }
  } catch (...) {
    on_error_(std::current_exception());
  }
}

void Display::show(bool last) {
  ProgressState state = snapshot_();
  rate_.observe(state);
  state.rate = last ? rate_.average() : rate_.current();
  state.remaining = remaining(state, state.rate);
  state.finished = last;
  const auto now = std::chrono::steady_clock::now();
  if (last) {
    painter_.finish(state);
  } else if (now >= next_draw_) {
    next_draw_ = now + painter_.interval();
    painter_.draw(state);
  }
  if (!options_.on_progress) return;
  try {
    options_.on_progress(state);
  } catch (...) {
    options_.on_progress = nullptr;
    on_error_(std::current_exception());
  }
}

std::string describe(const std::filesystem::path& cache_path) {
  std::filesystem::path name = cache_path.stem();
  if (name.extension() == ".failed" || name.extension() == ".torn") name = name.stem();
  return name.empty() ? program_invocation_short_name : name.string();
}

}  // namespace pararun::progress
