/// What is left of jobs with worker processes, however they end. Every job runs in a child process; whatever that
/// leaves behind becomes a child of this one.
#include <pararun/options.hpp>

#include <pthread.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/culprits.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/process_job.hpp"
#include "support/shared_counts.hpp"
#include "support/temp_dir.hpp"
#include "support/undertaker.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;
using Parent = Child::Parent;

namespace {

/// Whether the process has one of the job's files open.
bool holds_a_file(int process) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry, ignored).string().find(".jsonl") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("nothing is left of a job that comes to its end, well or not") {
  const TempDir dir;
  const Undertaker undertaker;
  const int way = GENERATE(0, 1, 2, 3);
  Child child([&](const Parent&) {
    return code_of([&] {
      pr::Options options = in_processes(dir);
      options.timeout = 50ms;
      int next = 0;
      const auto items = [&]() -> std::optional<int> {
        if (way == 1 && next == 10) throw std::runtime_error("input");
        return next < 20 ? std::optional(next++) : std::nullopt;
      };
      const auto fn = [&](int item) {
        if (way == 2 && item == 5) die_of(SIGSEGV);
        if (way == 3 && item == 5) loop_unmoved_by(SIGTERM);
      };
      return pr::map(fn, items, options).exit_code();
    });
  });
  CHECK(child.end() == (way == 0 ? 0 : way == 1 ? kThrown : 1));
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // at once: the job has seen to it before it returned
  CHECK(Undertaker::nobody_left());
}

TEST_CASE("nothing is left of a job whose process is killed, whatever its workers are doing") {
  const TempDir dir;
  const Undertaker undertaker;
  const SharedCounts begun(1), processes(5);
  const int way = GENERATE(0, 1, 2, 3);
  Child child([&](const Parent&) {
    const auto fn = [&](int item) {
      const int grandchild = way == 3 ? ::fork() : ::getpid();
      if (grandchild == 0) loop_unmoved_by(SIGTERM);
      processes[static_cast<std::size_t>(item)] = ::getpid();
      processes[static_cast<std::size_t>(item) + 2] = grandchild;
      processes[4] = ::getppid();
      ++begun[0];
      if (way == 0) loop_for_ever();
      if (way == 1) loop_unmoved_by(SIGTERM);
      if (way == 2) ::kill(::getpid(), SIGSTOP);
      for (;;) ::pause();
    };
    return pr::map(fn, numbers(10), in_processes(dir)).exit_code();
  });
  REQUIRE(eventually([&] { return begun[0] == 2; }));
  for (std::size_t i = 0; i < 5; ++i) CHECK_FALSE(holds_a_file(processes[i]));
  child.send(SIGKILL);
  CHECK(child.end() == -SIGKILL);
  CHECK(Undertaker::nobody_left());
  Child next([&](const Parent&) { return pr::map([](int) {}, numbers(10), in_processes(dir)).exit_code(); });
  CHECK(next.end() == 0);
}

TEST_CASE("nothing is left of a pool, whether its process ends, is killed or forgets it") {
  const Undertaker undertaker;
  static SharedCounts begun(1);
  begun[0] = 0;
  const int way = GENERATE(0, 1, 2);
  Child child([&](const Parent&) {
    if (way == 2) return pr::isolate([](int code) { return code; }, 0);
    pr::WorkerPool pool({.max_workers = 2, .grace_period = 1ms});
    const auto loop = [] {
      ++begun[0];
      loop_unmoved_by(SIGTERM);
    };
    const auto call = std::async(std::launch::async, [&] { pool.run(loop); });
    if (!eventually([&] { return begun[0] == 1; })) return 1;
    while (way == 1) ::pause();
    pool.close();
    return 0;
  });
  if (way == 1) {
    REQUIRE(eventually([&] { return begun[0] == 1; }));
    child.send(SIGKILL);
  }
  CHECK(child.end() == (way == 1 ? -SIGKILL : 0));
  CHECK(Undertaker::nobody_left());
}

TEST_CASE("a signal to every process of the job drains it, and is no item's failure") {
  const TempDir dir;
  const Undertaker undertaker;
  const int signal = GENERATE(SIGINT, SIGTERM);
  const SharedCounts facts(4);
  Child child([&](const Parent&) {
    pr::Options options = in_processes(dir);
    options.handle_signals = true;
    const auto fn = [&](int item) {
      if (item < 2) {
        facts[static_cast<std::size_t>(item)] = ::getpid();
        facts[2] = ::getppid();
        if (!eventually([&] { return facts[3] == 1; })) ::_exit(9);
      }
    };
    int next = 0;
    return pr::map(
               fn, [&]() -> std::optional<int> { return next++; }, options)
        .exit_code();
  });
  REQUIRE(eventually([&] { return facts[0] != 0 && facts[1] != 0; }));
  for (std::size_t i = 0; i < 3; ++i) REQUIRE(::kill(facts[i], signal) == 0);
  child.send(signal);
  std::this_thread::yield();
  facts[3] = 1;
  CHECK(child.end() == 75);
  CHECK(read_file(dir / "r.failed.jsonl").empty());
  CHECK(count_lines(dir / "r.jsonl") >= 2);
  CHECK(Undertaker::nobody_left());
}

TEST_CASE("a second signal ends the workers, and their items stay unfinished") {
  const TempDir dir;
  const Undertaker undertaker;
  const SharedCounts begun(1);
  Child child([&](const Parent&) {
    pr::Options options = in_processes(dir);
    options.handle_signals = true;
    const auto fn = [&](int) {
      ++begun[0];
      loop_unmoved_by(SIGTERM);
    };
    const pr::Report report = pr::map(fn, numbers(10), options);
    return report.failed == 0 && report.unfinished >= 2 ? report.exit_code() : 1;
  });
  REQUIRE(eventually([&] { return begun[0] == 2; }));
  child.send(SIGTERM);
  child.send(SIGINT);
  CHECK(child.end() == 75);
  CHECK(read_file(dir / "r.failed.jsonl").empty());
  CHECK(Undertaker::nobody_left());
}

// A worker has a thread of its own for stop requests. ThreadSanitizer allows that only where the job's process had
// none.

TEST_CASE("a function that takes a stop token is asked to stop at its item's timeout, before it is made to") {
  const TempDir dir;
  const SharedCounts asked(3);
  Child child([&](const Parent&) {
    pr::Options options = in_processes(dir);
    options.timeout = 50ms;
    const auto fn = [&](int item, const std::stop_token& stop) {
      if (item == 3 && eventually([&] { return stop.stop_requested(); })) ++asked[0];
      while (item == 4) {
        if (stop.stop_requested()) asked[1] = 1;
      }
      if (item > 4 && stop.stop_requested()) ++asked[2];
      return item;
    };
    const pr::Report report = pr::map(fn, numbers(20), options);
    return report.succeeded == 18 && report.failed == 2 ? 0 : 1;
  });
  CHECK(child.end() == 0);
  CHECK(asked[0] == 1);
  CHECK(asked[1] == 1);
  CHECK(asked[2] == 0);
  for (const pr::Json& failure : values_in(dir / "r.failed.jsonl")) {
    CHECK(failure["error"].get<std::string>("kind") == "timeout");
  }
}

TEST_CASE("a forced stop asks functions to stop, where they can be asked") {
  const TempDir dir;
  const SharedCounts counts(2);
  Child child([&](const Parent&) {
    pr::Options options = in_processes(dir);
    options.handle_signals = true;
    const auto fn = [&](int, const std::stop_token& stop) {
      ++counts[0];
      if (eventually([&] { return stop.stop_requested(); })) ++counts[1];
    };
    const pr::Report report = pr::map(fn, numbers(100), options);
    return report.succeeded + report.failed == 0 && report.unfinished >= 2 ? report.exit_code() : 1;
  });
  REQUIRE(eventually([&] { return counts[0] == 2; }));
  child.send(SIGINT);
  child.send(SIGTERM);
  CHECK(child.end() == 75);
  CHECK(counts[1] == 2);
  CHECK(read_file(dir / "r.jsonl").empty());
}

TEST_CASE("a timer that the program starts again in each process it forks ends no worker") {
  const TempDir dir;
  Child child([&](const Parent&) {
    constexpr auto start = [] {
      const ::itimerval every_millisecond{{0, 1000}, {0, 1000}};
      ::setitimer(ITIMER_REAL, &every_millisecond, nullptr);
    };
    std::signal(SIGALRM, [](int) {});
    ::pthread_atfork(nullptr, nullptr, start);
    start();
    return pr::map([](int) {}, numbers(2000), in_processes(dir)).exit_code();
  });
  CHECK(child.end() == 0);
}

namespace {

/// Starts jobs while other threads allocate and print as fast as they can.
int start_under_load(int jobs) {
  std::atomic<bool> over = false;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> log(std::fopen("/dev/null", "w"), &std::fclose);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!over) {
        const std::vector<std::string> strings(50, std::string(100, 'x'));
        std::fprintf(log.get(), "%zu %s\n", strings.size(), strings[0].c_str());
        std::fprintf(stdout, "%s", "");
      }
    });
  }
  int good = 0;
  for (int i = 0; i < jobs; ++i) {
    const auto fn = [&](int item) {
      const std::vector<std::string> strings(10, std::string(100, 'x'));
      std::fprintf(log.get(), "%d\n", item);
      return strings.size();
    };
    good += pr::map(fn, numbers(4), {.n_workers = 2, .backend = pr::Backend::process, .progress = pr::Progress::none})
                .succeeded == 4;
  }
  over = true;
  return good == jobs ? 0 : 1;
}

}  // namespace

TEST_CASE("jobs can be started while other threads allocate and print") {
  const Undertaker undertaker;
  Child child([](const Parent&) { return start_under_load(30); });
  CHECK(child.end() == 0);
  CHECK(Undertaker::nobody_left());
}

TEST_CASE("a thousand jobs can be started while other threads allocate and print", "[long]") {
  const Undertaker undertaker;
  Child child([](const Parent&) { return start_under_load(1000); });
  CHECK(child.end() == 0);
  CHECK(Undertaker::nobody_left());
}
