#include "job/id_check.hpp"

#include <exception>
#include <thread>

namespace pararun::job {

void IdCheck::check(Piece& piece) noexcept {
  detail::Block& block = *piece.block;
  try {
    find_runnable(block);
  } catch (...) {
    block.runnable.clear();
    shared_.counters.unfinished += piece.size();
    shared_.fail(std::current_exception());
  }
  if (shared_.store != nullptr && shared_.store->failed()) shared_.stopping.drain_for_error();
  block.first_sequence = sequence_;
  block.unsettled = block.runnable.size();
  sequence_ += block.unsettled;
  piece.end = static_cast<std::uint32_t>(block.unsettled);
  piece.checked = true;
}

std::chrono::nanoseconds IdCheck::check_in_turn(Piece& piece, std::uint64_t turn) noexcept {
  // As a rule the turn comes in microseconds, sooner than a thread that sleeps can be woken.
  constexpr int kYields = 200;
  for (int yields = 0; turn_.load(std::memory_order_acquire) != turn; ++yields) {
    if (yields < kYields) {
      std::this_thread::yield();
    } else if (const std::uint64_t now = turn_.load(std::memory_order_acquire); now != turn) {
      turn_.wait(now, std::memory_order_acquire);
    }
  }
  const Clock::time_point start = Clock::now();
  check(piece);
  turn_.store(turn + 1, std::memory_order_release);
  turn_.notify_all();
  return Clock::now() - start;
}

void IdCheck::find_runnable(detail::Block& block) {
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

}  // namespace pararun::job
