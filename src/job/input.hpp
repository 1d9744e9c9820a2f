/// The input filter's work: pulls items and learns their ids.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include <pararun/detail/job.hpp>

#include "job/id_check.hpp"
#include "job/shared.hpp"
#include "job/token.hpp"

namespace pararun::job {

class Input {
 public:
  Input(detail::Work& work, Shared& shared, IdCheck& id_check) : work_(work), shared_(shared), id_check_(id_check) {}

  /// Waits for the next piece. False at the end. One thread at a time.
  bool next(Piece& piece, std::chrono::nanoseconds& pulled_in) noexcept;

  /// Takes a block back whose items are all settled. Any thread.
  void recycle(detail::Block* block) noexcept;

 private:
  bool pull(Piece& piece);
  bool pull_block(detail::Block& block, Clock::time_point deadline);
  detail::Block& take_block();

  detail::Work& work_;
  Shared& shared_;
  IdCheck& id_check_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<detail::Block>> blocks_;
  std::vector<detail::Block*> free_;  // guarded by mutex_; has room for all blocks
};

}  // namespace pararun::job
