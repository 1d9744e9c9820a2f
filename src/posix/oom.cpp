#include "posix/oom.hpp"

#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

#include "posix/control_groups.hpp"

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

/// Of the innermost group that tells.
std::optional<std::uint64_t> count_of_group(const fs::path& root) {
  for (const ControlGroup& group : control_groups(root, "memory")) {
    for (const fs::path& directory : group.directories) {
      const auto count = count_in(directory / (group.unified ? "memory.events" : "memory.oom_control"));
      if (count) return count;
    }
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
