/// What would end a program ends one item, where items are worked on in processes.
#include <pararun/options.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/culprits.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/process_job.hpp"
#include "support/shared_counts.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace {

void throw_one() { throw 1; }

pr::Json the_failure(const TempDir& dir) {
  const std::vector<pr::Json> failures = values_in(dir / "r.failed.jsonl");
  REQUIRE(failures.size() == 1);
  return failures[0];
}

/// Runs `items`, of which `culprit` ends its process, and checks that all the others are done. Returns the culprit's
/// line.
template <class Fn>
pr::Json failure_of_one(Fn fn, pr::Options options, const TempDir& dir, int culprit = 7, int count = 40) {
  options.batch = GENERATE(0, 1, 16);
  const pr::Report report = pr::map(
      [&](int item) {
        if (item == culprit) fn();
        return item * 2;
      },
      numbers(count), options);
  check_sums(report);
  CHECK(report.succeeded == static_cast<std::uint64_t>(count) - 1);
  CHECK(report.failed == 1);
  std::vector<int> others = numbers(count);
  std::erase(others, culprit);
  CHECK(sorted(ids_in(dir / "r.jsonl")) == ids(others));
  check_results(dir / "r.jsonl", [](int item) { return item * 2; });
  pr::Json failure = the_failure(dir);
  CHECK(failure["id"] == culprit);
  return failure;
}

}  // namespace

TEST_CASE("a signal that ends a worker is the failure of the item that it was on, and of no other") {
  const TempDir dir;
  const int signal = GENERATE(SIGSEGV, SIGABRT, SIGKILL, SIGTERM, SIGBUS, SIGPIPE);
  const pr::Json failure = failure_of_one([&] { die_of(signal); }, in_processes(dir), dir);
  CHECK(failure["error"].get<std::string>("kind") == "crash");
  CHECK(failure["error"].get<std::string>("type") == "pararun::BrokenWorkerError");
  CHECK(failure["error"].get<int>("signal") == signal);
  CHECK(failure["error"].find("exit_code") == nullptr);
  CHECK(failure.get<int>("attempts") == 1);
}

TEST_CASE("so is an exit, whatever its code") {
  const TempDir dir;
  const int code = GENERATE(0, 3);
  const pr::Json failure = failure_of_one([&] { ::_exit(code); }, in_processes(dir), dir);
  CHECK(failure["error"].get<std::string>("kind") == "crash");
  CHECK(failure["error"].get<int>("exit_code") == code);
  CHECK(failure["error"].find("signal") == nullptr);
}

TEST_CASE("so is a stack that overflows and an exception that nobody may catch") {
  const TempDir dir;
  SECTION("stack") {
    const pr::Json failure = failure_of_one([] { overflow_stack(false); }, in_processes(dir), dir);
    CHECK(failure["error"].get<int>("signal") == SIGSEGV);
  }
  SECTION("noexcept") {
    const pr::Json failure = failure_of_one([]() noexcept { throw_one(); }, in_processes(dir), dir);
    CHECK(failure["error"].get<int>("signal") == SIGABRT);
  }
}

TEST_CASE("a crash took as long as the item, not as long as its batch") {
  const TempDir dir;
  const auto fn = [](int item) {
    if (item % 10 != 7) return;
    const auto end = std::chrono::steady_clock::now() + 20ms;
    while (std::chrono::steady_clock::now() < end) {
    }
    die_of(SIGSEGV);
  };
  pr::Options options = in_processes(dir);
  options.batch = GENERATE(0, 16);
  CHECK(pr::map(fn, numbers(40), options).failed == 4);
  for (const pr::Json& failure : values_in(dir / "r.failed.jsonl")) CHECK(failure.get<double>("seconds") >= 0.02);
}

TEST_CASE("an item that takes too long is ended, however it clings to life") {
  const TempDir dir;
  pr::Options options = in_processes(dir);
  options.timeout = 100ms;
  const int way = GENERATE(0, 1, 2, 3);
  const pr::Json failure = failure_of_one(
      [&] {
        if (way == 0) loop_for_ever();
        if (way == 1) loop_unmoved_by(SIGTERM);
        if (way == 2) ::kill(::getpid(), SIGSTOP);
        for (;;) ::pause();
      },
      options, dir);
  CHECK(failure["error"].get<std::string>("kind") == "timeout");
  CHECK(failure["error"].get<std::string>("type") == "pararun::TimeoutError");
  CHECK(failure["error"].get<std::string>("message").find("longer than the timeout of 0.1 s") != std::string::npos);
  CHECK(failure.get<double>("seconds") >= 0.1);
}

TEST_CASE("an item that ends its worker is tried as often as it may be, and no more") {
  const TempDir dir;
  const SharedCounts attempts(40);
  pr::Options options = in_processes(dir);
  options.retries = 2;
  options.retry_delay = 1ms;
  options.batch = GENERATE(0, 1, 16);
  const auto fn = [&](int item) {
    ++attempts[static_cast<std::size_t>(item)];
    if (item == 5) die_of(SIGSEGV);
    if (item == 6) throw std::runtime_error("no");
    if (item == 7 && attempts[7] == 1) die_of(SIGKILL);
    return item;
  };
  const pr::Report report = pr::map(fn, numbers(40), options);
  check_sums(report);
  CHECK(report.succeeded == 38);
  CHECK(report.failed == 2);
  for (std::size_t item = 0; item < 40; ++item) {
    CHECK(attempts[item] == (item == 5 || item == 6 ? 3 : item == 7 ? 2 : 1));
  }
  for (const pr::Json& failure : values_in(dir / "r.failed.jsonl")) CHECK(failure.get<int>("attempts") == 3);
  check_results(dir / "r.jsonl", [](int item) { return item; });
}

TEST_CASE("a worker that is killed while it has nothing to do is nobody's failure") {
  const TempDir dir;
  pr::Options options = in_processes(dir);
  options.n_workers = 1;
  const SharedCounts pid(1);
  int next = 0;
  const auto items = [&]() -> std::optional<int> {
    // The worker has been dismissed by the time that its item has left the pipeline.
    if (next > 0) {
      CHECK(eventually([&] { return count_lines(dir / "r.jsonl") >= static_cast<std::size_t>(next); }));
      ::kill(pid[0], SIGKILL);
    }
    return next < 5 ? std::optional(next++) : std::nullopt;
  };
  const pr::Report report = pr::map([&](int) { pid[0] = ::getpid(); }, items, options);
  CHECK(report.succeeded == 5);
}

TEST_CASE("a SIGTERM or SIGINT from elsewhere does nothing to a worker") {
  const TempDir dir;
  const int signal = GENERATE(SIGTERM, SIGINT);
  const SharedCounts pid(1);
  const auto fn = [&](int item) {
    if (item == 0) {
      pid[0] = ::getpid();
      const auto sender = ::fork();
      if (sender == 0) {
        ::kill(pid[0], signal);
        ::_exit(0);
      }
      TEMP_FAILURE_RETRY(::waitpid(sender, nullptr, 0));
    }
    return item;
  };
  CHECK(pr::map(fn, numbers(5), in_processes(dir)).succeeded == 5);
}

TEST_CASE("a grandchild that outlives its worker keeps nobody waiting, and does not stay") {
  const TempDir dir;
  const SharedCounts pid(1);
  const auto start = [&] {
    const auto grandchild = ::fork();
    if (grandchild == 0) {
      for (;;) ::pause();
    }
    pid[0] = grandchild;
    die_of(SIGKILL);
  };
  failure_of_one(start, in_processes(dir), dir);
  CHECK(eventually([&] {
    return ::kill(pid[0], 0) == -1 || [&] {
      // Nobody may have reaped it where process 1 does not.
      std::ifstream status("/proc/" + std::to_string(pid[0]) + "/stat");
      std::string text;
      std::getline(status, text);
      return text.find(") Z ") != std::string::npos;
    }();
  }));
}

TEST_CASE("stopping a job ends its workers' items only when it is forced") {
  const TempDir dir;
  pr::Options options = in_processes(dir);
  std::stop_source stop;
  options.stop = stop.get_token();
  const SharedCounts counts(2);
  std::atomic<int>& begun = counts[0];
  std::atomic<int>& stopped = counts[1];
  const std::vector<int> items = numbers(100);
  const std::jthread stopper([&] {
    if (eventually([&] { return begun == 2; })) stop.request_stop();
    stopped = 1;
  });
  SECTION("a drain waits for them") {
    const pr::Report report = pr::map(
        [&](int) {
          ++begun;
          if (!eventually([&] { return stopped == 1; })) throw std::runtime_error("not stopped");
        },
        items, options);
    CHECK(report.stopped == pr::StopReason::stop_requested);
    CHECK(report.succeeded >= 2);
    check_sums(report);
  }
  SECTION("a drain that takes too long does not") {
    options.drain_timeout = 50ms;
    const pr::Report report = pr::map(
        [&](int) {
          ++begun;
          loop_for_ever();
        },
        items, options);
    CHECK(report.succeeded == 0);
    CHECK(report.failed == 0);
    CHECK(report.unfinished >= 2);
    CHECK(report.exit_code() == 75);
    check_sums(report);
  }
}
