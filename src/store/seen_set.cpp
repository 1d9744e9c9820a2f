#include "store/seen_set.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <utility>
#include <vector>

#include "store/work_together.hpp"

namespace pararun::store {
namespace {

// From here on a table has pages of its own: what it outgrows goes back to the system at once, where a heap
// would keep holes of a size that nobody asks for again.
constexpr std::size_t kOwnPages = std::size_t{64} << 10;
constexpr std::size_t kPage = 4096;

// ThreadSanitizer does not know mremap, and would mistake a block for another one that lay there before.
#if defined(__SANITIZE_THREAD__)
constexpr bool kCanMovePages = false;
#elif defined(__has_feature)
constexpr bool kCanMovePages = !__has_feature(thread_sanitizer);
#else
constexpr bool kCanMovePages = true;
#endif

// Fewer slots would leave none behind the last home.
constexpr std::uint32_t kFirstCount = 8;
constexpr std::uint64_t kMostReserved = 12'000'000;
constexpr std::uint64_t kShare = std::uint64_t{4} << 20;  // bytes that are worth a thread to clear them

// How many hashes are loaded at once: their memory comes in the time of one.
constexpr std::size_t kGroup = 32;

constexpr std::uint64_t kThisRun = 1;

bool is_empty(const IdHash& slot) noexcept { return slot.high == 0; }

bool holds(const IdHash& slot, const IdHash& hash) noexcept {
  return slot.high == hash.high && (slot.low & ~kThisRun) == hash.low;
}

// A mark is too small to change the order.
bool comes_before(const IdHash& slot, const IdHash& hash) noexcept {
  return slot.high < hash.high || (slot.high == hash.high && slot.low < hash.low);
}

std::size_t table_index(const IdHash& hash) noexcept { return hash.high >> 59; }

// Grows with the hash at any number of homes, which keeps a table in order.
std::uint32_t home_of(const IdHash& hash, std::uint32_t homes) noexcept {
  const std::uint64_t fraction = (hash.high >> 27) & 0xffffffffU;
  return static_cast<std::uint32_t>((fraction * homes) >> 32);
}

// The slots behind the last home take what is pushed past it, so that nothing ever wraps around. Never fewer in
// a larger table.
std::uint32_t tail_of(std::uint32_t count) noexcept { return std::min(count / 4, std::uint32_t{32}); }

std::size_t unit_of(std::size_t bytes) noexcept { return bytes < kOwnPages ? sizeof(IdHash) : kPage; }

// Of what is wanted, as many slots as fill whole units of memory.
std::uint32_t rounded_count(std::uint64_t wanted) {
  if (wanted > std::numeric_limits<std::uint32_t>::max()) throw std::bad_alloc();
  const std::size_t bytes = wanted * sizeof(IdHash);
  return static_cast<std::uint32_t>((bytes - bytes % unit_of(bytes)) / sizeof(IdHash));
}

void* map_pages(std::size_t bytes) {
  void* const pages = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return pages;
}

TableMemory& system_memory() {
  static TableMemory memory;
  return memory;
}

}  // namespace

void* TableMemory::enlarge(void* memory, std::size_t bytes, std::size_t larger) {
  if (larger < kOwnPages) {
    void* const enlarged = std::realloc(memory, larger);
    if (enlarged == nullptr) throw std::bad_alloc();
    return enlarged;
  }
  if (kCanMovePages && bytes >= kOwnPages) {
    void* const moved = ::mremap(memory, bytes, larger, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) throw std::bad_alloc();
    return moved;
  }
  void* const pages = map_pages(larger);
  if (memory != nullptr) {
    std::memcpy(pages, memory, bytes);
    TableMemory::release(memory, bytes);
  }
  return pages;
}

void TableMemory::release(void* memory, std::size_t bytes) noexcept {
  if (bytes < kOwnPages) {
    std::free(memory);
  } else {
    ::munmap(memory, bytes);
  }
}

SeenSet::SeenSet() : SeenSet(system_memory()) {}

SeenSet::SeenSet(TableMemory& memory) : memory_(memory) {}

SeenSet::~SeenSet() {
  for (std::size_t i = 0; i < kTables; ++i) {
    if (fills_[i].count != 0) memory_.release(places_[i].slots, fills_[i].count * sizeof(IdHash));
  }
}

void SeenSet::reserve(std::uint64_t hashes, unsigned threads) {
  const auto each = static_cast<double>(std::min(hashes, kMostReserved)) / kTables;
  // Some tables get more than others; more by four standard deviations, one of thousands.
  const auto most = static_cast<std::uint64_t>(each + 4 * std::sqrt(each));
  // Slots of which three quarters are used.
  const std::uint64_t least = std::max<std::uint64_t>(most + most / 3 + 2, kFirstCount);
  const std::uint64_t wanted = least + unit_of(least * sizeof(IdHash)) / sizeof(IdHash) - 1;
  const std::uint64_t useful = std::min<std::uint64_t>(threads, least * kTables * sizeof(IdHash) / kShare);
  std::atomic<std::size_t> next{0};
  work_together(static_cast<unsigned>(useful), [&]() noexcept {
    try {
      for (std::size_t table = 0; (table = next++) < kTables;) {
        if (wanted > fills_[table].count) grow(table, wanted);
      }
    } catch (const std::bad_alloc&) {
      // They may never come, and if they do, there may be memory by then.
    }
  });
}

// In a loop of its own: between the computations of hashes, or insertions, prefetches take several times as long.
void SeenSet::prefetch(std::span<const IdHash> hashes) const noexcept {
  constexpr std::size_t kWay = 3;  // from an entry's home to its place as a rule, and often into the next cache line
  for (const IdHash& hash : hashes) {
    if (const IdHash* const home = places_[table_index(hash)].home(hash)) {
      __builtin_prefetch(home, 1);
      __builtin_prefetch(home + kWay, 1);
    }
  }
}

void SeenSet::insert(std::span<const IdHash> hashes, std::span<Found> found) {
  for (std::size_t i = 0; i < hashes.size(); ++i) found[i] = insert_one(table_index(hashes[i]), hashes[i], kThisRun);
}

std::uint64_t SeenSet::load(std::span<const IdHash> hashes) {
  if (hashes.empty()) return 0;
  std::array<std::size_t, kTables> ends{};
  for (const IdHash& hash : hashes) ++ends[table_index(hash)];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  std::vector<IdHash> grouped(hashes.size());
  std::array<std::size_t, kTables> begins = ends;
  for (const IdHash& hash : hashes) grouped[--begins[table_index(hash)]] = hash;

  // Threads begin at different tables, so that they do not queue for the same locks.
  const std::size_t first = table_index(hashes.front());
  std::uint64_t fresh = 0;
  for (std::size_t i = 0; i < kTables; ++i) {
    const std::size_t table = (first + i) % kTables;
    const std::size_t count = ends[table] - begins[table];
    if (count == 0) continue;
    const std::lock_guard lock(locks_[table]);
    fresh += load_table(table, std::span(grouped).subspan(begins[table], count));
  }
  return fresh;
}

std::uint64_t SeenSet::load_table(std::size_t table, std::span<const IdHash> hashes) {
  const std::uint32_t used_before = fills_[table].used;
  while (!hashes.empty()) {
    const std::span<const IdHash> group = hashes.first(std::min(hashes.size(), kGroup));
    prefetch(group);
    for (const IdHash& hash : group) insert_one(table, hash, 0);
    hashes = hashes.subspan(group.size());
  }
  return fills_[table].used - used_before;
}

bool SeenSet::contains(IdHash hash) const noexcept {
  const std::size_t table = table_index(hash);
  return fills_[table].count != 0 && holds(*places_[table].find(hash), hash);
}

std::uint64_t SeenSet::size() const noexcept {
  std::uint64_t total = 0;
  for (const Fill& fill : fills_) total += fill.used;
  return total;
}

std::size_t SeenSet::memory_bytes() const noexcept {
  std::size_t total = sizeof *this;
  for (const Fill& fill : fills_) total += fill.count * sizeof(IdHash);
  return total;
}

IdHash* SeenSet::Place::home(const IdHash& hash) const noexcept {
  // In this order: of a table that grows meanwhile, old homes lie within the new slots too.
  const std::uint32_t count = homes.load(std::memory_order_acquire);
  return slots.load(std::memory_order_relaxed) + home_of(hash, count);
}

IdHash* SeenSet::Place::find(const IdHash& hash) const noexcept {
  IdHash* slot = home(hash);
  while (!is_empty(*slot) && comes_before(*slot, hash)) ++slot;
  return slot;
}

SeenSet::Found SeenSet::insert_one(std::size_t table, const IdHash& hash, std::uint64_t mark) {
  Fill& fill = fills_[table];
  while (fill.used == fill.limit) {
    grow(table, std::max<std::uint64_t>(kFirstCount, std::uint64_t{fill.count} + fill.count / 2));
  }
  IdHash* slot = places_[table].find(hash);
  if (holds(*slot, hash)) return (slot->low & kThisRun) != 0 ? Found::this_run : Found::earlier_run;
  IdHash carried{hash.high, hash.low | mark};
  for (; !is_empty(*slot); ++slot) std::swap(carried, *slot);
  *slot = carried;
  ++fill.used;
  note_full_tail(table);
  return Found::fresh;
}

// The entries move to the end of the larger table and from there to their places, first to last. None ever
// overtakes those still to be moved: with d more homes no home moves by more than d, so no place does either.
void SeenSet::grow(std::size_t table, std::uint64_t wanted) {
  Place& place = places_[table];
  Fill& fill = fills_[table];
  const std::uint32_t count = rounded_count(wanted);
  auto* const slots =
      static_cast<IdHash*>(memory_.enlarge(place.slots, fill.count * sizeof(IdHash), count * sizeof(IdHash)));
  const std::uint32_t shift = count - fill.count;
  std::copy_backward(slots, slots + fill.count, slots + count);
  std::fill_n(slots, shift, IdHash{});
  const std::uint32_t homes = count - tail_of(count);
  place.slots.store(slots, std::memory_order_relaxed);
  place.homes.store(homes, std::memory_order_release);
  fill.count = count;
  fill.limit = count - count / 4;

  std::uint32_t next = 0;
  for (std::uint32_t from = shift; from < count; ++from) {
    const IdHash entry = std::exchange(slots[from], IdHash{});
    const std::uint32_t to = std::max(next, home_of(entry, homes));
    slots[to] = entry;
    next = is_empty(entry) ? next : to + 1;
  }
  note_full_tail(table);
}

void SeenSet::note_full_tail(std::size_t table) noexcept {
  Fill& fill = fills_[table];
  if (!is_empty(places_[table].slots[fill.count - 2])) fill.limit = fill.used;
}

}  // namespace pararun::store
