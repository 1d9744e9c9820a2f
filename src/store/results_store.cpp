#include "store/results_store.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <pararun/error.hpp>

#include "posix/file.hpp"
#include "posix/signals.hpp"
#include "store/load.hpp"
#include "store/lock.hpp"
#include "store/recovery.hpp"
#include "store/scan.hpp"
#include "store/seen_set.hpp"
#include "store/survey.hpp"
#include "store/writer.hpp"

namespace pararun::store {

std::filesystem::path failures_path(const std::filesystem::path& results_path) {
  return with_infix(results_path, ".failed");
}

struct ResultsStore::Parts {
  explicit Parts(StoreOptions chosen)
      : options(std::move(chosen)),
        results(open_locked(options.path)),
        failures(open_locked(failures_path(options.path))) {}

  void recover();
  void load_failures(std::uint64_t size);
  void note_torn_failures(const Repair& repair);

  const StoreOptions options;
  const LockedFile results;
  const LockedFile failures;
  const IdHasher hasher;
  Recovery recovery;
  SeenSet seen;
  std::optional<SeenSet> failed_earlier;
  std::vector<IdHash> hashes;
  std::vector<SeenSet::Found> found;
  std::optional<Writer> writer;
};

void ResultsStore::Parts::recover() {
  const posix::FileSizeSignalBlocked blocked;
  recovery = survey(results.fd.get(), results.path, options.key_field, hasher, seen, options.threads);
  if (options.strict && recovery.damaged != 0) {
    const Damage& first = recovery.damage.front();
    throw CacheDamaged(results.path, first.offset, first.problem);
  }
  for (const LockedFile* file : {&results, &failures}) {
    std::ranges::move(file_warnings(file->fd.get(), file->path), std::back_inserter(recovery.warnings));
  }
  LineScanner scanner(options.key_field);
  const Repair repair = repair_tail(results, scanner);
  const Repair failures_repair = repair_tail(failures, scanner);
  note_torn_failures(failures_repair);
  // Without results nothing is known about old failures either: the user began anew.
  if (!options.retry_failed && repair.lines_end != 0) load_failures(failures_repair.lines_end);
  if (options.durability == Durability::machine) {
    // Skipping an item says that its result is safe, which the run that wrote it need not have seen to.
    for (const LockedFile* file : {&results, &failures}) {
      posix::sync(file->fd.get(), file->path);
      posix::sync_name(file->path);
    }
  }
}

void ResultsStore::Parts::load_failures(std::uint64_t size) {
  const LoadResult loaded = load_ids(failures.fd.get(), size, options.key_field, hasher, failed_earlier.emplace(),
                                     options.threads, failures.path);
  if (loaded.damaged != 0) {
    recovery.warnings.push_back(failures.path.string() + " has " + std::to_string(loaded.damaged) +
                                " damaged line(s): the items they tell of are run again");
  }
}

void ResultsStore::Parts::note_torn_failures(const Repair& repair) {
  if (repair.torn_bytes == 0) return;
  recovery.warnings.push_back(failures.path.string() + " ended in the middle of a line: its " +
                              std::to_string(repair.torn_bytes) + " byte(s) were moved to " +
                              repair.torn_path.string());
}

ResultsStore::ResultsStore(StoreOptions options, std::function<void(Settled)> on_commit)
    : parts_(std::make_unique<Parts>(std::move(options))) {
  const StoreOptions& chosen = parts_->options;
  try {
    parts_->recover();
    // Most of them may be there already.
    if (chosen.expected_ids > parts_->seen.size()) parts_->seen.reserve(chosen.expected_ids, chosen.threads);
  } catch (const std::bad_alloc&) {
    // A line of a gigabyte, or more ids than there is memory for: it must be known which file that was.
    posix::fail("cannot read", chosen.path, ENOMEM);
  }
  parts_->writer.emplace(parts_->results, parts_->failures,
                         Writer::Settings{chosen.durability, chosen.flush_interval, chosen.full_disk_wait},
                         std::move(on_commit));
}

ResultsStore::~ResultsStore() = default;

const Recovery& ResultsStore::recovery() const noexcept { return parts_->recovery; }

void ResultsStore::admit(const detail::IdList& ids, std::vector<Admission>& out) {
  hash(ids, parts_->hashes);
  admit(parts_->hashes, out);
}

void ResultsStore::hash(const detail::IdList& ids, std::vector<IdHash>& out) const {
  out.resize(ids.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = parts_->hasher(ids[i]);
  parts_->seen.prefetch(out);
  if (parts_->failed_earlier) parts_->failed_earlier->prefetch(out);
}

void ResultsStore::admit(std::span<const IdHash> hashes, std::vector<Admission>& out) {
  Parts& parts = *parts_;
  parts.found.resize(hashes.size());
  out.resize(hashes.size());
  parts.seen.insert(hashes, parts.found);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (parts.found[i] == SeenSet::Found::earlier_run) {
      out[i] = Admission::skipped;
    } else if (parts.failed_earlier && parts.failed_earlier->contains(hashes[i])) {
      out[i] = Admission::skipped_failed;
    } else {
      out[i] = parts.found[i] == SeenSet::Found::fresh ? Admission::run : Admission::duplicate;
    }
  }
}

void ResultsStore::append(std::string_view lines, std::string_view failure_lines, Settled settled) {
  parts_->writer->append(lines, failure_lines, settled);
}

bool ResultsStore::failed() const noexcept { return parts_->writer->failed(); }

void ResultsStore::finish() { parts_->writer->finish(); }

}  // namespace pararun::store
