#include <pararun/process.hpp>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/pools.hpp"
#include "support/shared_counts.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace {

struct Point {
  int x = 0, y = 0;
  int sum() const { return x + y; }
};
PARARUN_WIRE(Point, x, y)

struct Strange : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

TEST_CASE("a call is made in another process, with its arguments and its result as values") {
  CHECK(pr::isolate(half, 3.0) == 1.5);
  CHECK(pr::isolate(half, 3) == 1.5);
  CHECK(pr::isolate(pid) != ::getpid());
  CHECK(pr::isolate([](const std::string& a, std::vector<int> b) { return a + std::to_string(b.at(1)); },
                    std::string("x"), std::vector<int>{1, 2}) == "x2");
  CHECK(pr::isolate(&Point::sum, Point{3, 4}) == 7);
  pr::isolate(nothing);
  const auto swap = [](std::pair<std::string, std::map<int, Point>> pair) {
    return std::tuple(pair.second.at(1).y, pair.first);
  };
  CHECK(pr::isolate(swap, std::pair(std::string("a"), std::map<int, Point>{{1, {2, 3}}})) ==
        std::tuple(3, std::string("a")));
}

TEST_CASE("large arguments and results cross, in both directions at once") {
  const std::size_t size = GENERATE(0, 1, 100'000, 131'072, 1 << 20, 5'000'001);
  const std::string text(size, 'x');
  CHECK(pr::isolate([](std::string argument) { return argument + "!"; }, text) == text + "!");
}

TEST_CASE("workers are used again, the last one first") {
  pr::WorkerPool pool({.max_workers = 3});
  const int first = pool.run(pid);
  CHECK(pool.run(pid) == first);
  // Three at once need three workers.
  board()[0] = 0;
  pr::WorkerPool wide({.max_workers = 3});
  const auto meet = [] {
    ++board()[0];
    while (board()[0] < 3) ::usleep(100);
    return pid();
  };
  std::vector<std::future<int>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(std::async(std::launch::async, [&] { return wide.run(meet); }));
  std::set<int> pids;
  for (auto& call : calls) pids.insert(call.get());
  CHECK(pids.size() == 3);
  CHECK(wide.statistics().idle_workers == 3);
  CHECK(wide.statistics().running_workers == 0);
  const int last = wide.run(pid);
  for (int i = 0; i < 10; ++i) CHECK(wide.run(pid) == last);
}

TEST_CASE("many threads may call at once; no more workers run than there may be") {
  pr::WorkerPool pool({.max_workers = 2});
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  std::atomic<std::size_t> most = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        right += pool.run([](int a, int b) { return a * 1000 + b; }, t, i) == t * 1000 + i;
        const pr::PoolStatistics now = pool.statistics();
        std::size_t before = most;
        while (before < now.running_workers && !most.compare_exchange_weak(before, now.running_workers)) {
        }
      }
    });
  }
  threads.clear();
  CHECK(right == 400);
  CHECK(most <= 2);
  CHECK(pool.statistics().idle_workers <= 2);
  CHECK(pool.statistics().idle_workers >= 1);
}

TEST_CASE("a worker that has been idle for too long ends by itself, and nobody notices") {
  pr::WorkerPool pool({.max_workers = 1, .idle_timeout = 20ms});
  const int first = pool.run(pid);
  CHECK(eventually([&] { return pool.statistics().idle_workers == 0; }));
  CHECK_FALSE(runs(first));
  CHECK(pool.run(pid) != first);
  // Also where it leaves at the very moment at which it is called.
  for (unsigned i = 0; i < 20; ++i) {
    ::usleep(19'900 + i * 10);
    CHECK(pool.run(half, 1.0) == 0.5);
  }
}

TEST_CASE("idle workers end cleanly when their pool is closed") {
  int worker = 0, keeper = 0;
  {
    pr::WorkerPool pool({.max_workers = 1});
    worker = pool.run(pid);
    keeper = parent_of(worker);
    CHECK(runs(keeper));
  }
  CHECK_FALSE(runs(worker));
  CHECK_FALSE(runs(keeper));
}

TEST_CASE("each worker is prepared once, before its first call") {
  const SharedCounts prepared(1);
  pr::WorkerPool pool({.max_workers = 1, .init = [&] { ++prepared[0]; }});
  CHECK(prepared[0] == 0);
  for (int i = 0; i < 3; ++i) pool.run(nothing);
  CHECK(prepared[0] == 1);
}

TEST_CASE("where a worker cannot be prepared its call says why, and the next call tries again") {
  const SharedCounts tries(1);
  pr::WorkerPool pool({.max_workers = 1, .init = [&] {
                         if (++tries[0] < 3) throw Strange("no model");
                       }});
  for (int i = 0; i < 2; ++i) {
    const auto error = thrown<pr::BrokenWorkerError>([&] { pool.run(nothing); });
    REQUIRE(error);
    CHECK(std::string(error->what()).find("Strange: no model") != std::string::npos);
  }
  CHECK(pool.run(half, 1.0) == 0.5);
}

TEST_CASE("workers retire when they say so, when they have made their calls, or when they hold too much memory") {
  pr::PoolOptions options{.max_workers = 1};
  std::size_t expected = 0;
  SECTION("retire") {
    options.retire = [] {
      static int asked = 0;
      return ++asked == 2;
    };
    expected = 5;
  }
  SECTION("an exception of retire") {
    options.retire = []() -> bool { throw std::runtime_error("tired"); };
    expected = 10;
  }
  SECTION("max_calls") {
    options.max_calls = 2;
    expected = 5;
  }
  SECTION("max_rss") {
    options.max_rss = 1;
    expected = 10;
  }
  SECTION("not with plenty of memory") {
    options.max_rss = std::uint64_t{1} << 40;
    expected = 1;
  }
  pr::WorkerPool pool(options);
  std::set<int> pids;
  for (int i = 0; i < 10; ++i) pids.insert(pool.run(pid));
  CHECK(pids.size() == expected);
}

TEST_CASE("a pool outlives the thread that made it") {
  std::unique_ptr<pr::WorkerPool> pool;
  std::thread([&] {
    pool = std::make_unique<pr::WorkerPool>(pr::PoolOptions{.max_workers = 1});
    pool->run(nothing);
  }).join();
  const int worker = pool->run(pid);
  CHECK(pool->run(pid) == worker);
}

TEST_CASE("calls can be made from items, and inside of calls") {
  const pr::Report report = pr::map([](int item) { return pr::isolate(half, item); }, std::vector<int>{1, 2, 3},
                                    {.n_workers = 2, .progress = pr::Progress::none});
  CHECK(report.succeeded == 3);
  CHECK(pr::isolate([](double x) { return pr::isolate(half, x) + 1; }, 4.0) == 3.0);
}

TEST_CASE("bad options are refused by name") {
  const auto field = [](pr::PoolOptions options) {
    const auto error = thrown<pr::OptionsError>([&] { const pr::WorkerPool pool(options); });
    REQUIRE(error);
    return error->field();
  };
  CHECK(field({.max_workers = 100'000}) == "max_workers");
  CHECK(field({.idle_timeout = -1s}) == "idle_timeout");
  CHECK(field({.grace_period = -1s}) == "grace_period");
}
