/// The work filter's work: runs the items of a token and writes down what became of each.
#pragma once

#include <cstdint>

#include <pararun/detail/job.hpp>

#include "job/caller.hpp"
#include "job/item_clock.hpp"
#include "job/lines.hpp"
#include "job/shared.hpp"
#include "job/token.hpp"

namespace pararun::job {

class Runner {
 public:
  Runner(detail::Work& work, Caller& caller, Shared& shared);

  /// Runs the token's piece. Afterwards `token.end` says how far it came; what lies behind has been given back.
  /// Any thread, each its own token.
  void run(Token& token) noexcept;

  /// For the watch: frees what is stuck behind a long call, and the finished lines of a long batch that was asked for.
  Finished free_stuck(Token& token, Clock::time_point now);

 private:
  enum class Verdict { succeeded, failed, retry, unfinished };

  Verdict attempt(Token& token, ItemClock& clock);
  Verdict fail_item(Token& token, const Failure& failure, LineFormat::FailureFacts facts);
  bool conclude(Token& token, Verdict verdict, Clock::time_point now);
  void abandon(Token& token) noexcept;

  detail::Work& work_;
  Caller& caller_;
  Shared& shared_;
  LineFormat format_;
};

}  // namespace pararun::job
