/// Where the kernel keeps what it knows of this process's control groups.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace pararun::posix {

/// A group of version 2, which has every controller, or of version 1, which has the one asked for. Its directories: its
/// own, and those of the groups that it is in, up to the top. Some may not exist: in a container the group's path may
/// be one of the host's, and then only the top is there.
struct ControlGroup {
  bool unified = false;  ///< version 2
  std::vector<std::filesystem::path> directories;
};

/// The groups of this process that may have a say in `controller`, with that directory in the place of `/`.
std::vector<ControlGroup> control_groups(const std::filesystem::path& root, std::string_view controller);

}  // namespace pararun::posix
