/// How a job ends before its input does: stop requests, budgets, failures, forced stops.
#include <pararun/options.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <limits>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/rendezvous.hpp"
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

/// Numbers without an end.
auto endless() {
  return [next = 0]() mutable -> std::optional<int> { return next++; };
}

}  // namespace

TEST_CASE("a stop request ends the intake, and what is in flight is finished and written") {
  const TempDir dir;
  std::stop_source stop;
  Rendezvous both(2);
  pr::Options options{.n_workers = 2,
                      .cache_path = dir / "r.jsonl",
                      .stop = stop.get_token(),
                      .batch = 1,
                      .progress = pr::Progress::none};
  std::atomic<int> calls{0};
  const pr::Report report = pr::map(
      [&](int) {
        ++calls;
        both.meet();
        stop.request_stop();
      },
      std::views::iota(0, 1'000'000), options);
  CHECK(report.stopped == pr::StopReason::stop_requested);
  CHECK(report.exit_code() == 75);
  CHECK(report.unfinished == 0);
  CHECK(report.seen >= 2);
  CHECK(report.seen <= 4);
  CHECK(report.succeeded == report.seen);
  CHECK(lines_in(dir / "r.jsonl").size() == report.succeeded);
}

TEST_CASE("a stopped job goes on where it was when it is run again") {
  const TempDir dir;
  std::atomic<int> calls{0};
  int runs = 0;
  for (bool finished = false; !finished; ++runs) {
    REQUIRE(runs < 1000);
    std::stop_source stop;
    const int until = calls + 10;
    const pr::Report report = pr::map(
        [&](int) {
          if (++calls == until) stop.request_stop();
        },
        std::views::iota(0, 55),
        {.n_workers = 2, .cache_path = dir / "r.jsonl", .stop = stop.get_token(), .progress = pr::Progress::none});
    check_sums(report);
    finished = report.exit_code() == 0;
  }
  CHECK(calls == 55);
  CHECK(lines_in(dir / "r.jsonl").size() == 55);
}

TEST_CASE("a job that is to stop before it begins pulls nothing") {
  std::stop_source stop;
  stop.request_stop();
  std::atomic<int> pulled{0};
  const pr::Report report = pr::map([](int) {}, [&]() -> std::optional<int> { return ++pulled; },
                                    {.stop = stop.get_token(), .progress = pr::Progress::none});
  CHECK(pulled == 0);
  CHECK(report.seen == 0);
  CHECK(report.stopped == pr::StopReason::stop_requested);
  CHECK(report.exit_code() == 75);
}

TEST_CASE("a time budget begins with the call: what it takes to open a large results file counts") {
  const TempDir dir;
  std::string lines;
  for (int i = 0; i < 300'000; ++i) lines += "{\"id\":" + std::to_string(i) + "}\n";
  write_file(dir / "r.jsonl", lines);
  pr::Options options{.n_workers = 2, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none};
  std::chrono::duration<double> opening = 1h;
  for (int i = 0; i < 5; ++i) opening = std::min(opening, pr::map([](int) {}, std::vector<int>(), options).elapsed);
  options.time_budget = std::chrono::duration_cast<std::chrono::nanoseconds>(opening / 10);
  std::atomic<int> pulled{0};
  const pr::Report report = pr::map([](int) {}, [&]() -> std::optional<int> { return ++pulled; }, options);
  CHECK(pulled == 0);
  CHECK(report.recovery.ids == 300'000);
  CHECK(report.stopped == pr::StopReason::time_budget);
}

TEST_CASE("a stop that finds nothing left to stop is none") {
  std::stop_source stop;
  const pr::Report report = pr::map(
      [&](int item) {
        if (item == 2) stop.request_stop();
      },
      std::vector{0, 1, 2},
      {.n_workers = GENERATE(1U, 2U),
       .stop = stop.get_token(),
       .batch = GENERATE(1U, 8U),
       .progress = pr::Progress::none});
  CHECK(report.succeeded == 3);
  CHECK(report.stopped == pr::StopReason::finished);
  CHECK(report.exit_code() == 0);
}

TEST_CASE("an input that waits for its next line ends at a stop request") {
  Ends pipe = Ends::of(Ends::Kind::pipe);
  REQUIRE(::write(pipe.writer(), "a\nb\n", 4) == 4);
  std::stop_source stop;
  std::atomic<int> calls{0};
  std::jthread other([&] {
    if (eventually([&] { return calls == 2; })) stop.request_stop();
  });
  const pr::Report report =
      pr::map([&](const std::string&) { ++calls; }, pr::lines("/proc/self/fd/" + std::to_string(pipe.reader())),
              {.n_workers = GENERATE(1U, 2U), .stop = stop.get_token(), .progress = pr::Progress::none});
  CHECK(report.succeeded == 2);
  CHECK(report.stopped == pr::StopReason::stop_requested);
}

TEST_CASE("more failures than allowed end the intake, and the job exits with 1") {
  const std::uint64_t most = GENERATE(0U, 3U);
  const pr::Report report = pr::map([](int) { throw std::runtime_error("no"); }, endless(),
                                    {.n_workers = 1,
                                     .retries = 1,
                                     .retry_delay = 0ns,
                                     .max_failures = most,
                                     .max_tokens = 1,
                                     .progress = pr::Progress::none});
  CHECK(report.failed == most + 1);
  CHECK(report.stopped == pr::StopReason::too_many_failures);
  CHECK(report.exit_code() == 1);
  check_sums(report);
}

TEST_CASE("as many failures as allowed end nothing") {
  const pr::Report report = pr::map(
      [](int item) {
        if (item % 10 == 0) throw std::runtime_error("no");
      },
      std::views::iota(0, 100), {.n_workers = 2, .max_failures = 10, .progress = pr::Progress::none});
  CHECK(report.seen == 100);
  CHECK(report.failed == 10);
  CHECK(report.stopped == pr::StopReason::finished);
}

TEST_CASE("a time budget ends the intake of an endless input") {
  const pr::Report report =
      pr::map([](int) {}, endless(), {.n_workers = 2, .time_budget = 30ms, .progress = pr::Progress::none});
  CHECK(report.stopped == pr::StopReason::time_budget);
  CHECK(report.exit_code() == 75);
  CHECK(report.succeeded == report.seen);
  CHECK(report.elapsed >= 30ms);
}

TEST_CASE("a time budget ends the wait of an input") {
  Ends pipe = Ends::of(Ends::Kind::pipe);
  const pr::Report report =
      pr::map([](const std::string&) {}, pr::lines("/proc/self/fd/" + std::to_string(pipe.reader())),
              {.n_workers = 1, .time_budget = 30ms, .progress = pr::Progress::none});
  CHECK(report.stopped == pr::StopReason::time_budget);
}

TEST_CASE("the largest waits are for ever, not none at all") {
  constexpr auto kMost = std::chrono::nanoseconds::max();
  const pr::Report report =
      pr::map([](int, std::stop_token stop) { return stop.stop_requested(); }, std::views::iota(0, 100),
              {.n_workers = 2,
               .timeout = kMost,
               .drain_timeout = kMost,
               .time_budget = kMost,
               .flush_interval = std::chrono::milliseconds::max(),
               .progress = pr::Progress::none});
  CHECK(report.succeeded == 100);
  CHECK(report.stopped == pr::StopReason::finished);
}

TEST_CASE("a plain stop asks no item to give up") {
  std::stop_source stop;
  std::atomic<bool> asked{false};
  const pr::Report report = pr::map(
      [&](int, std::stop_token mine) {
        stop.request_stop();
        asked = eventually([&] { return mine.stop_requested(); }, 30ms);
      },
      std::views::iota(0, 10),
      {.n_workers = 1, .stop = stop.get_token(), .max_tokens = 1, .progress = pr::Progress::none});
  CHECK_FALSE(asked);
  CHECK(report.succeeded == 1);
}

TEST_CASE("a drain that takes too long asks the items in flight to stop: they are unfinished and run again") {
  const TempDir dir;
  std::stop_source stop;
  Rendezvous all(4);
  std::atomic<int> asked{0};
  pr::Options options{.n_workers = 4,
                      .cache_path = dir / "r.jsonl",
                      .retries = 3,
                      .stop = stop.get_token(),
                      .drain_timeout = 10ms,
                      .batch = 1,
                      .progress = pr::Progress::none};
  const pr::Report report = pr::map(
      [&](int item, const std::stop_token& mine) {
        all.meet();
        stop.request_stop();
        if (item == 0) return;  // soon enough
        asked += wait_for_stop(mine);
        if (item == 1) throw std::runtime_error("interrupted");
      },
      std::views::iota(0, 4), options);
  CHECK(asked == 3);
  CHECK(report.unfinished + report.succeeded == 4);
  CHECK(report.unfinished >= 3);
  CHECK(report.failed == 0);
  CHECK(report.stopped == pr::StopReason::stop_requested);
  CHECK(report.exit_code() == 75);
  check_sums(report);
  CHECK(lines_in(dir / "r.jsonl").size() == report.succeeded);
  CHECK(lines_in(dir / "r.failed.jsonl").empty());
  options.stop = {};
  const pr::Report again = pr::map([](int) {}, std::views::iota(0, 4), options);
  CHECK(again.succeeded == report.unfinished);
}

TEST_CASE("a forced stop leaves the results of functions that cannot be asked") {
  std::stop_source stop;
  const pr::Report report = pr::map(
      [&](int) {
        stop.request_stop();
        std::this_thread::sleep_for(30ms);  // work, while the drain's time runs out
      },
      std::views::iota(0, 10),
      {.n_workers = 1,
       .stop = stop.get_token(),
       .drain_timeout = 1ms,
       .max_tokens = 1,
       .progress = pr::Progress::none});
  CHECK(report.succeeded == 1);
  CHECK(report.unfinished == 0);
}

TEST_CASE("items of a batch that had not begun when a stop was forced are unfinished") {
  std::stop_source stop;
  std::atomic<int> calls{0};
  const pr::Report report = pr::map(
      [&](int, const std::stop_token& mine) {
        ++calls;
        stop.request_stop();
        wait_for_stop(mine);
      },
      std::views::iota(0, 100),
      {.n_workers = 1, .stop = stop.get_token(), .drain_timeout = 1ms, .batch = 8, .progress = pr::Progress::none});
  CHECK(calls == 1);
  CHECK(report.seen == 8);
  CHECK(report.unfinished == 8);
}

TEST_CASE("the results file may go away under a job: it takes no more items and says so") {
  const TempDir dir;
  pr::Options options{.n_workers = 2, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none};
  options.flush_interval = 1ms;
  CHECK_THROWS_AS(pr::map(
                      [&](int item) {
                        if (item == 10) std::filesystem::remove(dir / "r.jsonl");
                      },
                      endless(), options),
                  pr::StoreError);
}
