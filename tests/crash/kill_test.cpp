#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "crash/draw.hpp"
#include "crash/items.hpp"
#include "crash/killable.hpp"
#include "crash/ledger.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

using namespace pararun::testing;

namespace {

Words draw_run(Random& random, std::uint64_t items) {
  return {"items=" + std::to_string(items),
          "run=" + std::to_string(random()),
          "retries=" + std::to_string(below(random, 3)),
          "order=" + any_of(random, {"input", "completion"}),
          "engine=" + any_of(random, {"map", "map", "map", "store"}),
          "backend=" + any_of(random, {"thread", "thread", "process"}),
          "large_every=100",
          "cost_us=" + any_of(random, {"1", "200"}),
          "n_workers=" + std::to_string(1 + below(random, 5)),
          "batch=" + any_of(random, {"0", "1", std::to_string(1 + below(random, 256))}),
          "durability=" + any_of(random, {"process", "machine"}),
          "flush_ms=" + std::to_string(below(random, 20)),
          "retry_failed=" + any_of(random, {"0", "1"}),
          "paced=" + any_of(random, {"0", "1"})};
}

using Clock = std::chrono::steady_clock;

/// Lets the job run up to some moment: a point of its start, a size of its file, or something it says.
void let_run(Killable& job, Random& random, const std::filesystem::path& results) {
  const auto moment_in = [&](std::uint64_t most_us) {
    return Clock::now() + std::chrono::microseconds(below(random, most_us));
  };
  const std::uint64_t before = size_of(results);
  switch (below(random, 10)) {
    case 0: {
      const Clock::time_point moment = moment_in(20'000);
      return job.listen_until([&] { return Clock::now() >= moment; });
    }
    case 1: {
      // Without a pause, to find it out if it spoke too early.
      const int wanted = 1 + static_cast<int>(below(random, 3));
      const Clock::time_point moment = Clock::now() + std::chrono::milliseconds(250);
      while (!job.has_ended() && job.times_told() < wanted && !(job.held() && Clock::now() >= moment)) job.listen();
      return;
    }
    case 2:
    case 3:
    case 4: {
      // A file grows while it is written to: without a pause, the kill comes in the middle of a large line.
      const std::uint64_t wanted = 4'096 + below(random, 20'000);
      for (job.listen(); !job.held() && !job.has_ended(); job.listen()) {
        for (int looks = 0; looks < 1'000; ++looks) {
          if (size_of(results) >= before + wanted) return;
        }
      }
      return;
    }
    default: {
      const std::uint64_t wanted = 1 + below(random, below(random, 2) == 0 ? 200 : 20'000);
      job.listen_until([&] { return job.held() || size_of(results) >= before + wanted; });
      // What it has done by now may still be on its way to the file.
      const Clock::time_point moment = moment_in(30'000);
      job.listen_until([&] { return Clock::now() >= moment || size_of(results) >= before + wanted; });
    }
  }
}

void kill_again_and_again(std::uint64_t kills, std::uint64_t items) {
  const TempDir dir;
  const std::filesystem::path results = dir / "r.jsonl";
  Random random(Catch::rngSeed());
  Ledger ledger(results, items);
  std::uint64_t with_progress = 0;
  Tally tally("a SIGKILL at any moment");
  for (std::uint64_t left = kills; left > 0; --left) {
    tally.begin();
    Words words = draw_run(random, items);
    // Held back, so that however late the kill comes it finds the job at work and leaves some for the next one.
    const std::uint64_t share = (items - ledger.done()) * 3 / 2 / (left + 1);
    words.push_back("hold_after=" + std::to_string(1 + below(random, share + 1)));
    INFO("kills left: " << left << ", seed: " << Catch::rngSeed());
    INFO("arguments: " << joined(words));
    const std::uint64_t done_before = ledger.done();
    ledger.before_run();
    Killable job(results, words);
    let_run(job, random, results);
    job.kill();
    REQUIRE(job.was_killed());
    REQUIRE_FALSE(job.report());
    ledger.after_run(job);
    with_progress += ledger.done() > done_before;
    tally.end();
  }
  CHECK(with_progress > kills / 4);

  ledger.before_run();
  const Words to_the_end{"items=" + std::to_string(items), "n_workers=4", "retries=1", "large_every=100"};
  Killable last(results, to_the_end);
  last.wait();
  REQUIRE(last.report());
  CHECK(last.status() == 1);  // some items fail whenever they are tried
  ledger.after_run(last);
  ledger.require_complete();
  CHECK(ledger.first_damage() == nullptr);

  const std::string complete = read_file(results);
  Killable once_more(results, to_the_end);
  once_more.wait();
  REQUIRE(once_more.report());
  CHECK(once_more.report()->number("succeeded") == 0);
  CHECK(read_file(results) == complete);

  std::cout << with_progress << " kills came after new results; they left " << ledger.torn_tails() << " torn lines and "
            << ledger.whole_tails() << " without their newline\n";
}

}  // namespace

TEST_CASE("a job that is killed 200 times loses nothing and records nothing twice") {
  kill_again_and_again(200, 5'000);
}

TEST_CASE("a job that is killed 2,000 times loses nothing and records nothing twice", "[long]") {
  kill_again_and_again(2'000, 50'000);
}
