/// The results file and the failures file beside it, as the job sees them: opened and locked together,
/// repaired, their ids loaded, and from then on appended to by one thread of the store's own.
/// `FORMAT.md` is the contract of what is in the files.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pararun/detail/id_list.hpp>
#include <pararun/options.hpp>
#include <pararun/report.hpp>

#include "store/id_hash.hpp"

namespace pararun::store {

/// How many items the lines of one `append`, or of one commit, settle.
struct Settled {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;

  Settled& operator+=(const Settled& other) noexcept {
    succeeded += other.succeeded;
    failed += other.failed;
    return *this;
  }
  friend bool operator==(const Settled&, const Settled&) = default;
};

/// The fields that share a name with one of `Options` mean the same.
struct StoreOptions {
  std::filesystem::path path{};  ///< of the results file; the failures file is `failures_path(path)`
  std::string key_field = "id";
  Durability durability = Durability::process;
  std::chrono::milliseconds flush_interval{50};
  bool strict = false;
  bool retry_failed = true;
  unsigned threads = 1;            ///< to load ids and to make room for them with
  std::uint64_t expected_ids = 0;  ///< that will be admitted, as far as is known
  std::chrono::milliseconds full_disk_wait{
      5000};  ///< how long lines wait for room on a full disk before that is an error
};

/// What is to become of an item.
enum class Admission : std::uint8_t {
  run,
  duplicate,       ///< its id was admitted earlier in this run
  skipped,         ///< an earlier run has its result
  skipped_failed,  ///< it failed in an earlier run and `retry_failed` is off
};

/// `results.jsonl` gives `results.failed.jsonl`; a name without an extension gets `.failed` appended.
std::filesystem::path failures_path(const std::filesystem::path& results_path);

class ResultsStore {
 public:
  /// Opens and locks both files, repairs their ends and loads the ids. Throws `CacheLocked`, `CacheDamaged`
  /// or `StoreError`; both files then exist at most, with their ends repaired, and are otherwise untouched.
  ///
  /// `on_commit` is called on the store's thread after each group of lines has become as safe as `durability`
  /// asks, never by two threads at once, and must not throw. It may still be called while `finish` or the
  /// destructor runs, and never afterwards.
  ResultsStore(StoreOptions options, std::function<void(Settled)> on_commit);

  /// Releases the files. Lines that were not committed are dropped.
  ~ResultsStore();

  ResultsStore(const ResultsStore&) = delete;
  ResultsStore& operator=(const ResultsStore&) = delete;

  const Recovery& recovery() const noexcept;

  /// Fills `out`, which is cleared first, with one verdict for each id, and remembers the ids. One thread at a time.
  void admit(const detail::IdList& ids, std::vector<Admission>& out);

  /// The two halves of that. Any thread may hash, which also prefetches what looking up the hashes will read.
  void hash(const detail::IdList& ids, std::vector<IdHash>& out) const;
  void admit(std::span<const IdHash> hashes, std::vector<Admission>& out);

  /// Takes whole lines with their newlines; either may be empty. Copies them into a bounded buffer, and waits
  /// only while that is full. After an error the lines are dropped, uncounted. Any thread.
  void append(std::string_view lines, std::string_view failure_lines, Settled settled);

  /// Whether a write or a sync has failed for good: take no more items, and let `finish` say why. Any thread.
  bool failed() const noexcept;

  /// Commits everything that was appended and ends the store's thread. Throws the first `StoreError`. The files
  /// stay locked until the destructor. Nothing may be appended afterwards.
  void finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace pararun::store
