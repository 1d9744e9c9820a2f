#include "posix/cpus.hpp"

#include <sched.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using pararun::posix::CpuSources;
using pararun::posix::usable_cpus;
using pararun::testing::TempDir;
using pararun::testing::write_file;

namespace {

/// A machine of 64 CPUs whose control groups the test makes up.
class Machine {
 public:
  void groups(const std::string& lines) { put("proc/self/cgroup", lines); }

  void put(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((root_ / name).parent_path());
    write_file(root_ / name, content);
  }

  /// A group's quota of version 1.
  void put_v1(const std::string& directory, const std::string& quota, const std::string& period = "100000") {
    put(directory + "/cpu.cfs_quota_us", quota + "\n");
    put(directory + "/cpu.cfs_period_us", period + "\n");
  }

  void variable(const std::string& value) { slurm_ = value; }

  std::size_t cpus(std::size_t affinity = 64) const {
    return usable_cpus({.affinity = affinity, .root = root_.path(), .environment = [this](const char* name) {
                          return name == std::string("SLURM_CPUS_PER_TASK") && !slurm_.empty() ? slurm_.c_str()
                                                                                               : nullptr;
                        }});
  }

 private:
  TempDir root_;
  std::string slurm_;
};

}  // namespace

TEST_CASE("with no other limit the affinity mask counts, and it is never less than 1") {
  const Machine machine;
  CHECK(machine.cpus(64) == 64);
  CHECK(machine.cpus(1) == 1);
  CHECK(machine.cpus(0) == 1);
  CHECK(usable_cpus(CpuSources{.affinity = 3, .root = "/nonexistent"}) == 3);
}

TEST_CASE("a quota of a control group, version 2, is rounded up to whole CPUs") {
  Machine machine;
  machine.groups("0::/job\n");
  const auto [line, cpus] = GENERATE(table<std::string, std::size_t>({{"200000 100000\n", 2},
                                                                      {"150000 100000\n", 2},
                                                                      {"1000 100000\n", 1},
                                                                      {"25000 10000\n", 3},
                                                                      {"max 100000\n", 64},
                                                                      {"6400000000 100000\n", 64},
                                                                      {"", 64},
                                                                      {"nonsense\n", 64},
                                                                      {"200000\n", 64},
                                                                      {"-1 100000\n", 64},
                                                                      {"200000 0\n", 64},
                                                                      {"99999999999999999999999 100000\n", 64}}));
  machine.put("sys/fs/cgroup/job/cpu.max", line);
  CHECK(machine.cpus() == cpus);
}

TEST_CASE("the smallest quota on the way up from the process's own group counts") {
  Machine machine;
  machine.groups("0::/slice/job/step\n");
  machine.put("sys/fs/cgroup/slice/job/step/cpu.max", "max 100000\n");
  CHECK(machine.cpus() == 64);
  machine.put("sys/fs/cgroup/slice/cpu.max", "700000 100000\n");
  CHECK(machine.cpus() == 7);
  machine.put("sys/fs/cgroup/slice/job/cpu.max", "300000 100000\n");
  CHECK(machine.cpus() == 3);
  machine.put("sys/fs/cgroup/slice/other/cpu.max", "100000 100000\n");
  CHECK(machine.cpus() == 3);
}

TEST_CASE("in a container whose group is named by a path of the host the top of the mount counts") {
  Machine machine;
  machine.groups(GENERATE(as<std::string>(), "0::/docker/0123abc\n", "0::/../../elsewhere\n", "0::/\n"));
  machine.put("sys/fs/cgroup/cpu.max", "200000 100000\n");
  CHECK(machine.cpus() == 2);
}

TEST_CASE("a quota of a control group, version 1, counts under either name of its mount") {
  Machine machine;
  const std::string mount = GENERATE(as<std::string>(), "cpu", "cpu,cpuacct");
  machine.groups("12:memory:/job\n4:" + mount + ":/job\n1:name=systemd:/\n");
  machine.put_v1("sys/fs/cgroup/" + mount + "/job", "250000");
  CHECK(machine.cpus() == 3);
  machine.put_v1("sys/fs/cgroup/" + mount + "/job", "-1");
  CHECK(machine.cpus() == 64);
  machine.put_v1("sys/fs/cgroup/" + mount, "500000");
  CHECK(machine.cpus() == 5);
}

TEST_CASE("other controllers of version 1 say nothing about CPUs") {
  Machine machine;
  machine.groups("5:cpuset:/job\n6:cpuacct:/job\n");
  machine.put_v1("sys/fs/cgroup/cpu/job", "100000");
  CHECK(machine.cpus() == 64);
}

TEST_CASE("on a system with both versions both count") {
  Machine machine;
  machine.groups("4:cpu,cpuacct:/v1\n0::/v2\n");
  machine.put_v1("sys/fs/cgroup/cpu,cpuacct/v1", "500000");
  machine.put("sys/fs/cgroup/unified/v2/cpu.max", "400000 100000\n");
  CHECK(machine.cpus() == 4);
}

TEST_CASE("a group whose name has a colon is found") {
  Machine machine;
  machine.groups("0::/job:7\n");
  machine.put("sys/fs/cgroup/job:7/cpu.max", "200000 100000\n");
  CHECK(machine.cpus() == 2);
}

TEST_CASE("what Slurm has granted counts, where it is a number") {
  Machine machine;
  const auto [value, cpus] = GENERATE(table<std::string, std::size_t>({{"4", 4},
                                                                       {"1", 1},
                                                                       {"100", 64},
                                                                       {"0", 64},
                                                                       {"-2", 64},
                                                                       {"4x", 64},
                                                                       {" 4", 64},
                                                                       {"99999999999999999999999", 64}}));
  machine.variable(value);
  CHECK(machine.cpus() == cpus);
}

TEST_CASE("the smallest of all limits counts") {
  Machine machine;
  machine.groups("0::/\n");
  machine.put("sys/fs/cgroup/cpu.max", "600000 100000\n");
  machine.variable("5");
  CHECK(machine.cpus(64) == 5);
  CHECK(machine.cpus(4) == 4);
  machine.variable("8");
  CHECK(machine.cpus(64) == 6);
}

TEST_CASE("a smaller affinity mask of the calling thread is heeded") {
  std::size_t before = 0, narrowed = 0;
  std::thread([&] {
    before = usable_cpus();
    cpu_set_t set;
    CPU_ZERO(&set);
    cpu_set_t now;
    if (::sched_getaffinity(0, sizeof now, &now) != 0) return;
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&set) == 0; ++cpu) {
      if (CPU_ISSET(cpu, &now)) CPU_SET(cpu, &set);
    }
    if (::sched_setaffinity(0, sizeof set, &set) != 0) return;
    narrowed = usable_cpus();
  }).join();
  CHECK(before >= 1);
  CHECK(narrowed == 1);
}
