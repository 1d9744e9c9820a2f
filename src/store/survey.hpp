/// What is in a results file, found by looking alone: recovery acts on it, `inspect` tells of it.
#pragma once

#include <filesystem>
#include <string>

#include <pararun/report.hpp>

#include "store/id_hash.hpp"
#include "store/seen_set.hpp"

namespace pararun::store {

/// Loads the ids of all intact lines into `set`, an intact last line without its newline included. What is
/// returned says of the end of the file what a repair would do: `torn_bytes` and `torn_path`, or `newline_added`.
/// Throws `StoreError`.
Recovery survey(int fd, const std::filesystem::path& path, const std::string& key_field, const IdHasher& hasher,
                SeenSet& set, unsigned threads);

}  // namespace pararun::store
