/// Looks at a results file without touching it.
#pragma once

#include <filesystem>
#include <string>

#include <pararun/report.hpp>

namespace pararun {

/// What a job that opened the results file now would find and do: the lines, ids, duplicates and damaged lines
/// with their offsets; an unfinished last line that it would cut off (`torn_bytes`) and where it would keep the
/// bytes (`torn_path`), or a newline that it would add. The same code finds it for the job. Nothing is written,
/// created or locked; of a file that a job is writing to, it is a snapshot. A missing file is an empty one.
///
/// Throws `StoreError` where the file cannot be read or is none, `OptionsError` for an empty `key_field`.
Recovery inspect(const std::filesystem::path& cache_path, const std::string& key_field = "id");

}  // namespace pararun
