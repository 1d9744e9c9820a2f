/// What someone would write who has oneTBB and RapidJSON and no library above them: a pipeline that carries one item a
/// token. It cannot be resumed, an exception ends it, and nobody is told how far it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace bench {

struct BareSettings {
  std::size_t n_workers = 2;
  std::filesystem::path path;
  bool checks_ids = false;  ///< leaves out ids met before, which takes a std::unordered_set
};

/// Runs `work` on the ids of `items` items and writes `{"id":…,"result":…}` for each to `path`.
void run_bare_pipeline(std::uint64_t items, const BareSettings& settings, std::string (*id)(std::uint64_t),
                       std::size_t (*work)(const std::string&));

}  // namespace bench
