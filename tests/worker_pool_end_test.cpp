/// How the calls and the workers of a pool end otherwise than well: by death, a stop request, or the pool's own end.
#include <pararun/process.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>

#include "support/child.hpp"
#include "support/culprits.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/pools.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

TEST_CASE("where preparing kills every worker the call ends with what killed them") {
  pr::WorkerPool pool({.max_workers = 1, .init = [] { die_of(SIGSEGV); }});
  CHECK(signal_of([&] { pool.run(nothing); }) == SIGSEGV);
}

TEST_CASE("a worker that never comes to retire does not keep its pool from being closed") {
  int worker = 0;
  {
    // It is idle, and gets no grace.
    pr::WorkerPool pool({.max_workers = 1,
                         .retire =
                             [] {
                               loop_for_ever();
                               return true;
                             },
                         .grace_period = 1h});
    worker = pool.run(pid);
  }
  CHECK_FALSE(runs(worker));
}

TEST_CASE("a worker that dies of a call breaks that call, with its cause, and no other") {
  pr::WorkerPool pool({.max_workers = 1});
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL, SIGTERM})
    CHECK(signal_of([&] { pool.run(die_of, signal); }) == signal);
  CHECK(signal_of([&] { pool.run([] { return overflow_stack(false); }); }) == SIGSEGV);
  const auto error = thrown<pr::BrokenWorkerError>([&] { pool.run([](int code) { ::_exit(code); }, 3); });
  REQUIRE(error);
  CHECK(error->exit_code() == 3);
  CHECK_FALSE(error->signal());
  CHECK(std::string(error->what()) == "the worker process ended itself with exit code 3");
  CHECK(pool.run(half, 1.0) == 0.5);
}

TEST_CASE("a worker that is killed from outside breaks the call that it is on; an idle one breaks none") {
  board()[0] = 0;
  pr::WorkerPool pool({.max_workers = 1});
  const int idle = pool.run(pid);
  REQUIRE(::kill(idle, SIGKILL) == 0);
  const int next = pool.run(pid);
  CHECK(next != idle);
  std::jthread killer([&] {
    if (eventually([&] { return board()[0] == 1; })) ::kill(next, SIGKILL);
  });
  CHECK(signal_of([&] { pool.run(loop_noticeably); }) == SIGKILL);
  CHECK(pool.run(pid) != next);
}

TEST_CASE("a stop request kills the worker, whatever it does") {
  pr::WorkerPool pool({.max_workers = 1});
  pool.run(nothing);
  std::stop_source stop;
  std::jthread stopper([&] {
    if (eventually([&] { return pool.statistics().running_workers == 1; })) stop.request_stop();
  });
  const int way = GENERATE(0, 1, 2);
  const auto hang = [](int how) {
    if (how == 0) loop_for_ever();
    if (how == 1) loop_unmoved_by(SIGTERM);
    ::kill(::getpid(), SIGSTOP);
  };
  CHECK(signal_of([&] { pool.run(stop.get_token(), hang, way); }) == SIGKILL);
  CHECK(pool.run(half, 1.0) == 0.5);
  CHECK(pool.statistics().running_workers == 0);
}

TEST_CASE("a call of the shared pool can be stopped too") {
  std::stop_source stop;
  CHECK(pr::isolate(stop.get_token(), half, 2.0) == 1.0);
  stop.request_stop();
  CHECK_THROWS_AS(pr::isolate(stop.get_token(), half, 2.0), pr::BrokenWorkerError);
}

TEST_CASE("a call is not even begun once a stop was requested, nor while it waits for its turn") {
  pr::WorkerPool pool({.max_workers = 1});
  std::stop_source stop;
  std::stop_source long_call;
  auto call = std::async(std::launch::async, [&] { pool.run(long_call.get_token(), [] { loop_for_ever(); }); });
  REQUIRE(eventually([&] { return pool.statistics().running_workers == 1; }));
  std::jthread stopper([&] { stop.request_stop(); });
  CHECK_THROWS_AS(pool.run(stop.get_token(), nothing), pr::BrokenWorkerError);
  CHECK_THROWS_AS(pool.run(stop.get_token(), nothing), pr::BrokenWorkerError);
  long_call.request_stop();
  CHECK_THROWS_AS(call.get(), pr::BrokenWorkerError);
}

TEST_CASE("a pool can be closed while it is used: calls get their time, and no more") {
  board()[0] = 0;
  pr::WorkerPool pool({.max_workers = 2, .grace_period = 1s});
  auto quick = std::async(std::launch::async, [&] {
    return pool.run([] {
      while (board()[0] == 0) ::usleep(100);
      return 1;
    });
  });
  auto endless = std::async(std::launch::async, [&] { return pool.run([]() -> int { loop_unmoved_by(SIGTERM); }); });
  REQUIRE(eventually([&] { return pool.statistics().running_workers == 2; }));
  auto waiting = std::async(std::launch::async, [&] {
    const auto error = thrown<pr::Error>([&] { pool.run(nothing); });
    board()[0] = 1;
    return error ? std::string(error->what()) : "no error";
  });
  pool.close();
  CHECK(waiting.get() == "the pool of workers is closed");
  CHECK(quick.get() == 1);
  CHECK_THROWS_AS(endless.get(), pr::BrokenWorkerError);
  CHECK_THROWS_AS(pool.run(nothing), pr::Error);
  CHECK(pool.statistics().idle_workers == 0);
}

TEST_CASE("the death of the template breaks the calls in progress, and no later ones") {
  board()[0] = 0;
  pr::WorkerPool pool({.max_workers = 2});
  const int keeper = parent_of(pool.run(pid));
  auto call = std::async(std::launch::async, [&] { pool.run(loop_noticeably); });
  REQUIRE(eventually([&] { return board()[0] == 1; }));
  REQUIRE(::kill(keeper, SIGKILL) == 0);
  const bool at_once = GENERATE(true, false);
  if (at_once) CHECK(pool.run(half, 1.0) == 0.5);
  CHECK_THROWS_AS(call.get(), pr::BrokenWorkerError);
  for (int i = 0; i < 3; ++i) CHECK(pool.run(half, 1.0) == 0.5);
  CHECK(parent_of(pool.run(pid)) != keeper);
}

TEST_CASE("a pool can be closed by several threads, and looked at meanwhile") {
  for (int round = 0; round < 20; ++round) {
    pr::WorkerPool pool({.max_workers = 1});
    const int worker = pool.run(pid);
    std::atomic<int> early{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        std::ignore = pool.statistics();
        pool.close();
        early += runs(worker);
        std::ignore = pool.statistics();
      });
    }
    threads.clear();
    CHECK(early == 0);
  }
}

TEST_CASE("a call can be made by the destructor of a global") {
  Child child([](const Child::Parent&) {
    static const struct Late {
      ~Late() { ::_exit(pr::isolate(half, 2.0) == 1.0 ? 0 : 1); }
    } late;
    pr::isolate(half, 4.0);
    std::exit(2);
    return 3;
  });
  CHECK(child.end() == 0);
}

TEST_CASE("a process that was forked while threads wait for the pool can destroy its copy") {
  auto pool = std::make_unique<pr::WorkerPool>(pr::PoolOptions{.max_workers = 1});
  std::stop_source stop;
  auto call = std::async(std::launch::async, [&] { pool->run(stop.get_token(), [] { loop_for_ever(); }); });
  REQUIRE(eventually([&] { return pool->statistics().running_workers == 1; }));
  auto waiting = std::async(std::launch::async, [&] { pool->run(stop.get_token(), nothing); });
  // Nobody tells whether the other thread waits yet.
  bool ended = true;
  for (int round = 0; ended && round < 50; ++round) {
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      pool.reset();
      ::_exit(0);
    }
    ended = eventually([&] { return ::waitpid(child, nullptr, WNOHANG) == child; });
    if (!ended) ::kill(child, SIGKILL);
  }
  CHECK(ended);
  stop.request_stop();
  CHECK_THROWS_AS(call.get(), pr::BrokenWorkerError);
  CHECK_THROWS_AS(waiting.get(), pr::BrokenWorkerError);
}

TEST_CASE("a process that was forked is told that the pool is not its own") {
  pr::WorkerPool pool({.max_workers = 1});
  pool.run(nothing);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int code = 1;
    try {
      pool.run(nothing);
    } catch (const pr::Error&) {
      code = pr::isolate(half, 2.0) == 1.0 ? 0 : 2;
    }
    pool.close();
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(TEMP_FAILURE_RETRY(::waitpid(child, &status, 0)) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(pool.run(half, 1.0) == 0.5);
}
