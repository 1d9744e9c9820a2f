/// Does to a file what full disks, power losses, editors and cosmic rays do.
#pragma once

#include <filesystem>
#include <string>

#include "crash/draw.hpp"

namespace pararun::testing {

/// Damages the end, or something in the middle, in one of many ways drawn at random, and returns which.
std::string damage_tail(const std::filesystem::path& path, Random& random);
std::string damage_middle(const std::filesystem::path& path, Random& random);

}  // namespace pararun::testing
