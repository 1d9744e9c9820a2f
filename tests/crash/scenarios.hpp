/// The situations in which every system call of a job is made its last, or made to fail.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace pararun::testing {

struct Scenario {
  std::string name;
  std::vector<std::string> arguments;  ///< of `crash_job`
  std::uint64_t items = 0;
  std::function<void(const std::filesystem::path& results)> prepare;  ///< what earlier runs have left behind
  bool machine = false;                                               ///< `Durability::machine`
  bool by_map = false;                                                ///< rather than by the store alone
  long room = -1;                                                     ///< bytes until the disk is full; -1: no limit
};

std::vector<Scenario> all_scenarios();

}  // namespace pararun::testing
