/// Further attempts at items that failed: how many, when, with what, and what goes on meanwhile.
#include "job/backoff.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/counted.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace {

pr::Options retrying(unsigned retries, std::chrono::nanoseconds delay = 1ns) {
  return {.n_workers = 1, .retries = retries, .retry_delay = delay, .progress = pr::Progress::none};
}

}  // namespace

TEST_CASE("an item has one attempt and its retries, and succeeds with the first that does") {
  const TempDir dir;
  const unsigned retries = GENERATE(0U, 1U, 5U);
  const unsigned needed = GENERATE(1U, 2U, 6U, 9U);
  std::atomic<unsigned> calls{0};
  pr::Options options = retrying(retries);
  options.cache_path = dir / "r.jsonl";
  const pr::Report report = pr::map(
      [&](int) {
        if (++calls < needed) throw std::runtime_error("attempt " + std::to_string(calls));
        return "at last";
      },
      std::vector{7}, options);
  const bool succeeds = needed <= retries + 1;
  CHECK(calls == std::min(needed, retries + 1));
  CHECK(report.seen == 1);
  CHECK(report.succeeded == succeeds);
  CHECK(report.failed == !succeeds);
  check_sums(report);
  const std::vector<pr::Json> failures = values_in(dir / "r.failed.jsonl");
  REQUIRE(failures.size() == !succeeds);
  if (succeeds) {
    CHECK(lines_in(dir / "r.jsonl") == std::vector<std::string>{R"({"id":7,"result":"at last"})"});
  } else {
    CHECK(failures[0].get<unsigned>("attempts") == retries + 1);
    CHECK(failures[0]["error"].get<std::string>("message") == "attempt " + std::to_string(retries + 1));
  }
}

TEST_CASE("only the items that fail are tried again, also those in the middle of a batch") {
  const TempDir dir;
  std::vector<std::atomic<int>> calls(500);
  std::vector<int> items(500);
  for (int i = 0; i < 500; ++i) items[static_cast<std::size_t>(i)] = i;
  pr::Options options = retrying(1);
  options.n_workers = 4;
  options.cache_path = dir / "r.jsonl";
  options.batch = GENERATE(0U, 1U, 7U, 256U);
  options.order = GENERATE(pr::Order::completion, pr::Order::input);
  const pr::Report report = pr::map(
      [&](int item) {
        if (++calls[static_cast<std::size_t>(item)] == 1 && item % 10 == 3) throw std::runtime_error("again");
      },
      items, options);
  CHECK(report.succeeded == 500);
  check_sums(report);
  for (int i = 0; i < 500; ++i) CHECK(calls[static_cast<std::size_t>(i)] == (i % 10 == 3 ? 2 : 1));
  CHECK(lines_in(dir / "r.jsonl").size() == 500);
}

TEST_CASE("every attempt gets the original item, whatever the one before did to its own") {
  std::vector<std::string> seen;
  const auto fn = [&](auto&& item) {
    seen.push_back(item);
    if constexpr (!std::is_const_v<std::remove_reference_t<decltype(item)>>) item = "spoiled";
    if (seen.size() < 3) throw std::runtime_error("again");
  };
  SECTION("by value, from a container") {
    pr::map([&](std::string item) { fn(item); }, std::vector<std::string>{"original"}, retrying(2));
  }
  SECTION("by value, from a generator") {
    const auto one = []() -> pr::generator<std::string> { co_yield "original"; };
    pr::map([&](std::string item) { fn(item); }, one(), retrying(2));
  }
  SECTION("by forwarding reference") { pr::map(fn, std::vector<std::string>{"original"}, retrying(2)); }
  CHECK(seen == std::vector<std::string>(3, "original"));
}

TEST_CASE("an item by value is copied for each attempt but the last") {
  Counted::Census census;
  const auto one = [](Counted::Census& all) -> pr::generator<Counted> { co_yield Counted(all, 1); };
  SECTION("by value") {
    pr::map([](Counted) { throw std::runtime_error("never"); }, one(census), retrying(3));
    CHECK(census.copies == 3);
  }
  SECTION("by const reference") {
    pr::map([](const Counted&) { throw std::runtime_error("never"); }, one(census), retrying(3));
    CHECK(census.copies == 0);
  }
  CHECK(census.alive == 0);
}

TEST_CASE("an item that can only be moved cannot be given twice: with retries that is refused") {
  std::vector<std::unique_ptr<int>> items;
  items.push_back(std::make_unique<int>(1));
  const auto error =
      thrown<pr::OptionsError>([&] { pr::map([](std::unique_ptr<int>) {}, std::move(items), retrying(1)); });
  REQUIRE(error);
  CHECK(error->field() == "retries");
  CHECK_THAT(error->what(), Catch::Contains("std::unique_ptr<int") && Catch::Contains("const reference"));
  CHECK(pr::map([](const std::unique_ptr<int>&) {}, items, retrying(1)).succeeded == 1);
}

TEST_CASE("the wait doubles from attempt to attempt up to a minute, and is drawn from its upper half") {
  const auto [attempts, longest] = GENERATE(table<unsigned, std::chrono::nanoseconds>(
      {{1, 100ms}, {2, 200ms}, {3, 400ms}, {9, 25600ms}, {10, 51200ms}, {11, 60s}, {1000, 60s}, {4294967295U, 60s}}));
  std::set<std::chrono::nanoseconds> waits;
  for (std::uint64_t random = 0; random < 1000; ++random) waits.insert(pr::job::backoff(100ms, attempts, random));
  CHECK(*waits.begin() >= longest / 2);
  CHECK(*waits.begin() < longest / 2 + longest / 50);
  CHECK(*waits.rbegin() <= longest);
  CHECK(*waits.rbegin() > longest - longest / 50);
  CHECK(waits.size() > 990);
}

TEST_CASE("a wait is nothing where none is asked for, and at most a minute whatever is asked for") {
  CHECK(pr::job::backoff(0ns, 4294967295U, 12345) == 0ns);
  CHECK(pr::job::backoff(1ns, 1, 12345) == 1ns);
  CHECK(pr::job::backoff(std::chrono::nanoseconds::max(), 1, 12345) <= 60s);
  CHECK(pr::job::backoff(std::chrono::nanoseconds::max(), 1, 12345) >= 30s);
}

TEST_CASE("an item that waits holds no worker") {
  std::stop_source stop;
  pr::Options options = retrying(1, 1h);
  options.stop = stop.get_token();
  const pr::Report report = pr::map(
      [&](int item) {
        if (item == 0) throw std::runtime_error("in an hour");
        if (item == 1) stop.request_stop();
      },
      std::vector{0, 1}, options);
  CHECK(report.succeeded == 1);
  CHECK(report.unfinished == 1);
  check_sums(report);
}

TEST_CASE("an item that waits holds its token") {
  std::atomic<int> failed{0};
  std::atomic<int> pulled{0};
  pr::Options options = retrying(1, 1h);
  options.max_tokens = 3;
  options.time_budget = 100ms;
  const pr::Report report =
      pr::map([&](int) { throw ++failed; }, [&]() -> std::optional<int> { return ++pulled; }, options);
  CHECK(pulled == 3);
  CHECK(failed == 3);
  CHECK(report.unfinished == 3);
  CHECK(report.stopped == pr::StopReason::time_budget);
  CHECK(report.exit_code() == 75);
}

TEST_CASE("what waits for another attempt when the job stops is unfinished, written nowhere, and run by the next") {
  const TempDir dir;
  std::stop_source stop;
  pr::Options options = retrying(1, 1h);
  options.cache_path = dir / "r.jsonl";
  options.stop = stop.get_token();
  const auto fn = [&](int item) {
    if (stop.stop_requested()) return;
    if (item == 3) stop.request_stop();
    throw std::runtime_error("again");
  };
  options.max_tokens = 10;
  const pr::Report first = pr::map(fn, std::vector{0, 1, 2, 3}, options);
  CHECK(first.unfinished == 4);
  CHECK(first.exit_code() == 75);
  CHECK(lines_in(dir / "r.jsonl").empty());
  CHECK(lines_in(dir / "r.failed.jsonl").empty());
  options.stop = {};
  CHECK(pr::map(fn, std::vector{0, 1, 2, 3}, options).succeeded == 4);
}

TEST_CASE("a retry that is due runs although the input waits for its next item") {
  std::atomic<int> attempts{0};
  std::atomic<bool> in_time{false};
  pr::Options options = retrying(1, 20ms);
  options.n_workers = 2;
  options.batch = GENERATE(0U, 1U);
  int pulled = 0;
  const pr::Report report = pr::map(
      [&](int) {
        if (++attempts == 1) throw std::runtime_error("again");
      },
      [&]() -> std::optional<int> {
        if (pulled++ == 0) return 0;
        in_time = eventually([&] { return attempts == 2; });
        return std::nullopt;
      },
      options);
  CHECK(in_time);
  CHECK(report.succeeded == 1);
}

TEST_CASE("a retry that is due runs although the input began to wait long after the item had failed") {
  std::array<std::atomic<int>, 3> attempts{};
  std::atomic<bool> both{false}, waited{false}, waiting{false}, in_time{false};
  pr::Options options = retrying(1, 200ms);
  options.n_workers = 2;
  options.batch = GENERATE(0U, 1U);
  int pulled = 0;
  const pr::Report report = pr::map(
      [&](int item) {
        const int attempt = ++attempts[static_cast<std::size_t>(item)];
        if (item == 0 && attempt == 1) {
          // Another item keeps the other worker busy, so that nobody is in the input at the time of the failure.
          both = eventually([&] { return attempts[1] == 1; });
          throw std::runtime_error("again");
        }
        if (item == 1) waited = eventually([&] { return waiting.load(); });
        if (item == 2) std::this_thread::sleep_for(20ms);  // work
      },
      [&]() -> std::optional<int> {
        if (pulled < 3) return pulled++;
        waiting = true;
        in_time = eventually([&] { return attempts[0] == 2; });
        return std::nullopt;
      },
      options);
  CHECK(both);
  CHECK(waited);
  CHECK(in_time);
  CHECK(report.succeeded == 3);
}
