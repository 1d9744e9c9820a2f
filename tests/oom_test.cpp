/// Processes that the kernel kills because there is no memory.
#include "posix/oom.hpp"

#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/job.hpp"
#include "support/memory_group.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using pararun::posix::oom_kills;

namespace {

void put(const TempDir& root, const std::string& path, const std::string& content) {
  std::filesystem::create_directories((root / path).parent_path());
  write_file(root / path, content);
}

void eat_all_memory() {
  std::vector<std::vector<char>> all;
  for (;;) all.emplace_back(std::size_t{1} << 20, 'x');
}

}  // namespace

TEST_CASE("what the kernel has killed is counted for the process's own control group") {
  const TempDir root;
  SECTION("of version 2") {
    put(root, "proc/self/cgroup", "0::/user/me\n");
    put(root, "sys/fs/cgroup/user/me/memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n");
    put(root, "proc/vmstat", "oom_kill 9\n");
    CHECK(oom_kills(root.path()) == 4);
  }
  SECTION("of version 1") {
    put(root, "proc/self/cgroup", "9:name=systemd:/\n4:memory:/me\n0::/\n");
    put(root, "sys/fs/cgroup/memory/me/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
    CHECK(oom_kills(root.path()) == 7);
  }
  SECTION("of version 1 in a container, where only the top is there") {
    put(root, "proc/self/cgroup", "4:memory:/docker/0a1b\n");
    put(root, "sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    put(root, "proc/vmstat", "oom_kill 9\n");
    CHECK(oom_kills(root.path()) == 3);
  }
  SECTION("or else for the machine") {
    put(root, "proc/self/cgroup", "0::/\n");
    put(root, "proc/vmstat", "nr_free_pages 1\noom_kill 9\nswap_ra 0\n");
    CHECK(oom_kills(root.path()) == 9);
  }
  SECTION("or not at all") {
    CHECK_FALSE(oom_kills(root.path()));
    put(root, "proc/vmstat", "oom_kill many\n");
    CHECK_FALSE(oom_kills(root.path()));
  }
}

TEST_CASE("an item for which there is not enough memory is told from one that was killed otherwise") {
  const MemoryGroup group(std::uint64_t{256} << 20);
  if (!group) {
    WARN("skipped: no control group can be made here: " << std::strerror(errno));
    return;
  }
  const TempDir dir;
  Child child([&](const Child::Parent&) {
    if (!group.enter()) return 98;
    const auto fn = [](int item) {
      if (item == 3 || item == 4) eat_all_memory();
      if (item == 5) ::kill(::getpid(), SIGKILL);
      return item;
    };
    const std::vector<int> items{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const pr::Report report = pr::map(fn, items,
                                      {.n_workers = 2,
                                       .cache_path = dir / "r.jsonl",
                                       .backend = pr::Backend::process,
                                       .progress = pr::Progress::none});
    return report.succeeded == 7 && report.failed == 3 ? 0 : 1;
  });
  CHECK(child.end() == 0);
  for (const pr::Json& failure : values_in(dir / "r.failed.jsonl")) {
    const pr::Json& error = failure["error"];
    CHECK(error.get<std::string>("kind") == "crash");
    CHECK(error.get<int>("signal") == SIGKILL);
    CHECK((error.find("out_of_memory") != nullptr) == (failure["id"] != 5));
  }
}

TEST_CASE("a call for which there is not enough memory is told from one that was killed otherwise") {
  const MemoryGroup group(std::uint64_t{256} << 20);
  if (!group) {
    WARN("skipped: no control group can be made here: " << std::strerror(errno));
    return;
  }
  Child child([&](const Child::Parent&) {
    if (!group.enter()) return 98;
    pr::WorkerPool pool({.max_workers = 1});
    const auto error = thrown<pr::BrokenWorkerError>([&] { pool.run(eat_all_memory); });
    return error && error->out_of_memory() && error->signal() == SIGKILL ? 0 : 1;
  });
  CHECK(child.end() == 0);
}
