#include "line_checksum.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <xxhash.h>

namespace bench {

LineChecksum checksum_lines(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string buffer(std::size_t{1} << 20, '\0');
  std::size_t kept = 0;  // of an unfinished line, at the front of the buffer
  LineChecksum checksum;
  while (file.read(buffer.data() + kept, static_cast<std::streamsize>(buffer.size() - kept)) || file.gcount() > 0) {
    std::string_view rest(buffer.data(), kept + static_cast<std::size_t>(file.gcount()));
    for (std::size_t end = 0; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
      ++checksum.lines;
      checksum.sum += XXH3_64bits(rest.data(), end);
    }
    kept = rest.size();
    std::ranges::copy(rest, buffer.begin());
    if (kept == buffer.size()) throw std::runtime_error(path.string() + ": a line is longer than a MiB");
  }
  if (kept != 0 || !file.eof()) throw std::runtime_error(path.string() + ": cannot be read, or has a torn last line");
  return checksum;
}

}  // namespace bench
