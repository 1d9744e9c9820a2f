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
    try {
      admit(block);
    } catch (...) {
      shared_.counters.unfinished += pulled;
      throw;
    }
    if (shared_.store != nullptr && shared_.store->failed()) shared_.stopping.drain_for_error();
    if (!block.runnable.empty()) {
      block.first_sequence = sequence_;
      sequence_ += block.runnable.size();
      block.unsettled = block.runnable.size();
      piece = {.block = &block, .begin = 0, .end = static_cast<std::uint32_t>(block.runnable.size())};
      return more;
    }
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

void Input::admit(detail::Block& block) {
  const auto slots = static_cast<std::uint32_t>(block.id_of.size());
  block.runnable.reserve(slots);
  if (shared_.store == nullptr) {
    for (std::uint32_t slot = 0; slot < slots; ++slot) block.runnable.push_back(slot);
    return;
  }
  shared_.store->admit(block.ids, admissions_);
  std::uint64_t skipped = 0, skipped_failed = 0, duplicates = 0;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    const std::uint32_t id = block.id_of[slot];
    const store::Admission admission = id == detail::Block::kNoId ? store::Admission::run : admissions_[id];
    switch (admission) {
      case store::Admission::run:
        block.runnable.push_back(slot);
        continue;
      case store::Admission::duplicate:
        ++duplicates;
        break;
      case store::Admission::skipped_failed:
        ++skipped_failed;
        [[fallthrough]];
      case store::Admission::skipped:
        ++skipped;
        break;
    }
    work_.drop(block, slot);
  }
  Counters& counters = shared_.counters;
  counters.skipped += skipped;
  counters.skipped_failed += skipped_failed;
  counters.duplicates += duplicates;
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
