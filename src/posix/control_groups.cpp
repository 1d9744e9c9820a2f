#include "posix/control_groups.hpp"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string>

namespace pararun::posix {
namespace {

namespace fs = std::filesystem;

/// The groups from `group` up to the top, as directories below `mount`.
std::vector<fs::path> upwards(const fs::path& mount, fs::path group) {
  std::vector<fs::path> directories;
  for (group = group.lexically_normal().relative_path(); !group.empty(); group = group.parent_path()) {
    directories.push_back(mount / group);
  }
  directories.push_back(mount);
  return directories;
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

}  // namespace

std::vector<ControlGroup> control_groups(const fs::path& root, std::string_view controller) {
  std::vector<ControlGroup> found;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  // Each line is "number:controllers:path"; version 2 has number 0 and no controllers.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const fs::path& mount : {mounts, mounts / "unified"}) found.push_back({true, upwards(mount, group)});
    } else if (names(controllers, controller)) {
      for (const std::string& name : {std::string(controller), controllers}) {
        found.push_back({false, upwards(mounts / name, group)});
      }
    }
  }
  return found;
}

}  // namespace pararun::posix
