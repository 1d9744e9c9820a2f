/// What travels through the pipeline: a token carries a piece of a block of items, and brings back their lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <pararun/detail/job.hpp>
#include <pararun/json_writer.hpp>

#include "job/settings.hpp"
#include "job/spin_lock.hpp"
#include "store/results_store.hpp"

namespace pararun::job {

/// Some consecutive runnable items of a block: `block->runnable[begin]` up to, not including, `[end]`.
struct Piece {
  detail::Block* block = nullptr;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  unsigned attempts = 0;    ///< that were made already; above 0 the piece is one item
  Clock::time_point due{};  ///< when the next attempt may begin
  bool checked = true;      ///< what need not run is left out; before, a piece is the slots of a whole block
  bool divisible = false;   ///< while it is live, a part of it may come back: the flow's note

  std::uint32_t size() const noexcept { return end - begin; }
};

class Errand;  // of a caller's

struct Token {
  Piece piece;
  std::chrono::nanoseconds pulled_in{0};  ///< what it took to pull the piece, and to check its ids
  std::uint64_t turn = 0;                 ///< among the pieces that were not checked when they were pulled

  // The worker's own.
  std::vector<store::IdHash> hashes;
  std::vector<store::Admission> verdicts;
  std::string scratch;  ///< the line in the making
  JsonWriter result{scratch};
  Errand* errand = nullptr;  ///< the caller's notes on this token, which it owns

  // Shared by the worker and the watch, which frees what is stuck.
  SpinLock lock;
  bool working = false;
  std::uint32_t next = 0;            ///< the item in progress
  std::uint32_t end = 0;             ///< how far this token goes; may become less than its piece
  std::uint32_t freed = 0;           ///< of its items, the first ones, whose lines have gone ahead
  Clock::time_point next_started{};  ///< when it began
  Clock::time_point started{};       ///< when the first one did
  std::string lines;                 ///< of the finished items
  std::string failure_lines;
  store::Settled settled;  ///< by these lines
};

/// What some consecutive items of a token have come to.
struct Finished {
  std::uint64_t sequence = 0;  ///< of the first item, among the runnable ones of this run
  std::uint32_t count = 0;     ///< of items
  std::string lines{};
  std::string failure_lines{};
  store::Settled settled{};
};

}  // namespace pararun::job
