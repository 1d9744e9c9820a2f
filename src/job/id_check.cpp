#include "job/id_check.hpp"

#include <algorithm>
#include <exception>
#include <thread>

namespace pararun::job {

using store::Admission;

void IdCheck::check(Piece& piece) noexcept {
  const bool known = attempt([&] {
    if (shared_.store != nullptr) shared_.store->admit(piece.block->ids, verdicts_);
    piece.block->runnable.reserve(piece.size());
  });
  if (!known) return abandon(piece);
  number(piece, verdicts_);
  leave_out(piece, verdicts_);
}

std::chrono::nanoseconds IdCheck::check_in_turn(Token& token) noexcept {
  Piece& piece = token.piece;
  const Clock::time_point start = Clock::now();
  bool known = attempt([&] {
    shared_.store->hash(piece.block->ids, token.hashes);
    piece.block->runnable.reserve(piece.size());
  });
  const Clock::time_point hashed = Clock::now();
  wait_for(token.turn);
  const Clock::time_point begin = Clock::now();
  known = known && attempt([&] { shared_.store->admit(token.hashes, token.verdicts); });
  if (known) number(piece, token.verdicts);
  turn_.store(token.turn + 1, std::memory_order_release);
  turn_.notify_all();
  if (known) {
    leave_out(piece, token.verdicts);
  } else {
    abandon(piece);
  }
  return Clock::now() - begin + (hashed - start);
}

void IdCheck::wait_for(std::uint64_t turn) const noexcept {
  // As a rule the turn comes in microseconds, sooner than a thread that sleeps can be woken.
  constexpr int kYields = 200;
  for (int yields = 0; turn_.load(std::memory_order_acquire) != turn; ++yields) {
    if (yields < kYields) {
      std::this_thread::yield();
    } else if (const std::uint64_t now = turn_.load(std::memory_order_acquire); now != turn) {
      turn_.wait(now, std::memory_order_acquire);
    }
  }
}

template <class Step>
bool IdCheck::attempt(Step step) noexcept {
  try {
    step();
    return true;
  } catch (...) {
    shared_.fail(std::current_exception());
    return false;
  }
}

/// Gives the runnable items their places among all.
void IdCheck::number(Piece& piece, const Verdicts& verdicts) noexcept {
  const auto others = std::ranges::count_if(verdicts, [](Admission verdict) { return verdict != Admission::run; });
  piece.block->unsettled = piece.size() - static_cast<std::size_t>(others);
  piece.block->first_sequence = sequence_;
  sequence_ += piece.block->unsettled;
}

void IdCheck::leave_out(Piece& piece, const Verdicts& verdicts) noexcept {
  detail::Block& block = *piece.block;
  std::uint64_t skipped = 0, skipped_failed = 0, duplicates = 0;
  for (std::uint32_t slot = 0; slot < piece.end; ++slot) {
    const std::uint32_t id = block.id_of[slot];
    switch (id == detail::Block::kNoId ? Admission::run : verdicts[id]) {
      case Admission::run:
        block.runnable.push_back(slot);
        continue;
      case Admission::duplicate:
        ++duplicates;
        break;
      case Admission::skipped_failed:
        ++skipped_failed;
        [[fallthrough]];
      case Admission::skipped:
        ++skipped;
        break;
    }
    work_.drop(block, slot);
  }
  Counters& counters = shared_.counters;
  counters.skipped += skipped;
  counters.skipped_failed += skipped_failed;
  counters.duplicates += duplicates;
  piece.end = static_cast<std::uint32_t>(block.runnable.size());
  piece.checked = true;
  if (shared_.store != nullptr && shared_.store->failed()) shared_.stopping.drain_for_error();
}

void IdCheck::abandon(Piece& piece) noexcept {
  shared_.counters.unfinished += piece.size();
  piece.end = piece.begin;
  piece.checked = true;
}

}  // namespace pararun::job
