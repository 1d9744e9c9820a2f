/// The process from which workers are forked: it may die, hang, or take its time.
#include <pararun/process.hpp>

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/culprits.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/pools.hpp"
#include "support/process_job.hpp"
#include "support/shared_counts.hpp"
#include "support/temp_dir.hpp"
#include "support/undertaker.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;
using Parent = Child::Parent;

namespace {

std::atomic<bool> hangs{false};

/// The next child hangs, as one does that needs a lock which another thread holds, and none after it.
void let_the_next_child_hang() {
  hangs = true;
  ::pthread_atfork(
      nullptr, [] { hangs = false; },
      [] {
        while (hangs) ::pause();
      });
}

/// As large page tables do.
void take_time_to_fork() { ::usleep(500'000); }

}  // namespace

TEST_CASE("the death of the template ends the job with an error, and its workers") {
  const TempDir dir;
  const Undertaker undertaker;
  const SharedCounts facts(3);
  Child child([&](const Parent&) {
    return code_of([&] {
      const auto fn = [&](int item) {
        if (item < 4) return;
        facts[1] = ::getppid();
        ++facts[0];
        loop_unmoved_by(SIGTERM);
      };
      return pr::map(fn, numbers(10), in_processes(dir)).exit_code();
    });
  });
  REQUIRE(eventually([&] { return facts[0] == 2; }));
  const bool parent_too = GENERATE(false, true);
  if (parent_too) child.send(SIGKILL);
  REQUIRE(::kill(facts[1], SIGKILL) == 0);
  CHECK(child.end() == (parent_too ? -SIGKILL : kThrown));
  CHECK(Undertaker::nobody_left());
  CHECK(count_lines(dir / "r.jsonl") <= 4);
  CHECK(read_file(dir / "r.failed.jsonl").empty());
}

TEST_CASE("a job whose template hangs from its beginning ends with an error that says so, and nothing is left") {
  const TempDir dir;
  const Undertaker undertaker;
  Child child([&](const Parent&) {
    let_the_next_child_hang();
    const auto error = thrown<pr::Error>([&] { pr::map([](int) {}, numbers(10), in_processes(dir)); });
    return error && std::string(error->what()).find("hangs") != std::string::npos ? 0 : 1;
  });
  CHECK(child.end() == 0);
  CHECK(Undertaker::nobody_left());
}

TEST_CASE("a pool whose template hangs from its beginning gets another one") {
  const Undertaker undertaker;
  Child child([&](const Parent&) {
    let_the_next_child_hang();
    pr::WorkerPool pool({.max_workers = 1});
    return pool.run(half, 2.0) == 1.0 ? 0 : 1;
  });
  CHECK(child.end() == 0);
  CHECK(Undertaker::nobody_left());
}

TEST_CASE("workers that wait long for their fork begin all the same") {
  const TempDir dir;
  constexpr int kWorkers = 24;  // the last of which is born later than one may sleep
  const SharedCounts begun(1);
  Child child([&](const Parent&) {
    ::pthread_atfork(take_time_to_fork, nullptr, nullptr);
    pr::Options options = in_processes(dir);
    options.n_workers = kWorkers;
    options.batch = 1;
    const auto fn = [&](int) {
      ++begun[0];
      if (!eventually([&] { return begun[0] == kWorkers; })) throw std::runtime_error("alone");
    };
    return pr::map(fn, numbers(kWorkers), options).succeeded == kWorkers ? 0 : 1;
  });
  CHECK(child.end() == 0);
}
