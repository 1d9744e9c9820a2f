/// The set of ids that need not run again: those an earlier run settled and those this run has met. It holds
/// the hashes alone, 16 bytes each, in 32 tables chosen by the top bits of a hash. Each table grows on its
/// own, so that growing never needs more than a small part of the memory a second time.
#pragma once

#include <array>
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
/// All calls but `load` are for one thread at a time, and not while `load` runs. After `std::bad_alloc` the set is
/// whole and usable; the hashes of that call may be partly in it.
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
  /// while items run cost several times as much.)
  void reserve(std::uint64_t hashes);

  /// Looks up every hash, and adds the fresh ones as met in this run. `found` is as long as `hashes`. Memory
  /// latency is hidden behind the other hashes of the batch: a few hundred at once are much cheaper than one.
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
  /// Its entries are in ascending order with gaps between them, each at its home or behind it without a gap
  /// in between.
  struct Table {
    IdHash* slots = nullptr;
    std::uint32_t count = 0;
    std::uint32_t homes = 0;
    std::uint32_t used = 0;
    std::uint32_t limit = 0;  ///< on `used`

    void prefetch(const IdHash& hash) const noexcept;
    IdHash* find(const IdHash& hash) const noexcept;
    void note_full_tail() noexcept;
  };

  static constexpr std::size_t kTables = 32;

  Table& table_of(const IdHash& hash) noexcept;
  Found insert_one(Table& table, const IdHash& hash, std::uint64_t mark);
  std::uint64_t load_table(Table& table, std::span<const IdHash> hashes);
  void grow(Table& table, std::uint64_t wanted);

  TableMemory& memory_;
  std::array<Table, kTables> tables_;
  std::array<std::mutex, kTables> locks_;
};

}  // namespace pararun::store
