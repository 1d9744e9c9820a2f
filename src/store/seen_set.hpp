/// The set of ids that need not run again: those an earlier run settled and those this run has met. It holds
/// the hashes alone, 16 bytes each, in 32 tables chosen by the top bits of a hash. Each table grows on its
/// own, so that growing never needs more than a small part of the memory a second time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "store/id_hash.hpp"

namespace pararun::store {

/// Where the tables' memory comes from. Safe from several threads.
class TableMemory {
 public:
  virtual ~TableMemory() = default;

  /// As `std::realloc`, but that it throws `std::bad_alloc`; null and 0 stand for a first block.
  virtual void* enlarge(void* memory, std::size_t bytes, std::size_t larger);

  /// Takes back a block of `bytes`.
  virtual void release(void* memory, std::size_t bytes) noexcept;
};

/// Made for the hashes of an `IdHasher`; others, whose first bits are alike, can make it grow without end.
/// All calls but `load` and `prefetch` are for one thread at a time, and not while `load` runs. After `std::bad_alloc`
/// the set is whole and usable; the hashes of that call may be partly in it.
class SeenSet {
 public:
  enum class Found : std::uint8_t {
    fresh,        ///< not in the set before
    this_run,     ///< inserted before
    earlier_run,  ///< loaded before; whether it was inserted as well makes no difference
  };

  SeenSet();

  /// `memory` must outlive the set.
  explicit SeenSet(TableMemory& memory);

  ~SeenSet();
  SeenSet(const SeenSet&) = delete;
  SeenSet& operator=(const SeenSet&) = delete;

  /// Makes room for so many hashes altogether, to save growing. Room is made for 12 million at most, 256 MB: who
  /// expects more may stop before they have come. (It is cleared at once: pages that are touched for the first time
  /// while items run cost several times as much.) At most `threads` threads do it together.
  void reserve(std::uint64_t hashes, unsigned threads);

  /// Has the memory fetched that hashes need which are about to be inserted: latency is hidden where there are many, a
  /// few hundred at once. Changes nothing else. Safe from several threads, also beside any other call.
  void prefetch(std::span<const IdHash> hashes) const noexcept;

  /// Looks up every hash, and adds the fresh ones as met in this run. `found` is as long as `hashes`.
  void insert(std::span<const IdHash> hashes, std::span<Found> found);

  /// Adds hashes as settled by an earlier run; one that is in the set already stays as it is. Returns how many
  /// were new. Safe from several threads at once; best with many thousands a call.
  std::uint64_t load(std::span<const IdHash> hashes);

  bool contains(IdHash hash) const noexcept;

  /// Different hashes in the set.
  std::uint64_t size() const noexcept;

  /// All that the set occupies now, itself included.
  std::size_t memory_bytes() const noexcept;

 private:
  /// Where a table lies: slots that hold its entries in ascending order with gaps between them, each at its home or
  /// behind it without a gap in between. Changes only where the table grows; `prefetch` may read it at any time.
  struct Place {
    std::atomic<IdHash*> slots{nullptr};
    std::atomic<std::uint32_t> homes{0};

    IdHash* home(const IdHash& hash) const noexcept;
    IdHash* find(const IdHash& hash) const noexcept;
  };

  struct Fill {
    std::uint32_t count = 0;  ///< of slots
    std::uint32_t used = 0;
    std::uint32_t limit = 0;  ///< on `used`
  };

  static constexpr std::size_t kTables = 32;

  Found insert_one(std::size_t table, const IdHash& hash, std::uint64_t mark);
  std::uint64_t load_table(std::size_t table, std::span<const IdHash> hashes);
  void grow(std::size_t table, std::uint64_t wanted);
  void note_full_tail(std::size_t table) noexcept;

  TableMemory& memory_;
  // Apart, so that a thread which reads the places does not wait for cache lines that another one's insertions write.
  alignas(64) std::array<Place, kTables> places_;
  alignas(64) std::array<Fill, kTables> fills_;
  std::array<std::mutex, kTables> locks_;
};

}  // namespace pararun::store
