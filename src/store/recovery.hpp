/// The end of a file that a killed run left behind. Lines are only ever appended, so all that a death of the
/// process can do is to leave the last line unfinished. A prefix of an object is no object: that tells an
/// unfinished line from one that lacks its newline alone.
#pragma once

#include <cstdint>
#include <filesystem>

#include "store/lock.hpp"
#include "store/scan.hpp"

namespace pararun::store {

/// What follows the last newline.
struct Tail {
  enum class Kind : std::uint8_t {
    none,    ///< the file is empty or ends with a newline
    intact,  ///< an object; only the newline is missing
    torn,    ///< anything else
  };
  Kind kind = Kind::none;
  std::uint64_t begin = 0;   ///< where it begins
  std::uint64_t length = 0;  ///< up to the end of the file
};

/// Looks, and changes nothing. Holds a tail in memory only if it begins and ends as an object may, and is no longer
/// than a line may be.
Tail examine_tail(int fd, const std::filesystem::path& path, LineScanner& scanner);

/// What `repair_tail` has done.
struct Repair {
  std::uint64_t lines_end = 0;  ///< the file's finished lines end here
  std::uint64_t torn_bytes = 0;
  std::filesystem::path torn_path;  ///< empty if nothing was torn
  bool newline_added = false;
};

/// Makes the file end with a newline, or empty: an intact tail gets its newline, a torn one is copied to
/// `torn_path(path)`, and only when the copy is on the disk is it cut off. Where the file may only grow (the
/// append-only attribute) the torn bytes get a newline instead and stay as a damaged line behind `lines_end`.
/// Everything done is on the disk on return. Killed at any point, the next call finishes the work; the copy may
/// then be there twice. Throws `StoreError`; the file is then unchanged, or else repaired but not on the disk.
Repair repair_tail(const LockedFile& file, LineScanner& scanner);

/// `results.jsonl` gives `results.torn.jsonl`.
std::filesystem::path torn_path(const std::filesystem::path& path);

/// The path with `word` before its extension, or at its end if it has none.
std::filesystem::path with_infix(const std::filesystem::path& path, const char* word);

}  // namespace pararun::store
