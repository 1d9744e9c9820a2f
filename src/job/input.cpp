#include "job/input.hpp"

#include <exception>

namespace pararun::job {

bool Input::next(Piece& piece, std::chrono::nanoseconds& pulled_in) noexcept {
  for (;;) {
    switch (shared_.flow.next(shared_.batch.get(), piece)) {
      case Flow::Next::end:
        return false;
      case Flow::Next::piece:
        pulled_in = {};
        return true;
      case Flow::Next::pull:
        break;
    }
    // What waits for another attempt will need a helper if the pull takes long, and the watch may not know yet.
    if (shared_.settings.options.retries > 0) {
      if (const auto wanted = shared_.flow.help_wanted()) shared_.expect(*wanted);
    }
    const Clock::time_point start = Clock::now();
    piece = {};
    bool more = false;
    try {
      more = pull(piece);
    } catch (...) {
      shared_.fail(std::current_exception());
    }
    const bool found = piece.size() > 0;  // once it is in the flow, a piece is no longer only ours
    shared_.flow.pulled(piece, more);
    pulled_in = Clock::now() - start;
    if (found) return true;
  }
}

bool Input::pull(Piece& piece) {
  for (;;) {
    detail::Block& block = take_block();
    const Clock::time_point start = Clock::now();
    const bool more = pull_block(block, shared_.batch.fixed() ? Clock::time_point::max() : start + BatchSize::kSlice);
    const std::size_t pulled = block.id_of.size();
    block.first_index = shared_.counters.seen.fetch_add(pulled);
    piece = {.block = &block, .begin = 0, .end = static_cast<std::uint32_t>(pulled), .checked = false};
    if (!shared_.settings.checks_ids_apart()) id_check_.check(piece);
    if (piece.size() > 0) return more;
    // Nothing but settled items: the next ones may be as cheap.
    shared_.batch.measured(pulled, Clock::now() - start);
    recycle(&block);
    if (!more || shared_.stopping.draining()) return more;
  }
}

/// An exception of the input ends it, but what was pulled before is kept.
bool Input::pull_block(detail::Block& block, Clock::time_point deadline) {
  try {
    return work_.pull(block, shared_.batch.get(), deadline);
  } catch (...) {
    shared_.fail(std::current_exception());
    return false;
  }
}

detail::Block& Input::take_block() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    free_.reserve(blocks_.size() + 1);
    blocks_.push_back(work_.make_block());
    free_.push_back(blocks_.back().get());
  }
  detail::Block& block = *free_.back();
  free_.pop_back();
  return block;
}

void Input::recycle(detail::Block* block) noexcept {
  if (block == nullptr) return;
  work_.clear(*block);
  const std::lock_guard lock(mutex_);
  free_.push_back(block);
}

}  // namespace pararun::job
