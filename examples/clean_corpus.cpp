/// Cleans a corpus of text files: repairs their encoding, normalises them, drops boilerplate and computes MinHash
/// signatures, by which `near_duplicates` then finds the texts that are almost the same. Every file becomes one
/// line of JSON. Stop it, kill it, pull the plug, at any instant: run it again and it goes on where it was.
#include <pararun/pararun.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "corpus/arguments.hpp"
#include "corpus/encoding.hpp"
#include "corpus/minhash.hpp"
#include "corpus/text.hpp"

namespace pr = pararun;
namespace fs = std::filesystem;

namespace {

/// What is recorded of a file, beside its path, which is its id.
struct Document {
  std::string_view encoding = "binary";  ///< of a file that is no text; the rest is empty then
  std::uint64_t bytes = 0;
  std::uint64_t dropped_lines = 0;
  std::uint64_t words = 0;
  corpus::Signature minhash{};
  std::string text{};
};
PARARUN_JSON(Document, encoding, bytes, dropped_lines, words, minhash, text)

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), path);
  std::string bytes(fs::file_size(path), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad()) throw std::system_error(EIO, std::generic_category(), path);
  bytes.resize(static_cast<std::size_t>(file.gcount()));  // the file may have shrunk meanwhile
  return bytes;
}

/// The whole work on one file. An exception is no drama: it becomes a line of the failures file, and the next
/// run tries that file again.
Document clean(const std::string& path) {
  const std::string bytes = read(path);
  const std::optional<corpus::Decoded> decoded = corpus::to_utf8(bytes);
  if (!decoded) return {.bytes = bytes.size()};

  corpus::Kept kept = corpus::drop_boilerplate(corpus::normalise(decoded->text));
  const std::vector<std::string_view> words = corpus::words(kept.text);
  return {.encoding = decoded->encoding,
          .bytes = bytes.size(),
          .dropped_lines = kept.dropped_lines,
          .words = words.size(),
          .minhash = corpus::minhash(words),
          .text = std::move(kept.text)};
}

/// Whether `file` is one that this program writes: `corpus.jsonl`, `corpus.failed.jsonl` and so on.
bool is_output(const fs::path& file, const fs::path& results) {
  return file.filename().native().starts_with(results.stem().native() + ".") &&
         fs::absolute(file).lexically_normal().parent_path() == fs::absolute(results).lexically_normal().parent_path();
}

/// The paths of the files to clean, in order. Symbolic links would only make copies.
std::vector<std::string> list_files(const corpus::Arguments& arguments) {
  std::vector<std::string> files;
  for (const fs::path& directory : arguments.directories) {
    for (const fs::path& file : pr::files(directory)) {
      std::error_code vanished;
      const bool fits = fs::file_size(file, vanished) <= arguments.max_bytes && !vanished;
      if (fits && !fs::is_symlink(file) && !is_output(file, arguments.results)) files.push_back(file);
    }
  }
  std::ranges::sort(files);
  files.resize(std::min<std::uint64_t>(files.size(), arguments.limit));
  return files;
}

}  // namespace

int main(int argc, char** argv) try {
  const corpus::Arguments arguments = corpus::parse_arguments(argc, argv);
  if (arguments.help) {
    std::cout << corpus::kUsage;
    return 0;
  }

  const std::vector<std::string> files = list_files(arguments);
  const pr::Report report =
      pr::map(clean, files, {.n_workers = arguments.workers, .cache_path = arguments.results, .handle_signals = true});

  std::cerr << report << '\n';
  return report.exit_code();
} catch (const corpus::UsageError& error) {
  std::cerr << "clean_corpus: " << error.what() << "\n\n" << corpus::kUsage;
  return 2;
} catch (const std::exception& error) {
  std::cerr << "clean_corpus: " << error.what() << '\n';
  return 2;
}
