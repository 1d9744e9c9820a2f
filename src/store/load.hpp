/// Fills the set of settled ids from a results file, on several threads and in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <pararun/report.hpp>

#include "store/id_hash.hpp"
#include "store/scan.hpp"
#include "store/seen_set.hpp"

namespace pararun::store {

/// What a file held. Blank lines count nowhere.
struct LoadResult {
  std::uint64_t lines = 0;      ///< intact ones that hold an id
  std::uint64_t fresh_ids = 0;  ///< of these, ids that the set did not hold
  std::uint64_t foreign = 0;    ///< intact ones that hold none
  std::uint64_t damaged = 0;
  std::vector<Damage> damage;  ///< the first `kMaxDamage` of the damaged ones, by offset
};

inline constexpr std::size_t kMaxDamage = 100;

/// For tests to make small.
struct LoadLimits {
  std::size_t chunk_bytes = std::size_t{256} << 10;  ///< read at once by a thread
  std::uint64_t longest_line = kLongestLine;
};

/// Reads the lines in the first `size` bytes of `fd` and loads their ids into `set`. What follows the last
/// newline before `size` is ignored, and so is a byte-order mark at the very beginning. The result does not
/// depend on `threads`, of which there may be fewer: small files are read by the caller alone. Holds a chunk
/// and as much again in hashes for each thread, and of all the lines longer than a chunk one at a time.
///
/// Throws `StoreError`, which names `path_for_errors`, where reading fails or the file is shorter than `size`;
/// the set then holds some of the ids.
LoadResult load_ids(int fd, std::uint64_t size, const std::string& key_field, const IdHasher& hasher, SeenSet& set,
                    unsigned threads, const std::filesystem::path& path_for_errors, LoadLimits limits = {});

/// The offset just after the last newline in the first `size` bytes of `fd`; 0 if there is none. Throws as
/// `load_ids` does.
std::uint64_t end_of_last_line(int fd, std::uint64_t size, const std::filesystem::path& path_for_errors,
                               LoadLimits limits = {});

}  // namespace pararun::store
