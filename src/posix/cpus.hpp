/// How many CPUs this process may use.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

namespace pararun::posix {

/// The smallest of: the affinity mask, the CPU quota of the process's control group and of those above it
/// (version 1 or 2, rounded up), and `SLURM_CPUS_PER_TASK`. At least 1.
std::size_t usable_cpus();

/// Where `usable_cpus` looks; replaced in tests.
struct CpuSources {
  std::size_t affinity = 0;
  std::filesystem::path root = "/";                               ///< holds proc/ and sys/
  std::function<const char*(const char*)> environment = nullptr;  ///< `getenv`
};

std::size_t usable_cpus(const CpuSources& sources);

}  // namespace pararun::posix
