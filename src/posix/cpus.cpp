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

#include "posix/control_groups.hpp"

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

/// The smallest quota on the way from the process's own group to the top.
std::optional<double> control_group_quota(const fs::path& root) {
  std::optional<double> smallest;
  for (const ControlGroup& group : control_groups(root, "cpu")) {
    for (const fs::path& directory : group.directories) {
      const auto quota = group.unified ? quota_v2(directory) : quota_v1(directory);
      if (quota && (!smallest || *quota < *smallest)) smallest = quota;
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
