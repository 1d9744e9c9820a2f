/// The input filter's work: pulls items, learns their ids and leaves out those that are settled.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include <pararun/detail/job.hpp>

#include "job/shared.hpp"
#include "job/token.hpp"

namespace pararun::job {

class Input {
 public:
  Input(detail::Work& work, Shared& shared) : work_(work), shared_(shared) {}

  /// Waits for the next piece. False at the end. One thread at a time.
  bool next(Piece& piece, std::chrono::nanoseconds& pulled_in) noexcept;

  /// Takes a block back whose items are all settled. Any thread.
  void recycle(detail::Block* block) noexcept;

 private:
  bool pull(Piece& piece);
  bool pull_block(detail::Block& block, Clock::time_point deadline);
  void admit(detail::Block& block);
  detail::Block& take_block();

  detail::Work& work_;
  Shared& shared_;
  std::uint64_t sequence_ = 0;
  std::vector<store::Admission> admissions_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<detail::Block>> blocks_;
  std::vector<detail::Block*> free_;  // guarded by mutex_; has room for all blocks
};

}  // namespace pararun::job
