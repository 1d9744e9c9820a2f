/// The command line of `clean_corpus`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace corpus {

struct Arguments {
  std::vector<std::filesystem::path> directories;
  std::filesystem::path results = "corpus.jsonl";
  std::uint64_t workers = 0;
  std::uint64_t max_bytes = std::uint64_t{1} << 20;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  bool help = false;
};

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

extern const std::string_view kUsage;

/// Throws `UsageError` if the command line makes no sense. Without a directory on it, the directories are
/// those of the documentation, licences and headers of a Debian machine that exist here.
Arguments parse_arguments(int argc, char** argv);

}  // namespace corpus
