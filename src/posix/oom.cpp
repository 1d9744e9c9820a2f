#include "posix/oom.hpp"

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace pararun::posix {
namespace {

namespace fs = std::filesystem;

/// The number behind `oom_kill` in a file of words and numbers.
std::optional<std::uint64_t> count_in(const fs::path& path) {
  constexpr std::string_view kWord = "oom_kill ";
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kWord)) continue;
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(line.data() + kWord.size(), line.data() + line.size(), count);
    if (error == std::errc()) return count;
  }
  return std::nullopt;
}

/// Each line of that file is "number:controllers:path"; version 2 has number 0 and no controllers.
std::optional<std::uint64_t> count_of_group(const fs::path& root) {
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path group = fs::path(line.substr(second + 1)).relative_path();
    std::optional<std::uint64_t> count;
    if (controllers == ",,") {
      count = count_in(root / "sys/fs/cgroup" / group / "memory.events");
    } else if (controllers.find(",memory,") != std::string::npos) {
      count = count_in(root / "sys/fs/cgroup/memory" / group / "memory.oom_control");
    }
    if (count) return count;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> oom_kills() noexcept { return oom_kills("/"); }

std::optional<std::uint64_t> oom_kills(const fs::path& root) noexcept {
  try {
    if (const auto count = count_of_group(root)) return count;
    return count_in(root / "proc/vmstat");
  } catch (...) {
    return std::nullopt;
  }
}

}  // namespace pararun::posix
