/// Worker processes where the system has too few processes or descriptors to give.
#include <pararun/process.hpp>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/process_job.hpp"

namespace pr = pararun;
using namespace pararun::testing;

namespace {

int half(int number) { return number / 2; }

/// The only child of this process; 0 if there is none.
int only_child() {
  const std::string self = std::to_string(::getpid());
  int child = 0;
  std::ifstream("/proc/" + self + "/task/" + self + "/children") >> child;
  return child;
}

/// How often a process has gone to sleep.
long sleeps_of(int process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  long sleeps = -1;
  for (std::string word; status >> word;) {
    if (word == "voluntary_ctxt_switches:") status >> sleeps;
  }
  return sleeps;
}

/// From now on `process`, whose user is not root, can fork as long as `may`.
void let_fork(int process, bool may) {
  rlimit limit{};
  if (::prlimit(process, RLIMIT_NPROC, nullptr, &limit) != 0) throw std::runtime_error("no limit to be read");
  limit.rlim_cur = may ? limit.rlim_max : 0;
  if (::prlimit(process, RLIMIT_NPROC, &limit, nullptr) != 0) throw std::runtime_error("no limit to be set");
}

/// The limit on processes knows no root.
void be_nobody() {
  constexpr unsigned kNobody = 65534;
  if (::geteuid() == 0 && ::setresuid(kNobody, kNobody, kNobody) != 0) throw std::runtime_error("cannot change user");
}

}  // namespace

TEST_CASE("where no worker can be forked a call says so, after some patience") {
  Child child([](const Child::Parent&) {
    be_nobody();
    pr::WorkerPool pool({.max_workers = 1});
    let_fork(only_child(), false);
    const auto error = thrown<pr::BrokenWorkerError>([&] { pool.run(half, 2); });
    const bool clear = error && std::string(error->what()).find("could be started") != std::string::npos &&
                       !error->signal() && !error->exit_code();
    let_fork(only_child(), true);
    return clear && pool.run(half, 2) == 1 ? 0 : 1;
  });
  CHECK(child.end() == 0);
}

TEST_CASE("where a worker cannot be forked for a moment nobody notices") {
  Child child([](const Child::Parent&) {
    be_nobody();
    pr::WorkerPool pool({.max_workers = 1});
    const int keeper = only_child();
    let_fork(keeper, false);
    const long before = sleeps_of(keeper);
    bool asked = false;
    std::thread relief([&] {
      // It wakes up for each order to fork. The first sleep may be older than these.
      asked = eventually([&] { return sleeps_of(keeper) > before + 2; });
      let_fork(keeper, true);
    });
    const int result = pool.run(half, 2);
    relief.join();
    return asked && result == 1 ? 0 : 1;
  });
  CHECK(child.end() == 0);
}

TEST_CASE("a job whose workers can never be forked ends with an error, and blames no item") {
  const TempDir dir;
  REQUIRE(::chmod(dir.path().c_str(), 0777) == 0);
  Child child([&](const Child::Parent&) {
    be_nobody();
    bool told = false;
    int next = 0;
    const auto items = [&]() -> std::optional<int> {
      if (next == 0) let_fork(only_child(), false);  // the template is there by now
      return next++;
    };
    try {
      pr::map([](int) {}, items, in_processes(dir));
    } catch (const pr::Error& error) {
      told = std::string(error.what()).find("could be started") != std::string::npos;
    }
    return told ? 0 : 1;
  });
  CHECK(child.end() == 0);
  CHECK(read_file(dir / "r.jsonl").empty());
  CHECK(read_file(dir / "r.failed.jsonl").empty());
}

TEST_CASE("where there are no descriptors to be had a job with worker processes does not begin") {
  Child child([](const Child::Parent&) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    bool pulled = false;
    const auto items = [&]() -> std::optional<int> {
      pulled = true;
      return std::nullopt;
    };
    const pr::Options options{.n_workers = 1, .backend = pr::Backend::process, .progress = pr::Progress::none};
    const bool refused = thrown<pr::Error>([&] { pr::map([](int) {}, items, options); }).has_value();
    const bool no_pool = thrown<pr::Error>([&] { const pr::WorkerPool pool; }).has_value();
    return refused && no_pool && !pulled ? 0 : 1;
  });
  CHECK(child.end() == 0);
}
