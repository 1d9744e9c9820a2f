#include "corpus/arguments.hpp"

#include <charconv>
#include <string>
#include <system_error>

namespace corpus {
namespace {

constexpr const char* kDefaultDirectories[] = {"/usr/include", "/usr/share/common-licenses", "/usr/share/doc"};

std::uint64_t to_number(std::string_view option, std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw UsageError(std::string(option) + " takes a number, not '" + std::string(text) + "'");
  }
  return number;
}

}  // namespace

const std::string_view kUsage =
    R"(usage: clean_corpus [DIRECTORY...] [--results FILE] [--workers N] [--max-bytes N] [--limit N]

Cleans every text file below the directories (by default the documentation, licences
and headers of this machine) and writes one line of JSON for each. Run it again after
it was stopped, in whatever way: files that were finished are not cleaned again.

  --results FILE   where the lines go, corpus.jsonl by default; failures go to FILE with
                   .failed before its extension
  --workers N      files cleaned at once; by default as many as this process has CPUs
  --max-bytes N    leave out files larger than this, 1048576 by default
  --limit N        take only the first N files, by the order of their paths

Exit status: 0 all is well, 1 some files failed, 2 it could not run,
75 it was stopped and has work left.
)";

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help" || name == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (!name.starts_with('-')) {
      arguments.directories.emplace_back(name);
      continue;
    }
    const bool known = name == "--results" || name == "--workers" || name == "--max-bytes" || name == "--limit";
    if (!known) throw UsageError("unknown option " + std::string(name));
    if (++i == argc) throw UsageError(std::string(name) + " needs a value");
    const std::string_view value = argv[i];
    if (name == "--results") arguments.results = value;
    if (name == "--workers") arguments.workers = to_number(name, value);
    if (name == "--max-bytes") arguments.max_bytes = to_number(name, value);
    if (name == "--limit") arguments.limit = to_number(name, value);
  }
  if (arguments.directories.empty()) {
    for (const std::filesystem::path directory : kDefaultDirectories) {
      if (std::filesystem::is_directory(directory)) arguments.directories.push_back(directory);
    }
  }
  return arguments;
}

}  // namespace corpus
