/// Jobs in worker processes, for tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/options.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pararun::testing {

inline Options in_processes(const TempDir& dir) {
  return {.n_workers = 2, .cache_path = dir / "r.jsonl", .backend = Backend::process, .progress = Progress::none};
}

/// From 0.
inline std::vector<int> numbers(int count) {
  std::vector<int> items(static_cast<std::size_t>(count));
  std::iota(items.begin(), items.end(), 0);
  return items;
}

/// Checks that each result is what `expected` makes of the item beside it.
template <class Fn>
void check_results(const std::filesystem::path& path, Fn expected) {
  for (const Json& line : values_in(path)) {
    const int item = line.get<int>("id");
    INFO("item " << item);
    CHECK(line["result"] == expected(item));
  }
}

/// As `ids_in` tells them, sorted.
inline std::vector<std::string> ids(const std::vector<int>& items) {
  std::vector<std::string> texts;
  for (const int item : items) texts.push_back(std::to_string(item));
  return sorted(texts);
}

}  // namespace pararun::testing
