/// `n_workers` is real: that many calls at once and no more, also beyond the cores, beside other jobs and inside of
/// them.
#include "job/parallelism.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "posix/cpus.hpp"
#include "support/job.hpp"
#include "support/rendezvous.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using tbb::global_control;

namespace {

std::size_t allowed() { return global_control::active_value(global_control::max_allowed_parallelism); }

/// How many of as many items as are expected at once did meet.
std::size_t meeting(std::size_t n_workers, std::size_t expected, std::size_t batch = 0) {
  Rendezvous rendezvous(expected);
  std::atomic<std::size_t> met{0};
  pr::map([&](std::size_t) { met += rendezvous.meet(); }, std::views::iota(std::size_t{0}, expected),
          {.n_workers = n_workers, .batch = batch, .progress = pr::Progress::none});
  return met;
}

/// Uses oneTBB as a program would, outside of any job.
void use_tbb() {
  tbb::parallel_for(0, 100, [](int) {});
}

int sum_in_parallel(int count) {
  return tbb::parallel_reduce(
      tbb::blocked_range<int>(0, count), 0,
      [](const tbb::blocked_range<int>& range, int sum) {
        for (int i = range.begin(); i != range.end(); ++i) sum += i;
        return sum;
      },
      std::plus<>());
}

}  // namespace

TEST_CASE("as many calls as there are workers are in progress at once, whatever the number of cores") {
  const std::size_t n_workers = GENERATE(1U, 2U, 3U, 16U, 256U);
  SECTION("from the start") {}
  SECTION("in a program that uses oneTBB already") { use_tbb(); }
  const std::size_t before = allowed();
  CHECK(meeting(n_workers, n_workers, GENERATE(0U, 1U)) == n_workers);
  CHECK(allowed() == before);
}

TEST_CASE("by default there are as many workers as CPUs that may be used") {
  const std::size_t cpus = pr::posix::usable_cpus();
  CHECK(meeting(0, cpus) == cpus);
}

TEST_CASE("never more calls than workers are in progress") {
  const std::size_t n_workers = GENERATE(1U, 2U, 5U);
  std::atomic<std::size_t> now{0}, most{0};
  pr::map(
      [&](int) {
        const std::size_t mine = ++now;
        for (std::size_t seen = most; mine > seen && !most.compare_exchange_weak(seen, mine);) {
        }
        std::this_thread::yield();
        --now;
      },
      std::views::iota(0, 2000), {.n_workers = n_workers, .batch = 1, .progress = pr::Progress::none});
  CHECK(most <= n_workers);
}

TEST_CASE("jobs in several threads run side by side, each with all of its workers") {
  Rendezvous rendezvous(24);
  std::atomic<int> met{0};
  const std::size_t before = allowed();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        pr::map([&](int) { met += rendezvous.meet(); }, std::views::iota(0, 8),
                {.n_workers = 8, .progress = pr::Progress::none});
      });
    }
  }
  CHECK(met == 24);
  CHECK(allowed() == before);
}

TEST_CASE("a job keeps its workers when another one ends") {
  Rendezvous first(2), second(16);
  std::atomic<int> met{0};
  std::optional<std::jthread> short_job(std::in_place, [&] {
    pr::map([&](int) { first.meet(); }, std::views::iota(0, 1), {.n_workers = 4, .progress = pr::Progress::none});
  });
  pr::map(
      [&](int item) {
        if (item == 0) {
          first.meet();
          short_job.reset();
        }
        met += second.meet();
      },
      std::views::iota(0, 16), {.n_workers = 16, .progress = pr::Progress::none});
  CHECK(met == 16);
}

TEST_CASE("a limit of the program's own that is too small is refused, one that is large enough stays") {
  const std::size_t before = allowed();
  std::atomic<int> pulled{0};
  const auto run = [&](std::size_t n_workers) {
    pr::map([](int) {}, [&]() -> std::optional<int> { return ++pulled <= 10 ? std::optional<int>(0) : std::nullopt; },
            {.n_workers = n_workers, .progress = pr::Progress::none});
  };
  {
    const global_control smaller(global_control::max_allowed_parallelism, 3);
    const auto error = thrown<pr::OptionsError>([&] { run(4); });
    REQUIRE(error);
    CHECK(error->field() == "n_workers");
    CHECK_THAT(error->what(), Catch::Contains("global_control") && Catch::Contains(" 3 ") && Catch::Contains(" 4"));
    CHECK(pulled == 0);
    CHECK(allowed() == 3);
    CHECK(meeting(3, 3) == 3);
  }
  {
    const global_control larger(global_control::max_allowed_parallelism, 100);
    run(8);
    CHECK(allowed() == 100);
  }
  CHECK(allowed() == before);
  CHECK(meeting(8, 8) == 8);
}

TEST_CASE("while jobs run, oneTBB may use as many threads as all of them need together, and no longer") {
  using pr::job::Parallelism;
  const std::size_t before = allowed();
  std::optional<Parallelism> ten(10), five(5), one(1);
  CHECK(allowed() == 1 + 9 + 4);
  ten.reset();
  CHECK(allowed() == 5);
  one.reset();
  five.reset();
  CHECK(allowed() == before);
}

TEST_CASE("what oneTBB cannot give to all jobs together is refused to the one that comes last") {
  use_tbb();  // its limit is fixed once it runs
  const pr::job::Parallelism first(200);
  const auto error = thrown<pr::OptionsError>([] { pr::job::Parallelism(200); });
  REQUIRE(error);
  CHECK(error->field() == "n_workers");
  CHECK(allowed() == 200);
}

TEST_CASE("oneTBB inside of an item computes what it computes outside") {
  const TempDir dir;
  const std::size_t n_workers = GENERATE(1U, 2U, 8U);
  std::vector<int> items(200);
  std::iota(items.begin(), items.end(), 1);
  const pr::Report report =
      pr::map([](int item) { return sum_in_parallel(item * 10); }, items,
              {.n_workers = n_workers, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  CHECK(report.succeeded == 200);
  for (const pr::Json& line : values_in(dir / "r.jsonl")) {
    const int count = line.get<int>("id") * 10;
    CHECK(line.get<int>("result") == count * (count - 1) / 2);
  }
}

TEST_CASE("a thread that waits for the nested work of its item runs no other item meanwhile") {
  static thread_local int depth = 0;
  std::atomic<int> nested{0};
  pr::map(
      [&](int) {
        if (++depth > 1) ++nested;
        tbb::parallel_for(0, 64, [](int) { std::this_thread::yield(); });
        --depth;
      },
      std::views::iota(0, 500), {.n_workers = 4, .progress = pr::Progress::none});
  CHECK(nested == 0);
}

TEST_CASE("a job inside of an item of another job has its own workers") {
  Rendezvous rendezvous(12);
  std::atomic<int> met{0};
  const std::size_t before = allowed();
  const pr::Report report = pr::map(
      [&](int) {
        return pr::map([&](int) { met += rendezvous.meet(); }, std::views::iota(0, 4),
                       {.n_workers = 4, .progress = pr::Progress::none})
            .succeeded;
      },
      std::views::iota(0, 3), {.n_workers = 3, .progress = pr::Progress::none});
  CHECK(report.succeeded == 3);
  CHECK(met == 12);
  CHECK(allowed() == before);
}

TEST_CASE("a job runs inside of a task of the program, and of an arena of its own") {
  std::atomic<int> done{0};
  const auto run = [&] {
    pr::map([&](int) { ++done; }, std::views::iota(0, 50), {.n_workers = 3, .progress = pr::Progress::none});
  };
  tbb::parallel_for(0, 4, [&](int) { run(); });
  tbb::task_arena(1).execute(run);
  tbb::this_task_arena::isolate(run);
  CHECK(done == 300);
}

TEST_CASE("a nested failure and a nested cancellation stay within their item") {
  const pr::Report report = pr::map(
      [](int item) {
        tbb::parallel_for(0, 100, [&](int i) {
          if (item % 3 == 0 && i == 50) throw std::runtime_error("inside");
        });
        return sum_in_parallel(1000) == 499500;
      },
      std::views::iota(0, 300), {.n_workers = 4, .progress = pr::Progress::none});
  CHECK(report.failed == 100);
  CHECK(report.succeeded == 200);
}
