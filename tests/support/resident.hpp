/// How much memory this process holds.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace pararun::testing {

inline std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace pararun::testing
