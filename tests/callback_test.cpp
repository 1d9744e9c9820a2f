/// What a job tells its `on_progress`.
#include <pararun/progress.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

TEST_CASE("the last call tells what the report tells") {
  const TempDir dir;
  write_file(dir / "clean.jsonl", "{\"id\":0}\n{\"id\":1}\n");
  std::vector<pr::ProgressState> states;
  const pr::Report report = pr::map(
      [](int item) {
        if (item == 5) throw std::runtime_error("no");
      },
      std::vector{0, 1, 2, 3, 4, 5, 5},
      {.n_workers = 2,
       .cache_path = dir / "clean.jsonl",
       .progress = pr::Progress::none,
       .on_progress = [&](const pr::ProgressState& state) { states.push_back(state); }});
  REQUIRE_FALSE(states.empty());
  for (std::size_t i = 0; i + 1 < states.size(); ++i) CHECK_FALSE(states[i].finished);
  const pr::ProgressState& last = states.back();
  CHECK(last.finished);
  CHECK(last.description == "clean");
  CHECK(last.total == 7U);
  CHECK(last.seen == report.seen);
  CHECK(last.skipped == 2);
  CHECK(last.duplicates == 1);
  CHECK(last.succeeded == 3);
  CHECK(last.failed == 1);
  CHECK(last.settled() == 7);
}

TEST_CASE("a job that is asked to stop says so while it works off what it has begun") {
  std::stop_source stop;
  std::atomic<bool> said{false};
  const pr::Report report = pr::map(
      [&](int) {
        stop.request_stop();
        if (!eventually([&] { return said.load(); })) throw std::runtime_error("nothing is said");
      },
      std::views::iota(0, 10),
      {.n_workers = 1,
       .stop = stop.get_token(),
       .progress = pr::Progress::none,
       .on_progress = [&](const pr::ProgressState& state) { said = said || state.stopping; }});
  CHECK(report.stopped == pr::StopReason::stop_requested);
  CHECK(report.failed == 0);
}

TEST_CASE("what is counted is in the file already, and never more of it than was seen") {
  const TempDir dir;
  std::uint64_t missing = 0, unseen = 0, calls = 0, earlier = 0, fell = 0;
  pr::map([](int) { std::this_thread::yield(); }, std::views::iota(0, 200'000),
          {.n_workers = 2,
           .cache_path = dir / "r.jsonl",
           .time_budget = 500ms,
           .flush_interval = 1ms,
           .progress = pr::Progress::none,
           .on_progress = [&](const pr::ProgressState& state) {
             ++calls;
             missing += count_lines(dir / "r.jsonl") < state.succeeded;
             unseen += state.seen < state.settled();
             fell += state.settled() < earlier;
             earlier = state.settled();
           }});
  CHECK(calls >= 1);
  CHECK(missing == 0);
  CHECK(unseen == 0);
  CHECK(fell == 0);
}

TEST_CASE("it is called on a thread of its own, while the job runs") {
  std::set<std::thread::id> threads;
  std::atomic<int> calls{0};
  pr::map([&](int) { return eventually([&] { return calls >= 2; }); }, std::vector{1},
          {.n_workers = 1, .progress = pr::Progress::none, .on_progress = [&](const pr::ProgressState&) {
             threads.insert(std::this_thread::get_id());
             ++calls;
           }});
  CHECK(calls >= 3);
  CHECK(threads.size() == 1);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("an exception from it ends the intake and is rethrown after the drain") {
  const TempDir dir;
  std::atomic<int> calls{0}, done{0}, pulled{0};
  const auto error = thrown<std::out_of_range>([&] {
    pr::map([&](int) { ++done; }, [&]() -> std::optional<int> { return pulled++; },
            {.n_workers = 2,
             .cache_path = dir / "r.jsonl",
             .progress = pr::Progress::none,
             .on_progress = [&](const pr::ProgressState&) {
               ++calls;
               throw std::out_of_range("enough of it");
             }});
  });
  REQUIRE(error);
  CHECK(error->what() == std::string("enough of it"));
  CHECK(calls == 1);
  CHECK(done == pulled);
  CHECK(lines_in(dir / "r.jsonl").size() == static_cast<std::size_t>(done));
}

TEST_CASE("an exception from its last call is rethrown, too, with everything written") {
  const TempDir dir;
  CHECK_THROWS_AS(pr::map([](int) {}, std::vector{1, 2},
                          {.cache_path = dir / "r.jsonl",
                           .progress = pr::Progress::none,
                           .on_progress =
                               [](const pr::ProgressState& state) {
                                 if (state.finished) throw 17;
                               }}),
                  int);
  CHECK(lines_in(dir / "r.jsonl").size() == 2);
}
