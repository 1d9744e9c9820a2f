#include "fuzz/compare.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>
#include <vector>

#include <pararun/detail/id_list.hpp>
#include <pararun/error.hpp>
#include <pararun/inspect.hpp>
#include <pararun/source.hpp>

#include "fuzz/reference.hpp"
#include "posix/file.hpp"
#include "store/load.hpp"
#include "store/results_store.hpp"

namespace pararun::testing {
namespace {

using store::Admission;
using store::ResultsStore;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
/// A system call for each chunk.
constexpr std::size_t kMostChunks = 512;

void write(const std::filesystem::path& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string compare_number(const std::string& what, std::uint64_t found, std::uint64_t expected) {
  if (found == expected) return {};
  return what + ": " + std::to_string(found) + " instead of " + std::to_string(expected);
}

std::string compare_damage(const std::vector<Damage>& found, const ReferenceFile& expected) {
  const std::size_t count = std::min(expected.damaged.size(), store::kMaxDamage);
  if (found.size() != count) return compare_number("damaged lines told of", found.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    const Damage& damage = found[i];
    if (damage.problem.empty()) return "a damaged line without a problem";
    if (ReferenceFile::Place{damage.offset, damage.length} != expected.damaged[i]) {
      return compare_number("offset of a damaged line", damage.offset, expected.damaged[i].offset) + " " +
             compare_number("length of a damaged line", damage.length, expected.damaged[i].length);
    }
  }
  return {};
}

/// The first of several findings.
std::string first_of(std::initializer_list<std::string> findings) {
  for (const std::string& finding : findings) {
    if (!finding.empty()) return finding;
  }
  return {};
}

std::string compare_recovery(const Recovery& found, const ReferenceFile& expected) {
  return first_of(
      {compare_number("lines", found.lines, expected.lines), compare_number("ids", found.ids, expected.ids.size()),
       compare_number("duplicates", found.duplicates, expected.lines - expected.ids.size()),
       compare_number("foreign", found.foreign, expected.foreign),
       compare_number("damaged", found.damaged, expected.damaged.size()), compare_damage(found.damage, expected),
       compare_number("torn bytes", found.torn_bytes, expected.torn.size()),
       compare_number("torn path", !found.torn_path.empty(), !expected.torn.empty()),
       compare_number("newline added", found.newline_added, expected.newline_added)});
}

std::string fresh_id(const ReferenceFile& file) {
  std::string id = "fresh";
  while (file.ids.contains({false, id})) id += '!';
  return id;
}

/// Every id of the file must be met with `verdict`, and no other one.
std::string compare_admission(ResultsStore& results, const ReferenceFile& expected, Admission verdict) {
  detail::IdList ids;
  for (const ReferenceId& id : expected.ids) {
    ids.add(id.is_integer ? detail::IdKind::integer : detail::IdKind::string, id.text);
  }
  ids.add_string(fresh_id(expected));
  std::vector<Admission> verdicts;
  results.admit(ids, verdicts);
  if (verdicts.back() != Admission::run) return "an id that is in no line is not run";
  verdicts.pop_back();
  const bool all = std::all_of(verdicts.begin(), verdicts.end(), [&](Admission found) { return found == verdict; });
  return all ? "" : "an id of an intact line is run again";
}

std::string compare_torn_file(const std::filesystem::path& path, const ReferenceFile& expected) {
  if (exists(path) != !expected.torn.empty()) return "a torn file where none is expected, or none";
  if (!expected.torn.empty() && read(path) != expected.torn + '\n') return "the torn file holds something else";
  return {};
}

class Files {
 public:
  explicit Files(const std::filesystem::path& directory) : directory_(directory) {
    for (const char* name : {"r.jsonl", "r.torn.jsonl", "r.failed.jsonl", "r.failed.torn.jsonl"}) remove(at(name));
  }

  std::filesystem::path at(const char* name) const { return directory_ / name; }

 private:
  std::filesystem::path directory_;
};

std::string compare_strict_open(const Files& files, const ReferenceFile& expected) {
  try {
    ResultsStore results({.path = files.at("r.jsonl"), .strict = true}, [](store::Settled) {});
    results.finish();
    return compare_recovery(results.recovery(), expected);
  } catch (const CacheDamaged& error) {
    if (expected.damaged.empty()) return "strict refuses an intact file";
    return compare_number("offset of the damage", error.offset(), expected.damaged.front().offset);
  }
}

/// Looking alone, and opening with `strict` what is damaged, must leave the file as it is.
std::string compare_untouched(const Files& files, const ReferenceFile& expected, std::string_view content) {
  const std::filesystem::path path = files.at("r.jsonl");
  std::string difference = compare_recovery(inspect(path), expected);
  if (!difference.empty()) return "inspecting: " + difference;
  if (!expected.damaged.empty()) difference = compare_strict_open(files, expected);
  if (read(path) != content) return "a file that is only looked at was changed";
  if (exists(files.at("r.torn.jsonl"))) return "a file that is only looked at has a torn file";
  return difference;
}

std::string compare_first_open(const Files& files, const ReferenceFile& expected, std::string_view new_line) {
  ResultsStore results({.path = files.at("r.jsonl"), .threads = 2}, [](store::Settled) {});
  std::string difference = first_of(
      {compare_recovery(results.recovery(), expected), compare_admission(results, expected, Admission::skipped)});
  if (!difference.empty()) return difference;
  if (read(files.at("r.jsonl")) != expected.repaired) return "the repaired file holds something else";
  results.append(new_line, {}, {1, 0});
  results.finish();
  return {};
}

}  // namespace

std::string compare_load(const std::filesystem::path& directory, std::string_view content) {
  const Files files(directory);
  const std::filesystem::path path = files.at("r.jsonl");
  write(path, content);
  // What follows the last newline is not loaded.
  const std::string_view lines = content.substr(0, content.rfind('\n') + 1);
  const ReferenceFile expected = read_reference_file(lines);
  const posix::Fd fd = posix::open_regular(path, O_RDWR);
  const store::IdHasher hasher;
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{4096}}) {
    if (content.size() / chunk > kMostChunks) continue;
    const store::LoadLimits limits{.chunk_bytes = chunk};
    const std::string difference = compare_number(
        "end of the last line", store::end_of_last_line(fd.get(), content.size(), path, limits), lines.size());
    if (!difference.empty()) return difference;
    store::SeenSet seen;
    const store::LoadResult found =
        store::load_ids(fd.get(), content.size(), "id", hasher, seen, chunk == 64 ? 2 : 1, path, limits);
    Recovery recovery;
    recovery.lines = found.lines;
    recovery.ids = found.fresh_ids;
    recovery.duplicates = found.lines - found.fresh_ids;
    recovery.foreign = found.foreign;
    recovery.damaged = found.damaged;
    recovery.damage = found.damage;
    const std::string wrong = compare_recovery(recovery, expected);
    if (!wrong.empty()) return "in chunks of " + std::to_string(chunk) + ": " + wrong;
  }
  return {};
}

std::string compare_open(const std::filesystem::path& directory, std::string_view content) {
  const Files files(directory);
  write(files.at("r.jsonl"), content);
  const ReferenceFile expected = read_reference_file(content);
  const std::string id = fresh_id(expected), new_line = "{\"id\":\"" + id + "\"}\n";
  std::string difference = compare_untouched(files, expected, content);
  if (difference.empty()) difference = compare_first_open(files, expected, new_line);
  if (!difference.empty()) return difference;

  const std::string grown = expected.repaired + new_line;
  const ReferenceFile again = read_reference_file(grown);
  if (again.lines != expected.lines + 1 || !again.ids.contains({false, id}))
    return "a line was appended to a part of one";
  const std::string wrong = compare_strict_open(files, again);
  if (!wrong.empty()) return "opened again: " + wrong;
  if (read(files.at("r.jsonl")) != grown) return "opening it again changes the file";
  return compare_torn_file(files.at("r.torn.jsonl"), expected);
}

std::string compare_open_failures(const std::filesystem::path& directory, std::string_view content) {
  const Files files(directory);
  write(files.at("r.jsonl"), "{}\n");
  write(files.at("r.failed.jsonl"), content);
  const ReferenceFile expected = read_reference_file(content);
  {
    ResultsStore results({.path = files.at("r.jsonl"), .retry_failed = false}, [](store::Settled) {});
    const std::string difference = compare_admission(results, expected, Admission::skipped_failed);
    if (!difference.empty()) return "failures: " + difference;
    const std::uint64_t warnings = (expected.torn.empty() ? 0U : 1U) + (expected.damaged.empty() ? 0U : 1U);
    const std::string wrong = compare_number("warnings", results.recovery().warnings.size(), warnings);
    if (!wrong.empty()) return wrong;
    results.finish();
  }
  if (read(files.at("r.failed.jsonl")) != expected.repaired) return "the repaired failures file holds something else";
  if (read(files.at("r.jsonl")) != "{}\n") return "the results file was changed";
  return compare_torn_file(files.at("r.failed.torn.jsonl"), expected);
}

std::string compare_sources(const std::filesystem::path& directory, std::string_view content) {
  const std::filesystem::path path = directory / "input.jsonl";
  write(path, content);
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  Lines lines(path);
  JsonLines values(path);
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    std::string_view line = content.substr(0, end);
    if (end != content.size() && line.ends_with('\r')) line.remove_suffix(1);
    content.remove_prefix(std::min(end + 1, content.size()));
    if (lines.next() != line) return "another line is read";
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const bool is_json = is_reference_json(line, Json::kMaxDepth);
    try {
      if (!values.next()) return "a line of JSON Lines is left out";
      if (!is_json) return "a line is read as a value, and is none";
    } catch (const BadItem&) {
      if (is_json) return "a line is refused that is a value";
    }
  }
  if (lines.next() || values.next()) return "more lines are read than there are";
  return {};
}

std::filesystem::path make_scratch_directory() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code failed;
  const std::filesystem::path parent = ::access(memory.c_str(), W_OK | X_OK) == 0 && is_directory(memory, failed)
                                           ? memory
                                           : std::filesystem::temp_directory_path();
  std::string name = (parent / "pararun-fuzz-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
  return name;
}

}  // namespace pararun::testing
