/// Draws at random how a job is run and what happens to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>
#include <vector>

namespace pararun::testing {

using Random = std::mt19937_64;

/// 0 if the bound is 0.
inline std::uint64_t below(Random& random, std::uint64_t bound) { return bound == 0 ? 0 : random() % bound; }

inline std::string any_of(Random& random, const std::vector<std::string>& words) {
  return words[below(random, words.size())];
}

/// The arguments of `crash_job`.
using Words = std::vector<std::string>;

inline std::string joined(const Words& words) {
  std::string all;
  for (const std::string& word : words) all += word + " ";
  return all;
}

/// 0 if there is no such file.
inline std::uint64_t size_of(const std::filesystem::path& path) {
  std::error_code missing;
  const std::uintmax_t size = std::filesystem::file_size(path, missing);
  return missing ? 0 : size;
}

}  // namespace pararun::testing
