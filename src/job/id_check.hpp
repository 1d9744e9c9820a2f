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

  /// Does so once all pieces of earlier turns have been checked, and returns how long it took, waiting not included.
  /// Turns count from 0. The threads that have these turns must be on their way here.
  std::chrono::nanoseconds check_in_turn(Piece& piece, std::uint64_t turn) noexcept;

 private:
  void find_runnable(detail::Block& block);

  detail::Work& work_;
  Shared& shared_;
  std::uint64_t sequence_ = 0;
  std::vector<store::Admission> admissions_;
  std::atomic<std::uint64_t> turn_{0};
};

}  // namespace pararun::job
