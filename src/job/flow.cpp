#include "job/flow.hpp"

#include <algorithm>

namespace pararun::job {

Flow::Flow(const Settings& settings, const Stopping& stopping)
    : max_tokens_(settings.max_tokens), retries_(settings.options.retries > 0), stopping_(stopping) {}

Flow::Next Flow::next(std::size_t most, Piece& piece) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (take_due_locked(most, piece)) return Next::piece;
    if (open_ && !stopping_.draining()) {
      if (has_room()) {
        pulling_ = true;
        return Next::pull;
      }
    } else if (waiting_.empty() && divisible_live_ == 0) {
      return Next::end;
    }
    if (waiting_.empty()) {
      changed_.wait(lock);
    } else {
      // By value: the waiting looks at the time again when it is over, and by then another may have come on top.
      const Clock::time_point due = waiting_.top().due;
      changed_.wait_until(lock, due);
    }
  }
}

void Flow::hand_out(Piece& piece) noexcept {
  ++handed_out_;
  piece.divisible = retries_ || piece.size() > 1;
  ++live_;
  divisible_live_ += piece.divisible;
}

void Flow::pulled(Piece& piece, bool more) {
  const std::lock_guard lock(mutex_);
  pulling_ = false;
  open_ = open_ && more;
  if (piece.size() > 0) hand_out(piece);
}

bool Flow::take_due(Piece& piece) {
  const std::lock_guard lock(mutex_);
  return take_due_locked(1, piece);
}

bool Flow::take_due_locked(std::size_t most, Piece& piece) {
  if (!ready_.empty()) {
    Piece& front = ready_.front();
    piece = front;
    piece.end = front.begin + static_cast<std::uint32_t>(std::min<std::size_t>(most, front.size()));
    front.begin = piece.end;
    if (front.size() == 0) ready_.pop_front();
  } else if (!waiting_.empty() && (stopping_.draining() || waiting_.top().due <= Clock::now())) {
    piece = waiting_.top();
    waiting_.pop();
  } else {
    return false;
  }
  hand_out(piece);
  return true;
}

std::optional<Clock::time_point> Flow::help_wanted() const {
  const std::lock_guard lock(mutex_);
  if (!pulling_) return std::nullopt;
  if (!ready_.empty()) return Clock::time_point::min();
  if (waiting_.empty()) return std::nullopt;
  return waiting_.top().due;
}

std::optional<std::uint64_t> Flow::unattended() const {
  const std::lock_guard lock(mutex_);
  const bool wanted = !ready_.empty() || (open_ && !stopping_.draining() && has_room());
  if (pulling_ || !wanted) return std::nullopt;
  return handed_out_;
}

void Flow::give_back(const Piece& piece) {
  {
    const std::lock_guard lock(mutex_);
    if (piece.attempts > 0) {
      waiting_.push(piece);
    } else {
      ready_.push_back(piece);
    }
  }
  changed_.notify_all();
}

detail::Block* Flow::ran(const Piece& piece, std::size_t count) noexcept {
  detail::Block* empty = nullptr;
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    if (piece.divisible) last = --divisible_live_ == 0;
    if (count > 0 && (piece.block->unsettled -= count) == 0) empty = piece.block;
  }
  if (last) changed_.notify_all();
  return empty;
}

void Flow::left() noexcept {
  {
    const std::lock_guard lock(mutex_);
    --live_;
  }
  changed_.notify_all();
}

bool Flow::input_ended() const {
  const std::lock_guard lock(mutex_);
  return !open_;
}

void Flow::wake() {
  // Taking the mutex keeps a waiter that has just looked from missing this.
  { const std::lock_guard lock(mutex_); }
  changed_.notify_all();
}

}  // namespace pararun::job
