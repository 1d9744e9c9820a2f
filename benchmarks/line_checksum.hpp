/// Tells whether two files hold the same lines, in whatever order, without sorting them.
#pragma once

#include <cstdint>
#include <filesystem>

namespace bench {

struct LineChecksum {
  std::uint64_t lines = 0;
  std::uint64_t sum = 0;  ///< of the lines' hashes

  friend bool operator==(const LineChecksum&, const LineChecksum&) = default;
};

/// Throws `std::runtime_error` if the file cannot be read or does not end with a newline.
LineChecksum checksum_lines(const std::filesystem::path& path);

}  // namespace bench
