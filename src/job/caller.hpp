/// How the function is called: all that differs between threads and worker processes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <pararun/detail/job.hpp>

#include "job/lines.hpp"
#include "job/shared.hpp"
#include "job/token.hpp"

namespace pararun::job {

/// What came of one attempt, beside a result.
struct Outcome {
  std::optional<Failure> failure{};                ///< why there is none
  std::optional<std::chrono::nanoseconds> took{};  ///< where the caller knows it better than who waits for it
  bool unfinished = false;                         ///< a forced stop came first; nothing is known of the item
};

class Caller {
 public:
  virtual ~Caller() = default;

  /// Makes an attempt at the item `token.next`, which is in `slot`. `call.result` is ready to take the result. Throws
  /// only what ends the job.
  virtual void call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now, Outcome& outcome) = 0;

  /// The token is to end at `from`, or as soon after it as can be: returns where, and leaves the rest to others. To be
  /// called with the token's mutex held.
  virtual std::uint32_t withdraw(Token& token, std::uint32_t from) noexcept = 0;

  /// The token has no more items to call.
  virtual void finish(Token& token) noexcept = 0;
};

/// Calls the function right here.
class ThreadCaller final : public Caller {
 public:
  ThreadCaller(detail::Work& work, Shared& shared) : work_(work), shared_(shared) {}

  void call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now, Outcome& outcome) override;
  std::uint32_t withdraw(Token&, std::uint32_t from) noexcept override { return from; }
  void finish(Token&) noexcept override {}

 private:
  detail::Work& work_;
  Shared& shared_;
};

}  // namespace pararun::job
