#include "store/writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "posix/cancellation.hpp"
#include "posix/file.hpp"
#include "posix/signals.hpp"

namespace pararun::store {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRoomPoll{50};

/// One enormous line must not hold its memory for the rest of the job.
void reuse(std::string& text) {
  text.clear();
  if (text.capacity() > 2 * Writer::kCapacity) text.shrink_to_fit();
}

/// Keeps sums with time points from overflowing.
std::chrono::milliseconds bounded(std::chrono::milliseconds wait) {
  return std::clamp<std::chrono::milliseconds>(wait, std::chrono::milliseconds{0}, std::chrono::hours{24});
}

}  // namespace

void Writer::Group::clear() {
  reuse(lines);
  reuse(failure_lines);
  settled = {};
  empty = true;
}

Writer::Writer(const LockedFile& results, const LockedFile& failures, Settings settings,
               std::function<void(Settled)> on_commit)
    : settings_{settings.durability, bounded(settings.flush_interval), bounded(settings.full_disk_wait)},
      on_commit_(std::move(on_commit)),
      results_(results),
      failures_(failures) {
  const posix::AllSignalsBlocked blocked;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    posix::fail("cannot start a thread to write", results.path, error.code().value());
  }
  ::pthread_setname_np(thread_.native_handle(), "pararun-writer");
}

Writer::~Writer() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  end_thread();
}

void Writer::append(std::string_view lines, std::string_view failure_lines, Settled settled) {
  const std::size_t bytes = lines.size() + failure_lines.size();
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return pending_.empty || pending_.bytes() + bytes <= kCapacity; });
    if (failed()) return;
    const bool was_worth_writing = pending_.bytes() >= kWorthWriting;
    if (pending_.empty) pending_since_ = Clock::now();
    wake = pending_.empty;
    pending_.empty = false;
    pending_.lines.append(lines);
    pending_.failure_lines.append(failure_lines);
    pending_.settled += settled;
    wake = wake || (!was_worth_writing && pending_.bytes() >= kWorthWriting);
  }
  if (wake) work_.notify_one();
}

void Writer::finish() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      finishing_ = true;
    }
    end_thread();
  }
  if (error_) std::rethrow_exception(error_);
  // They may also have gone since the last commit.
  results_.require_in_place();
  if (has_failures_) failures_.require_in_place();
}

void Writer::end_thread() {
  work_.notify_one();
  thread_.join();
}

void Writer::run() noexcept {
  posix::refuse_cancellation();
  try {
    Group group;
    while (take(group)) {
      commit(group);
      on_commit_(group.settled);
      group.clear();
    }
  } catch (...) {
    error_ = std::current_exception();
    {
      const std::lock_guard lock(mutex_);
      failed_.store(true, std::memory_order_relaxed);
      pending_.clear();  // and stays empty: nobody waits for room any more
    }
    room_.notify_all();
  }
}

/// Waits until there is something worth committing; false when there never will be.
bool Writer::take(Group& group) {
  {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [&] { return finishing_ || abandoned_ || !pending_.empty; });
    work_.wait_until(lock, pending_since_ + settings_.flush_interval,
                     [&] { return finishing_ || abandoned_ || pending_.bytes() >= kWorthWriting; });
    if (abandoned_ || (pending_.empty && finishing_)) return false;
    std::swap(group, pending_);
  }
  room_.notify_all();
  return true;
}

void Writer::commit(const Group& group) {
  const Clock::time_point give_up = Clock::now() + settings_.full_disk_wait;
  const auto wait = [&] { return wait_for_room(give_up); };
  results_.append(group.lines, wait);
  has_failures_ = has_failures_ || !group.failure_lines.empty();
  failures_.append(group.failure_lines, wait);
  if (settings_.durability == Durability::machine) {
    if (!group.lines.empty()) results_.sync();
    if (!group.failure_lines.empty()) failures_.sync();
  }
  results_.require_in_place();
  if (!group.failure_lines.empty()) failures_.require_in_place();
}

bool Writer::wait_for_room(Clock::time_point give_up) {
  const Clock::time_point now = Clock::now();
  if (now >= give_up) return false;
  std::unique_lock lock(mutex_);
  work_.wait_until(lock, std::min(give_up, now + kRoomPoll), [&] { return abandoned_; });
  return !abandoned_;
}

}  // namespace pararun::store
