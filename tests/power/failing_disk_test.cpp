/// A disk that breaks: what ext4 has accepted long ago cannot be written when it comes to it.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "crash/killable.hpp"
#include "crash/ledger.hpp"
#include "support/loop_disk.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

using namespace pararun::testing;

namespace {

// Their results are more than there is room for below the place where the disk breaks.
constexpr std::uint64_t kItems = 6'000;
constexpr std::uint64_t kDiskBytes = 64 << 20;

std::vector<std::string> arguments(const std::string& engine, const std::string& durability,
                                   const std::vector<std::string>& more = {}) {
  std::vector<std::string> all{
      "items=" + std::to_string(kItems), "large_every=30", "n_workers=2", "retries=1", "flush_ms=1", "engine=" + engine,
      "durability=" + durability};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

void require_failed_sync(const Killable& job) {
  REQUIRE(job.error());
  INFO(job.error()->text("what"));
  CHECK(job.error()->text("kind") == "store");
  CHECK_THAT(job.error()->text("what"), Catch::Contains("cannot sync"));
}

/// Takes the job to its end, cuts the power and looks whether everything is there.
void complete(LoopDisk& disk, Ledger& ledger, const std::string& engine) {
  ledger.before_run();
  Killable job(disk / "r.jsonl", arguments(engine, "machine"));
  job.wait();
  INFO((job.error() ? job.error()->text("what") : "no error"));
  REQUIRE(job.report());
  disk.cut_power();
  disk.restart();
  ledger.after_run(job);
  ledger.require_complete();
}

}  // namespace

TEST_CASE("what was counted before a sync failed is on the disk, nothing is counted after, and the job can go on") {
  const TempDir dir;
  LoopDisk disk(dir / "image", dir / "disk", kDiskBytes);
  Tally tally("a sync that fails");
  if (!disk.reason().empty()) {
    WARN(disk.reason());
    return;
  }
  const std::string engine = GENERATE("map", "store");
  Ledger ledger(disk / "r.jsonl", kItems);
  tally.begin();
  ledger.before_run();
  disk.break_behind(LoopDisk::kJournalEnd);
  Killable job(disk / "r.jsonl", arguments(engine, "machine", {"cost_us=1000"}));
  job.wait();
  require_failed_sync(job);
  CHECK(job.told_succeeded() > 100);
  SECTION("on a machine that was restarted") {
    disk.cut_power();
    disk.restart();
    ledger.after_run(job);
  }
  SECTION("at once, where the lost lines may still look well in memory") {
    disk.break_behind(0);
    ledger.start_over();
  }
  complete(disk, ledger, engine);
  tally.end();
}

TEST_CASE("lines of an earlier run that the disk has lost are not taken for safe") {
  const TempDir dir;
  LoopDisk disk(dir / "image", dir / "disk", kDiskBytes);
  Tally tally("a sync that fails");
  if (!disk.reason().empty()) {
    WARN(disk.reason());
    return;
  }
  Ledger ledger(disk / "r.jsonl", kItems);
  tally.begin();
  disk.break_behind(LoopDisk::kJournalEnd);
  Killable earlier(disk / "r.jsonl", arguments("map", "process"));
  earlier.wait();
  REQUIRE(earlier.report());
  disk.write_back();
  disk.break_behind(0);
  // The kernel tells of the loss once for each of the two files.
  for (int runs = 1;; ++runs) {
    Killable job(disk / "r.jsonl", arguments("map", "machine"));
    job.wait();
    if (runs > 1 && job.report()) break;
    require_failed_sync(job);
    CHECK(job.times_told() == 0);
    REQUIRE(runs <= 2);
  }
  ledger.start_over();
  complete(disk, ledger, "map");
  tally.end();
}
