#include "store/seen_set.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace pararun::store;
using Found = SeenSet::Found;

namespace {

/// Hashes that a good hash function could give, from `seed` on.
std::vector<IdHash> random_hashes(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<IdHash> hashes(count);
  for (IdHash& hash : hashes) hash = {std::max<std::uint64_t>(random(), 1), random() & ~std::uint64_t{1}};
  return hashes;
}

std::vector<Found> insert(SeenSet& set, const std::vector<IdHash>& hashes) {
  std::vector<Found> found(hashes.size());
  set.insert(hashes, found);
  return found;
}

Found insert(SeenSet& set, IdHash hash) { return insert(set, std::vector{hash}).front(); }

bool all_are(const std::vector<Found>& found, Found wanted) {
  return std::all_of(found.begin(), found.end(), [&](Found one) { return one == wanted; });
}

/// Counts, and refuses on demand.
class CountingMemory : public TableMemory {
 public:
  std::size_t held = 0;
  std::size_t peak = 0;
  int calls = 0;
  int refused_call = -1;

  void* enlarge(void* memory, std::size_t bytes, std::size_t larger) override {
    const std::lock_guard lock(mutex_);
    if (calls++ == refused_call) throw std::bad_alloc();
    void* const enlarged = TableMemory::enlarge(memory, bytes, larger);
    peak = std::max(peak, held + larger);
    held += larger - bytes;
    return enlarged;
  }

  void release(void* memory, std::size_t bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    held -= bytes;
    TableMemory::release(memory, bytes);
  }

 private:
  std::mutex mutex_;
};

}  // namespace

TEST_CASE("a hash is fresh once and known from then on") {
  SeenSet set;
  const IdHash a{1, 0}, b{~std::uint64_t{0}, 2};
  CHECK_FALSE(set.contains(a));
  CHECK(insert(set, a) == Found::fresh);
  CHECK(insert(set, a) == Found::this_run);
  CHECK(set.contains(a));
  CHECK_FALSE(set.contains(b));
  CHECK(insert(set, b) == Found::fresh);
  CHECK(insert(set, b) == Found::this_run);
  CHECK(set.size() == 2);
}

TEST_CASE("a hash met twice in one batch is fresh the first time") {
  SeenSet set;
  const IdHash a{std::uint64_t{7} << 40, 4}, b{std::uint64_t{7} << 40, 6};
  CHECK(insert(set, {a, b, a, a, b}) ==
        std::vector{Found::fresh, Found::fresh, Found::this_run, Found::this_run, Found::this_run});
  CHECK(set.size() == 2);
}

TEST_CASE("an empty batch changes nothing") {
  SeenSet set;
  CHECK(insert(set, std::vector<IdHash>{}).empty());
  CHECK(set.load({}) == 0);
  CHECK(set.size() == 0);
}

TEST_CASE("loaded hashes are those of an earlier run, for good") {
  SeenSet set;
  const std::vector<IdHash> hashes = random_hashes(5000, 1);
  CHECK(set.load(hashes) == 5000);
  CHECK(set.load(hashes) == 0);
  CHECK(all_are(insert(set, hashes), Found::earlier_run));
  CHECK(all_are(insert(set, hashes), Found::earlier_run));
  CHECK(set.size() == 5000);
}

TEST_CASE("a hash that was met in this run stays so when it is loaded") {
  SeenSet set;
  const std::vector<IdHash> hashes = random_hashes(100, 2);
  insert(set, hashes);
  CHECK(set.load(hashes) == 0);
  CHECK(all_are(insert(set, hashes), Found::this_run));
}

TEST_CASE("a hash given twice to one load is new once") {
  SeenSet set;
  std::vector<IdHash> hashes = random_hashes(1000, 3);
  hashes.insert(hashes.end(), hashes.begin(), hashes.begin() + 400);
  CHECK(set.load(hashes) == 1000);
}

TEST_CASE("the set agrees with a map over any mixture of calls") {
  const std::size_t distinct = GENERATE(3U, 40U, 1000U, 60'000U);
  const std::vector<IdHash> hashes = random_hashes(distinct, distinct);
  std::map<std::pair<std::uint64_t, std::uint64_t>, Found> model;
  std::mt19937_64 random(4);
  SeenSet set;
  for (std::size_t rounds = 0; rounds < 200; ++rounds) {
    std::vector<IdHash> batch(random() % (distinct / 20 + 10));
    for (IdHash& hash : batch) hash = hashes[random() % distinct];
    if (random() % 2 == 0) {
      std::uint64_t fresh = 0;
      for (const IdHash& hash : batch) fresh += model.try_emplace({hash.high, hash.low}, Found::earlier_run).second;
      REQUIRE(set.load(batch) == fresh);
    } else {
      std::vector<Found> expected;
      for (const IdHash& hash : batch) {
        const auto [entry, fresh] = model.try_emplace({hash.high, hash.low}, Found::this_run);
        expected.push_back(fresh ? Found::fresh : entry->second);
      }
      REQUIRE(insert(set, batch) == expected);
    }
    REQUIRE(set.size() == model.size());
  }
  for (const IdHash& hash : hashes) REQUIRE(set.contains(hash) == model.contains({hash.high, hash.low}));
  CHECK_FALSE(set.contains({std::uint64_t{1} << 63, 2}));
}

TEST_CASE("nothing is lost while tables grow from nothing to megabytes") {
  SeenSet set;
  const std::vector<IdHash> hashes = random_hashes(40'000, 5);
  std::vector<IdHash> crowd = random_hashes(400'000, 6);
  for (IdHash& hash : crowd) hash.high >>= 5;  // all in the first table
  for (std::size_t i = 0; i < crowd.size(); i += 1000) {
    insert(set, {hashes.begin() + static_cast<std::ptrdiff_t>(i / 10),
                 hashes.begin() + static_cast<std::ptrdiff_t>(i / 10 + 100)});
    const std::vector<IdHash> part(crowd.begin() + static_cast<std::ptrdiff_t>(i),
                                   crowd.begin() + static_cast<std::ptrdiff_t>(i + 1000));
    REQUIRE(all_are(insert(set, part), Found::fresh));
    REQUIRE(all_are(insert(set, part), Found::this_run));
  }
  CHECK(set.size() == 440'000);
  CHECK(all_are(insert(set, crowd), Found::this_run));
  CHECK(all_are(insert(set, hashes), Found::this_run));
}

TEST_CASE("hashes that begin alike are told apart") {
  // Up to the last home of the last table, where there is no room behind.
  const std::uint64_t beginning =
      GENERATE(std::uint64_t{1} << 27, std::uint64_t{0x123456789} << 27, ~std::uint64_t{0} << 27);
  std::vector<IdHash> alike;
  for (std::uint64_t i = 0; i < 28; ++i) alike.push_back({beginning + i / 2, 2 * i});
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    SeenSet set;
    std::shuffle(alike.begin(), alike.end(), random);
    for (std::size_t i = 0; i < alike.size(); ++i) {
      REQUIRE_FALSE(set.contains(alike[i]));
      REQUIRE(insert(set, alike[i]) == Found::fresh);
      for (std::size_t j = 0; j <= i; ++j) REQUIRE(set.contains(alike[j]));
    }
    REQUIRE(all_are(insert(set, alike), Found::this_run));
  }
}

TEST_CASE("a crowd at the end of a table makes it grow until there is room") {
  SeenSet set;
  insert(set, random_hashes(10'000, 15));
  std::vector<IdHash> crowd;
  for (std::uint64_t i = 0; i < 60; ++i) crowd.push_back({~(i << 43), 0});
  const bool descending = GENERATE(false, true);
  if (!descending) std::reverse(crowd.begin(), crowd.end());
  for (std::size_t i = 0; i < crowd.size(); ++i) {
    REQUIRE(insert(set, crowd[i]) == Found::fresh);
    for (std::size_t j = 0; j < crowd.size(); ++j) REQUIRE(set.contains(crowd[j]) == (j <= i));
  }
  CHECK(set.size() == 10'060);
}

TEST_CASE("hashes in ascending or in descending order take no more room than others") {
  const bool descending = GENERATE(false, true);
  constexpr std::uint64_t kCount = 100'000;
  std::vector<IdHash> hashes;
  for (std::uint64_t i = 1; i <= kCount; ++i) hashes.push_back({i * (~std::uint64_t{0} / kCount), 0});
  if (descending) std::reverse(hashes.begin(), hashes.end());
  SeenSet set;
  CHECK(all_are(insert(set, hashes), Found::fresh));
  CHECK(all_are(insert(set, hashes), Found::this_run));
  CHECK(set.memory_bytes() < 44 * kCount);
}

TEST_CASE("a refused allocation leaves the set whole") {
  const std::vector<IdHash> hashes = random_hashes(3000, 8);
  CountingMemory unlimited;
  {
    SeenSet set(unlimited);
    insert(set, hashes);
  }
  REQUIRE(unlimited.calls > 250);
  for (int refused = 0; refused < unlimited.calls; refused += 7) {
    CountingMemory memory;
    memory.refused_call = refused;
    SeenSet set(memory);
    std::vector<Found> found(hashes.size());
    if (refused % 2 == 0) {
      REQUIRE_THROWS_AS(set.insert(hashes, found), std::bad_alloc);
    } else {
      REQUIRE_THROWS_AS(set.load(hashes), std::bad_alloc);
    }
    const std::uint64_t before = set.size();
    std::uint64_t contained = 0;
    for (const IdHash& hash : hashes) contained += set.contains(hash) ? 1 : 0;
    REQUIRE(contained == before);
    REQUIRE(set.load(hashes) == hashes.size() - before);
    for (const IdHash& hash : hashes) REQUIRE(set.contains(hash));
  }
}

TEST_CASE("where room was made for them, ids come without any growth") {
  const std::size_t count = GENERATE(1'000, 300'000, 3'000'000);
  CountingMemory memory;
  SeenSet set(memory);
  insert(set, random_hashes(count / 10, 1));
  set.reserve(count, 2);
  const std::size_t held = memory.held;
  insert(set, random_hashes(count - count / 10, 2));
  CHECK(memory.held == held);
  CHECK(set.size() == count);
  CHECK(all_are(insert(set, random_hashes(count / 10, 1)), Found::this_run));
  set.reserve(count / 2, 1);
  CHECK(memory.held == held);
}

TEST_CASE("room for ids that may never come is bounded") {
  CountingMemory memory;
  SeenSet set(memory);
  set.reserve(1'000'000'000, 2);
  CHECK(memory.held < std::size_t{300} << 20);
}

TEST_CASE("room for a few ids holds more than these") {
  const std::size_t count = GENERATE(range(0U, 40U));
  SeenSet set;
  set.reserve(count, 2);
  const std::vector<IdHash> hashes = random_hashes(3 * count + 5, count);
  CHECK(all_are(insert(set, hashes), Found::fresh));
  CHECK(all_are(insert(set, hashes), Found::this_run));
}

TEST_CASE("room that cannot be made beforehand does no harm") {
  CountingMemory memory;
  SeenSet set(memory);
  memory.refused_call = 7;
  const std::size_t count = GENERATE(1'000, 1'000'000);
  set.reserve(count, 2);
  CHECK(all_are(insert(set, random_hashes(count, 1)), Found::fresh));
  CHECK(all_are(insert(set, random_hashes(count, 1)), Found::this_run));
}

TEST_CASE("room for many ids is made by several threads at once") {
  /// Whose first caller waits for a second one.
  class Meeting : public TableMemory {
   public:
    bool met = false;

    void* enlarge(void* memory, std::size_t bytes, std::size_t larger) override {
      std::unique_lock lock(mutex_);
      if (callers_++ == 0) {
        met = second_.wait_for(lock, std::chrono::seconds(30), [&] { return callers_ > 1; });
      }
      second_.notify_one();
      return TableMemory::enlarge(memory, bytes, larger);
    }

   private:
    int callers_ = 0;
    std::mutex mutex_;
    std::condition_variable second_;
  };
  Meeting memory;
  SeenSet set(memory);
  set.reserve(1'000'000, 2);
  CHECK(memory.met);
}

// What could go wrong is a race, which ThreadSanitizer sees.
TEST_CASE("memory may be fetched for hashes beside whatever else happens to the set") {
  SeenSet set;
  const std::vector<IdHash> loaded = random_hashes(100'000, 1), inserted = random_hashes(200'000, 2);
  std::atomic<bool> done{false};
  std::thread fetching([&] {
    do {
      set.prefetch(inserted);
    } while (!done);
  });
  CHECK(set.load(loaded) == loaded.size());
  set.reserve(200'000, 2);
  CHECK(all_are(insert(set, inserted), Found::fresh));
  done = true;
  fetching.join();
  CHECK(set.size() == loaded.size() + inserted.size());
}

TEST_CASE("all memory is given back") {
  CountingMemory memory;
  {
    SeenSet set(memory);
    std::vector<IdHash> hashes = random_hashes(400'000, 9);
    for (IdHash& hash : hashes) hash.high >>= 5;
    set.load(hashes);
    CHECK(set.memory_bytes() == memory.held + sizeof set);
  }
  CHECK(memory.held == 0);
}

TEST_CASE("a small set is small") {
  SeenSet set;
  insert(set, random_hashes(10, 10));
  CHECK(set.memory_bytes() < 4096);
  insert(set, random_hashes(1000, 11));
  CHECK(set.memory_bytes() < 64 * 1024);
}

TEST_CASE("a remembered id takes at most 44 bytes at any size, growing included") {
  CountingMemory memory;
  SeenSet set(memory);
  std::mt19937_64 random(12);
  std::vector<IdHash> batch(256);
  std::vector<Found> found(batch.size());
  while (set.size() < 1'000'000) {
    for (IdHash& hash : batch) hash = {random() | 1, random() & ~std::uint64_t{1}};
    set.insert(batch, found);
    if (set.size() > 10'000) REQUIRE(memory.peak + sizeof set <= 44 * set.size());
  }
}

TEST_CASE("a remembered id takes at most 32 bytes at ten million", "[long]") {
  CountingMemory memory;
  SeenSet set(memory);
  std::mt19937_64 random(13);
  std::vector<IdHash> batch(256);
  std::vector<Found> found(batch.size());
  while (set.size() < 10'000'000) {
    for (IdHash& hash : batch) hash = {random() | 1, random() & ~std::uint64_t{1}};
    set.insert(batch, found);
    REQUIRE((set.size() < 10'000 || memory.peak + sizeof set <= 44 * set.size()));
  }
  CHECK(memory.peak + sizeof set <= 32 * set.size());
}

TEST_CASE("several threads load at once what each of them has, and each hash is new to one of them") {
  constexpr std::size_t kThreads = 4, kShare = 30'000;
  const std::vector<IdHash> hashes = random_hashes(kThreads * kShare, 14);
  SeenSet set;
  std::vector<std::uint64_t> fresh(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        // Its own share and the next thread's.
        std::vector<IdHash> mine;
        for (std::size_t i = 0; i < 2 * kShare; ++i) mine.push_back(hashes[(t * kShare + i) % hashes.size()]);
        for (std::size_t at = 0; at < mine.size(); at += 1000) fresh[t] += set.load(std::span(mine).subspan(at, 1000));
      });
    }
  }
  CHECK(fresh[0] + fresh[1] + fresh[2] + fresh[3] == hashes.size());
  CHECK(set.size() == hashes.size());
  CHECK(all_are(insert(set, hashes), Found::earlier_run));
}
