/// Leaves out the items that need not be run, because an earlier run has settled their ids or this one has met them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include <pararun/detail/job.hpp>

#include "job/shared.hpp"
#include "job/token.hpp"

namespace pararun::job {

class IdCheck {
 public:
  IdCheck(detail::Work& work, Shared& shared) : work_(work), shared_(shared) {}

  /// Narrows a whole block down to its runnable items, which may be none. One thread at a time, in the order of the
  /// input. If it fails the job will throw, and the block's items are unfinished.
  void check(Piece& piece) noexcept;

  /// Does so for the piece of a token that has its turn, which counts from 0: waits until those with earlier ones have
  /// been looked up. The threads that have these must be on their way here. Returns how long it took, waiting not
  /// included.
  std::chrono::nanoseconds check_in_turn(Token& token) noexcept;

 private:
  using Verdicts = std::vector<store::Admission>;

  void wait_for(std::uint64_t turn) const noexcept;
  void number(Piece& piece, const Verdicts& verdicts) noexcept;
  void leave_out(Piece& piece, const Verdicts& verdicts) noexcept;
  void abandon(Piece& piece) noexcept;

  /// Whether it could be done.
  template <class Step>
  bool attempt(Step step) noexcept;

  detail::Work& work_;
  Shared& shared_;
  std::uint64_t sequence_ = 0;
  Verdicts verdicts_;
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace pararun::job
