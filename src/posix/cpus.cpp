#include "posix/cpus.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace pararun::posix {
namespace {

namespace fs = std::filesystem;

std::size_t affinity() {
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(cpus), [](cpu_set_t* s) { CPU_FREE(s); });
    const std::size_t size = CPU_ALLOC_SIZE(cpus);
    if (!set) break;
    if (::sched_getaffinity(0, size, set.get()) == 0) return static_cast<std::size_t>(CPU_COUNT_S(size, set.get()));
    if (errno != EINVAL) break;  // EINVAL: the machine has more CPUs than the set
  }
  return static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

/// The groups from `group` up to the top, as directories below `mount`.
std::vector<fs::path> upwards(const fs::path& mount, fs::path group) {
  std::vector<fs::path> directories;
  for (group = group.lexically_normal().relative_path(); !group.empty(); group = group.parent_path()) {
    directories.push_back(mount / group);
  }
  // In a container the group's path may be one of the host's: then only the top is there.
  directories.push_back(mount);
  return directories;
}

/// `cpu.max`: "quota period" or "max period", in microseconds.
std::optional<double> quota_v2(const fs::path& directory) {
  const auto line = first_line(directory / "cpu.max");
  if (!line) return std::nullopt;
  std::istringstream fields(*line);
  std::string quota, period;
  fields >> quota >> period;
  const auto q = number<long long>(quota), p = number<long long>(period);
  if (!q || !p || *q <= 0 || *p <= 0) return std::nullopt;
  return static_cast<double>(*q) / static_cast<double>(*p);
}

/// `cpu.cfs_quota_us` is -1 where there is none.
std::optional<double> quota_v1(const fs::path& directory) {
  const auto quota = first_line(directory / "cpu.cfs_quota_us"), period = first_line(directory / "cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  const auto q = number<long long>(*quota), p = number<long long>(*period);
  if (!q || !p || *q <= 0 || *p <= 0) return std::nullopt;
  return static_cast<double>(*q) / static_cast<double>(*p);
}

/// Whether `name` is in a list with commas.
bool names(std::string_view list, std::string_view name) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (list.substr(begin, end - begin) == name) return true;
    begin = end + 1;
  }
  return false;
}

/// The smallest quota on the way from the process's own group to the top.
std::optional<double> control_group_quota(const fs::path& root) {
  std::optional<double> smallest;
  const auto consider = [&](std::optional<double> quota) {
    if (quota && (!smallest || *quota < *smallest)) smallest = quota;
  };
  std::ifstream groups(root / "proc/self/cgroup");
  // Each line is "number:controllers:path"; version 2 has number 0 and no controllers.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const char* mount : {"sys/fs/cgroup", "sys/fs/cgroup/unified"}) {
        for (const fs::path& directory : upwards(root / mount, group)) consider(quota_v2(directory));
      }
    } else if (names(controllers, "cpu")) {
      for (const char* mount : {"sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"}) {
        for (const fs::path& directory : upwards(root / mount, group)) consider(quota_v1(directory));
      }
    }
  }
  return smallest;
}

}  // namespace

std::size_t usable_cpus(const CpuSources& sources) {
  std::size_t cpus = std::max<std::size_t>(sources.affinity, 1);
  if (const auto quota = control_group_quota(sources.root)) {
    cpus = std::min(cpus, static_cast<std::size_t>(std::max(1.0, std::ceil(*quota))));
  }
  if (const char* slurm = sources.environment ? sources.environment("SLURM_CPUS_PER_TASK") : nullptr) {
    if (const auto granted = number<std::size_t>(slurm); granted && *granted > 0) cpus = std::min(cpus, *granted);
  }
  return cpus;
}

std::size_t usable_cpus() {
  return usable_cpus(
      {.affinity = affinity(), .environment = [](const char* name) -> const char* { return std::getenv(name); }});
}

}  // namespace pararun::posix
