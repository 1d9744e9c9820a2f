/// The order of the lines: as results are ready, or as the items came.
#include <pararun/options.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <numeric>
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
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;
using Ids = std::vector<std::string>;

namespace {

Ids numbers(const std::vector<int>& values) {
  Ids ids;
  for (const int value : values) ids.push_back(std::to_string(value));
  return ids;
}

Ids numbers_below(int end) {
  std::vector<int> values(static_cast<std::size_t>(end));
  std::iota(values.begin(), values.end(), 0);
  return numbers(values);
}

pr::Options in_order(const TempDir& dir, std::size_t n_workers) {
  return {
      .n_workers = n_workers, .cache_path = dir / "r.jsonl", .order = pr::Order::input, .progress = pr::Progress::none};
}

}  // namespace

TEST_CASE("with Order::input the lines of this run stand in the order of the items") {
  const TempDir dir;
  pr::Options options = in_order(dir, GENERATE(1U, 2U, 8U));
  options.batch = GENERATE(0U, 1U, 16U);
  options.max_tokens = GENERATE(0U, 1U, 64U);
  std::vector<int> items, failing;
  std::vector<int> succeeding;
  for (int i = 0; i < 2000; ++i) {
    items.push_back(i * 7919 % 2000);
    (items.back() % 50 == 0 ? failing : succeeding).push_back(items.back());
  }
  std::vector<std::atomic<int>> attempts(2000);
  options.retries = 1;
  options.retry_delay = 10us;
  const pr::Report report = pr::map(
      [&](int item) {
        if (item % 3 == 0) std::this_thread::yield();
        if (item % 50 == 0) throw std::runtime_error("never");
        if (item % 20 == 7 && ++attempts[static_cast<std::size_t>(item)] == 1) throw std::runtime_error("again");
      },
      items, options);
  check_sums(report);
  CHECK(ids_in(dir / "r.jsonl") == numbers(succeeding));
  CHECK(ids_in(dir / "r.failed.jsonl") == numbers(failing));
}

TEST_CASE("items that are not run leave no gap in the order") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":4}\n{\"id\":1}\n");
  const pr::Report report = pr::map([](int) {}, std::vector{0, 1, 2, 2, 3, 4, 0, 5}, in_order(dir, GENERATE(1U, 4U)));
  CHECK(report.skipped == 2);
  CHECK(report.duplicates == 2);
  CHECK(ids_in(dir / "r.jsonl") == numbers({4, 1, 0, 2, 3, 5}));
}

TEST_CASE("with Order::input a slow item holds back the lines behind it") {
  const TempDir dir;
  std::atomic<bool> others_done{false};
  std::atomic<int> done{0};
  pr::Options options = in_order(dir, 2);
  options.flush_interval = 1ms;
  options.max_tokens = 8;
  pr::map(
      [&](int item) {
        if (item != 0) {
          ++done;
          return;
        }
        // All that there is room for, this item's own token aside.
        others_done = eventually([&] { return done == 7; });
      },
      [next = 0]() mutable -> std::optional<int> { return next < 20 ? std::optional<int>(next++) : std::nullopt; },
      options);
  CHECK(others_done);
  CHECK(ids_in(dir / "r.jsonl") == numbers_below(20));
}

TEST_CASE("what is held back is bounded: a slow item stops the intake in the end") {
  const TempDir dir;
  std::atomic<int> pulled{0};
  std::atomic<bool> filled{false}, exceeded{false};
  pr::Options options = in_order(dir, 4);
  const int room = 8;
  pr::map(
      [&](int item) {
        if (item != 0) return;
        filled = eventually([&] { return pulled >= room; });
        exceeded = eventually([&] { return pulled > room; }, 30ms);
      },
      [&]() -> std::optional<int> {
        if (pulled == 200) return std::nullopt;
        return pulled++;
      },
      options);
  CHECK(filled);
  CHECK_FALSE(exceeded);
  CHECK(lines_in(dir / "r.jsonl").size() == 200);
}

TEST_CASE("with Order::input an item that waits for a retry holds back the lines behind it") {
  const TempDir dir;
  std::atomic<bool> failed_once{false};
  pr::Options options = in_order(dir, 2);
  options.retries = 1;
  options.retry_delay = 30ms;
  pr::map(
      [&](int item) {
        if (item == 0 && !failed_once.exchange(true)) throw std::runtime_error("again");
      },
      std::views::iota(0, 100), options);
  CHECK(ids_in(dir / "r.jsonl") == numbers_below(100));
}

TEST_CASE("a stop with Order::input writes what is ready, in order, with nothing in between") {
  const TempDir dir;
  std::stop_source stop;
  pr::Options options = in_order(dir, 4);
  options.stop = stop.get_token();
  options.retries = 1;
  options.retry_delay = 1h;
  const pr::Report report = pr::map(
      [&](int item) {
        if (item == 5) throw std::runtime_error("in an hour");
        if (item == 9) stop.request_stop();
      },
      std::views::iota(0, 1000), options);
  CHECK(report.unfinished == 1);
  check_sums(report);
  Ids wanted = numbers_below(static_cast<int>(report.seen));
  std::erase(wanted, "5");
  CHECK(ids_in(dir / "r.jsonl") == wanted);
}

TEST_CASE("with Order::completion a slow item holds back nothing") {
  const TempDir dir;
  std::atomic<bool> overtaken{false};
  pr::map(
      [&](int item) {
        if (item == 0) overtaken = eventually([&] { return count_lines(dir / "r.jsonl") == 99; });
      },
      std::views::iota(0, 100),
      {.n_workers = 2, .cache_path = dir / "r.jsonl", .flush_interval = 1ms, .progress = pr::Progress::none});
  CHECK(overtaken);
  CHECK(ids_in(dir / "r.jsonl").back() == "0");
}
