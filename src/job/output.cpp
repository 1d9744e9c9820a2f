#include "job/output.hpp"

#include <utility>

namespace pararun::job {

detail::Block* Output::accept(Token& token) {
  const std::uint32_t count = token.end - token.piece.begin;
  // Looked up now: once its last item has run, the block belongs to the input again. Where no item has, all were given
  // back, and others may have run them by now.
  const std::uint64_t sequence = count > 0 ? token.piece.block->first_sequence + token.piece.begin : 0;
  detail::Block* const empty = shared_.flow.ran(token.piece, count);
  if (in_order() && count > token.freed) {
    // What is held back keeps its token, so that a slow item cannot make the lines behind it pile up.
    accept_in_order({.sequence = sequence + token.freed,
                     .count = count - token.freed,
                     .lines = std::move(token.lines),
                     .failure_lines = std::move(token.failure_lines),
                     .settled = token.settled},
                    true);
  } else {
    hand_over(token.lines, token.failure_lines, token.settled);
    shared_.flow.left();
  }
  return empty;
}

void Output::accept(Finished part) {
  if (in_order() && part.count > 0) {
    accept_in_order(std::move(part), false);
  } else {
    hand_over(part.lines, part.failure_lines, part.settled);
  }
}

void Output::hand_over(std::string_view lines, std::string_view failure_lines, store::Settled settled) {
  if (settled == store::Settled{}) return;
  if (shared_.store != nullptr) {
    shared_.store->append(lines, failure_lines, settled);
    if (shared_.store->failed()) shared_.stopping.drain_for_error();
  } else {
    shared_.counters.succeeded += settled.succeeded;
    shared_.counters.failed += settled.failed;
  }
}

void Output::accept_in_order(Finished part, bool last_of_token) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t sequence = part.sequence;
  held_.emplace(sequence, Held{std::move(part), last_of_token});
  while (!held_.empty() && held_.begin()->first == next_) {
    const Held& turn = held_.begin()->second;
    hand_over(turn.part.lines, turn.part.failure_lines, turn.part.settled);
    next_ += turn.part.count;
    if (turn.last_of_token) shared_.flow.left();
    held_.erase(held_.begin());
  }
}

}  // namespace pararun::job
