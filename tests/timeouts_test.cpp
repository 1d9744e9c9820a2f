/// The time that an attempt may take.
#include <pararun/options.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace {

/// Waits for what never happens, until it is told to stop. False if it never was.
bool wait_for_stop(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, 20s, [] { return false; });
  return stop.stop_requested();
}

void work_for(std::chrono::milliseconds time) {
  for (const auto end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end;) {
  }
}

pr::Options limited(const TempDir& dir, std::chrono::nanoseconds timeout) {
  return {.n_workers = 2, .cache_path = dir / "r.jsonl", .timeout = timeout, .progress = pr::Progress::none};
}

pr::Json the_failure(const TempDir& dir) {
  const std::vector<pr::Json> failures = values_in(dir / "r.failed.jsonl");
  REQUIRE(failures.size() == 1);
  CHECK(failures[0]["error"].get<std::string>("kind") == "timeout");
  CHECK(failures[0]["error"].get<std::string>("type") == "pararun::TimeoutError");
  return failures[0];
}

}  // namespace

TEST_CASE("a function that takes a stop token is asked to stop at its item's timeout") {
  const TempDir dir;
  std::atomic<bool> asked{false};
  const pr::Report report = pr::map(
      [&](int item, const std::stop_token& stop) {
        if (item != 1) return;
        asked = wait_for_stop(stop);
        if (asked) throw std::runtime_error("gave up");
      },
      std::vector{0, 1, 2}, limited(dir, 20ms));
  CHECK(asked);
  CHECK(report.succeeded == 2);
  CHECK(report.failed == 1);
  const pr::Json failure = the_failure(dir);
  CHECK(failure.get<int>("id") == 1);
  CHECK(failure.get<double>("seconds") >= 0.02);
  CHECK_THAT(failure["error"].get<std::string>("message"), Catch::Contains("longer than the timeout of 0.02 s"));
}

TEST_CASE("a result that comes after the timeout is a failure, with a stop token and without one") {
  const TempDir dir;
  pr::Report report;
  SECTION("with") {
    report = pr::map([](int, const std::stop_token& stop) { return wait_for_stop(stop); }, std::vector{1},
                     limited(dir, 5ms));
  }
  SECTION("without") {
    report = pr::map(
        [](int) {
          work_for(5ms);
          return 1;
        },
        std::vector{1}, limited(dir, 1ms));
  }
  SECTION("that could not be written anyway") {
    report = pr::map(
        [](int) {
          work_for(5ms);
          return "\xff";
        },
        std::vector{1}, limited(dir, 1ms));
  }
  CHECK(report.failed == 1);
  CHECK(lines_in(dir / "r.jsonl").empty());
  the_failure(dir);
}

TEST_CASE("each attempt has its own timeout and its own token") {
  const TempDir dir;
  std::atomic<int> attempts{0}, asked{0}, asked_early{0};
  pr::Options options = limited(dir, 20ms);
  options.retries = 2;
  options.retry_delay = 1ns;
  const pr::Report report = pr::map(
      [&](int, const std::stop_token& stop) {
        asked_early += stop.stop_requested();
        if (++attempts < 3) asked += wait_for_stop(stop);
      },
      std::vector{1}, options);
  CHECK(attempts == 3);
  CHECK(asked == 2);
  CHECK(asked_early == 0);
  CHECK(report.succeeded == 1);
}

TEST_CASE("each item of a batch has its own timeout") {
  const TempDir dir;
  pr::Options options = limited(dir, 250ms);
  options.batch = 50;
  const pr::Report report = pr::map([](int) { work_for(10ms); }, std::views::iota(0, 50), options);
  CHECK(report.succeeded == 50);
}

TEST_CASE("many items are asked to stop, each at its own timeout") {
  const TempDir dir;
  std::atomic<int> asked{0};
  pr::Options options = limited(dir, 5ms);
  options.n_workers = 8;
  const pr::Report report = pr::map([&](int, const std::stop_token& stop) { asked += wait_for_stop(stop); },
                                    std::views::iota(0, 40), options);
  CHECK(asked == 40);
  CHECK(report.failed == 40);
  check_sums(report);
}

TEST_CASE("without a timeout a token is never requested by itself") {
  const pr::Report report = pr::map(
      [](int, const std::stop_token& stop) {
        work_for(20ms);
        if (stop.stop_requested()) throw std::runtime_error("asked");
      },
      std::vector{1, 2}, {.n_workers = 2, .progress = pr::Progress::none});
  CHECK(report.succeeded == 2);
}
