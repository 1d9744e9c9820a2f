/// How the function is called: all that differs between threads and worker processes.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>

#include <pararun/detail/job.hpp>

#include "job/lines.hpp"
#include "job/shared.hpp"
#include "job/token.hpp"

namespace pararun::job {

/// What came of an attempt that has brought no result.
struct Outcome {
  std::optional<Failure> failure{};
  bool unfinished = false;                         ///< a forced stop came first; nothing is known of the item
  std::exception_ptr error{};                      ///< the job cannot go on
  std::optional<std::chrono::nanoseconds> took{};  ///< where the caller knows it better than who waits for it
};

class Caller {
 public:
  virtual ~Caller() = default;

  /// Makes an attempt at the item `token.next`, which is in `slot`. `call.result` is ready to take the result. False if
  /// there is none, for the reason that `outcome` gives. What it throws is the item's failure.
  virtual bool call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now, Outcome& outcome) = 0;

  /// The token is to end at `from`, or as soon after it as can be: returns where, and leaves the rest to others. To be
  /// called with the token's lock held.
  virtual std::uint32_t withdraw(Token& token, std::uint32_t from) noexcept = 0;

  /// The token has no more items to call.
  virtual void finish(Token& token) noexcept = 0;
};

/// Calls the function right here.
class ThreadCaller : public Caller {
 public:
  explicit ThreadCaller(detail::Work& work) : work_(work) {}

  bool call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now, Outcome& outcome) override;
  std::uint32_t withdraw(Token&, std::uint32_t from) noexcept override { return from; }
  void finish(Token&) noexcept override {}

 private:
  detail::Work& work_;
};

/// Calls a function that takes a stop token, and sees to it that it is asked to stop in time.
class StoppableCaller final : public ThreadCaller {
 public:
  StoppableCaller(detail::Work& work, Shared& shared) : ThreadCaller(work), shared_(shared) {}

  bool call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now, Outcome& outcome) override;

 private:
  Shared& shared_;
};

}  // namespace pararun::job
