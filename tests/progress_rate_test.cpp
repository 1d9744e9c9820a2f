/// How fast a job is said to run, and for how long still.
#include "progress/rate.hpp"

#include <cmath>
#include <cstdint>

#include <catch2/catch.hpp>

namespace {

using pararun::ProgressState;
using namespace pararun::progress;
using Seconds = std::chrono::duration<double>;

/// A job seen by an estimator, on a clock of its own.
struct Watched {
  RateEstimator estimator;
  ProgressState state;

  /// Lets `seconds` pass at `rate` items a second, looking ten times a second.
  void work(double seconds, double rate) {
    const double begun = state.elapsed.count();
    const std::uint64_t before = state.succeeded;
    for (int look = 1; look <= static_cast<int>(std::lround(seconds * 10)); ++look) {
      state.elapsed = Seconds(begun + look * 0.1);
      state.succeeded = before + static_cast<std::uint64_t>(look * 0.1 * rate + 1e-6);
      state.seen = state.settled() + 4;
      estimator.observe(state);
    }
  }

  /// Lets earlier results pass by.
  void skip(double seconds, std::uint64_t items) {
    for (int look = 0; look < 10; ++look) {
      state.elapsed += Seconds(seconds / 10);
      state.skipped += items / 10;
      state.seen = state.settled() + 4;
      estimator.observe(state);
    }
  }
};

TEST_CASE("rate: it is unknown before the first item and right from then on") {
  Watched job;
  CHECK(job.estimator.current() == 0);
  job.work(0.1, 50);
  CHECK(job.estimator.current() == Approx(50));
  job.work(1, 50);
  CHECK(job.estimator.current() == Approx(50));
  CHECK(job.estimator.average() == Approx(50));
}

TEST_CASE("rate: items of an earlier run do not count, nor the time they took to pass") {
  Watched job;
  job.skip(5, 1'000'000);
  CHECK(job.estimator.current() == 0);
  job.work(2, 50);
  CHECK(job.estimator.current() == Approx(50));
  CHECK(job.estimator.average() == Approx(50));
  job.state.duplicates += 1'000'000;
  job.work(1, 50);
  CHECK(job.estimator.current() == Approx(50));
}

TEST_CASE("rate: it follows a change within the memory of fifteen seconds") {
  Watched job;
  job.work(120, 100);
  job.work(15, 10);
  CHECK(job.estimator.current() == Approx(10 + 90 * std::exp(-1)).epsilon(0.01));
  job.work(75, 10);
  CHECK(job.estimator.current() == Approx(10).epsilon(0.1));
  CHECK(job.estimator.average() == Approx((12'000 + 900) / 210.0));
}

TEST_CASE("rate: slow items do not make it leap, even if they come together") {
  Watched job;
  for (int round = 0; round < 40; ++round) {
    job.work(59, 0);
    if (round > 10) CHECK(job.estimator.current() > 0.04);
    job.work(1, 4);
    if (round > 10) CHECK(job.estimator.current() < 0.1);
  }
}

TEST_CASE("rate: it sinks while the job hangs") {
  Watched job;
  job.work(60, 10);
  const double before = job.estimator.current();
  job.work(10, 0);
  const double hanging = job.estimator.current();
  CHECK(hanging < before * 0.6);
  job.work(60, 0);
  CHECK(job.estimator.current() < hanging * 0.2);
}

TEST_CASE("rate: looks that bring nothing new change nothing") {
  Watched job;
  job.work(1, 50);
  job.estimator.observe(job.state);
  job.estimator.observe(ProgressState{});
  CHECK(job.estimator.current() == Approx(50));
}

TEST_CASE("remaining: what is not settled at the rate of this run") {
  ProgressState state;
  state.total = 1000;
  state.seen = 424;
  state.skipped = 200;
  state.succeeded = 217;
  state.failed = 3;
  REQUIRE(remaining(state, 58));
  CHECK(remaining(state, 58)->count() == Approx(10));
  CHECK_FALSE(remaining(state, 0));
  state.skipped = 780;
  state.seen = 1000;
  REQUIRE(remaining(state, 0));
  CHECK(remaining(state, 0)->count() == 0);
}

}  // namespace
