#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "crash/draw.hpp"
#include "crash/killable.hpp"
#include "crash/ledger.hpp"
#include "support/loop_disk.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

using namespace pararun::testing;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kDiskBytes = 48 << 20;
constexpr std::uint64_t kItems = 4'000;

Words draw_run(Random& random, std::uint64_t hold_after) {
  return {"items=" + std::to_string(kItems),
          "run=" + std::to_string(random()),
          "retries=" + std::to_string(below(random, 3)),
          "order=" + any_of(random, {"input", "completion"}),
          "engine=" + any_of(random, {"map", "store"}),
          "large_every=" + any_of(random, {"30", "300"}),
          "cost_us=" + any_of(random, {"1", "200"}),
          "n_workers=" + std::to_string(1 + below(random, 4)),
          "durability=machine",
          "flush_ms=" + std::to_string(below(random, 10)),
          "paced=" + any_of(random, {"0", "0", "1"}),
          "hold_after=" + std::to_string(hold_after)};
}

/// Lets the job run up to some moment of its start, of what it says, or of its file's growth.
void let_run(Killable& job, Random& random, const std::filesystem::path& results) {
  const auto moment_in = [&](std::uint64_t most_us) {
    return Clock::now() + std::chrono::microseconds(below(random, most_us));
  };
  const std::uint64_t before = size_of(results);
  const std::uint64_t choice = below(random, 8);
  if (choice == 0) {
    const Clock::time_point moment = moment_in(20'000);
    return job.listen_until([&] { return Clock::now() >= moment; });
  }
  if (choice <= 3) {
    const int wanted = 1 + static_cast<int>(below(random, 3));
    const Clock::time_point patience = Clock::now() + std::chrono::milliseconds(500);
    return job.listen_until([&] { return job.times_told() >= wanted || (job.held() && Clock::now() >= patience); });
  }
  const std::uint64_t wanted = 1 + below(random, below(random, 2) == 0 ? 2'000 : 200'000);
  job.listen_until([&] { return job.held() || size_of(results) >= before + wanted; });
  const Clock::time_point moment = moment_in(20'000);
  job.listen_until([&] { return Clock::now() >= moment; });
}

struct Counts {
  Tally tally{"a loss of power"};
  std::uint64_t cuts = 0;
  std::uint64_t with_progress = 0;
  std::uint64_t acknowledged = 0;  ///< results and failures
  std::uint64_t after_error = 0;
  std::uint64_t torn_tails = 0;
};

/// Where ext4 keeps data in its journal, a sync that the cut comes between fails. Elsewhere it may succeed all the same
/// (the data had been written, the file's new size is lost), which no power loss could do: a process that is told so
/// has gone by then.
constexpr const char* kHonest = "data=journal";

/// A job that loses power again and again, until it comes to its end and loses power once more.
void lose_power(LoopDisk& disk, Random& random, std::uint64_t cuts, Counts& counts) {
  const std::filesystem::path results = disk / "r.jsonl";
  Ledger ledger(results, kItems);
  std::string options;
  for (std::uint64_t left = cuts; left > 0; --left) {
    const std::uint64_t share = (kItems - ledger.done()) * 3 / 2 / (left + 1);
    const Words words = draw_run(random, 1 + below(random, share + 1));
    INFO("cuts left: " << left << ", seed: " << Catch::rngSeed());
    INFO("arguments: " << joined(words));
    const std::uint64_t done_before = ledger.done();
    ledger.before_run();
    Killable job(results, words);
    let_run(job, random, results);
    if (below(random, 4) == 0) disk.write_back();
    job.listen();
    if (options != kHonest) job.believe_no_more();
    counts.tally.begin();
    disk.cut_power();
    const Clock::time_point patience = Clock::now() + std::chrono::milliseconds(below(random, 2) * 50);
    job.listen_until([&] { return job.held() || Clock::now() >= patience; });
    job.kill();
    if (job.error()) CHECK(job.error()->text("kind") == "store");
    REQUIRE_FALSE(job.report());
    counts.after_error += job.error().has_value();
    options = any_of(random, {"", kHonest, "commit=1"});
    disk.restart(options);
    ledger.after_run(job);
    counts.tally.end();
    ++counts.cuts;
    counts.acknowledged += job.told_succeeded() + job.told_failed();
    counts.with_progress += ledger.done() > done_before;
  }

  ledger.before_run();
  const Words to_the_end{"items=" + std::to_string(kItems), "n_workers=4", "retries=1", "large_every=300",
                         "durability=machine"};
  Killable last(results, to_the_end);
  last.wait();
  REQUIRE(last.report());
  counts.tally.begin();
  disk.cut_power();
  disk.restart();
  ++counts.cuts;
  ledger.after_run(last);
  ledger.require_complete();
  counts.tally.end();
  counts.torn_tails += ledger.torn_tails();
}

void lose_power_in_jobs(std::uint64_t jobs, std::uint64_t cuts_each) {
  const TempDir dir;
  LoopDisk disk(dir / "image", dir / "disk", kDiskBytes);
  Counts counts;
  if (!disk.reason().empty()) {
    WARN(disk.reason());
    return;
  }
  Random random(Catch::rngSeed());
  for (std::uint64_t job = 0; job < jobs; ++job) {
    lose_power(disk, random, cuts_each, counts);
    for (const char* name : {"r.jsonl", "r.failed.jsonl", "r.torn.jsonl", "r.failed.torn.jsonl"}) {
      std::filesystem::remove(disk / name);
    }
    disk.write_back();
  }
  // A few may all come before anything is on the disk, where the machine has more to do.
  if (jobs > 1) {
    CHECK(counts.with_progress > counts.cuts / 4);
    CHECK(counts.acknowledged > 0);
  }
  std::cout << counts.cuts << " losses of power, " << counts.with_progress << " of them after new results ("
            << counts.acknowledged << " acknowledged); " << counts.after_error << " noticed by the job; "
            << counts.torn_tails << " torn lines\n";
}

}  // namespace

TEST_CASE("what was counted is there after 6 losses of power, once, and the job goes on") { lose_power_in_jobs(1, 5); }

TEST_CASE("what was counted is there after 440 losses of power, once, and the jobs go on", "[long]") {
  lose_power_in_jobs(40, 10);
}
