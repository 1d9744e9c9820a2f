#include <chrono>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "crash/damage.hpp"
#include "crash/draw.hpp"
#include "crash/items.hpp"
#include "crash/killable.hpp"
#include "crash/ledger.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

using namespace pararun::testing;

namespace {

/// A job to which one thing after the other happens.
class Sequence {
 public:
  explicit Sequence(std::uint64_t seed)
      : random_(seed), items_(1 + below(60)), results_(dir_ / "r.jsonl"), ledger_(results_, items_) {
    log_ = "seed " + std::to_string(seed) + ", " + std::to_string(items_) + " items";
  }

  void take_a_step() {
    switch (below(8)) {
      case 0:
        return run("to its end", draw_run({}));
      case 1:
        return run("stopped", draw_run({"stop_after=" + std::to_string(1 + below(items_))}));
      case 2:
      case 3:
        return run_and_kill();
      case 4:
        return refuse_damage();
      case 5:
        return damage(damage_middle(results_, random_));
      case 6:
        return damage("failures: " + (below(2) == 0 ? damage_tail : damage_middle)(dir_ / "r.failed.jsonl", random_));
      default:
        return damage(damage_tail(results_, random_));
    }
  }

  void end() {
    run("the last time", {"items=" + std::to_string(items_), "retries=1", "n_workers=3"});
    ledger_.require_complete();
    const std::string complete = read_file(results_);
    run("once more", draw_run({"retries=1"}));
    CHECK(read_file(results_) == complete);
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return pararun::testing::below(random_, bound); }

  Words draw_run(const Words& more) {
    Words words{"items=" + std::to_string(items_),
                "large_every=40",
                "cost_us=" + std::to_string(1 + below(100)),
                "run=" + std::to_string(random_()),
                "retries=" + std::to_string(below(3)),
                "retry_failed=" + any_of(random_, {"0", "1"}),
                "order=" + any_of(random_, {"input", "completion"}),
                "durability=" + any_of(random_, {"machine", "process", "process", "process"}),
                "engine=" + any_of(random_, {"store", "map", "map", "map"}),
                "backend=" + any_of(random_, {"thread", "thread", "process"}),
                "n_workers=" + std::to_string(1 + below(4)),
                "batch=" + std::to_string(below(3) * below(40)),
                "flush_ms=" + std::to_string(below(3) * 4)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  void run(const std::string& how, const Words& words) {
    log_ += "\n  run " + how + " " + joined(words);
    INFO(log_);
    ledger_.before_run();
    Killable job(results_, words);
    job.wait();
    REQUIRE(job.report());
    ledger_.after_run(job);
    const bool complete = job.report()->text("stopped") == "finished";
    const bool failures = job.report()->number("failed") + job.report()->number("skipped_failed") > 0;
    CHECK(job.status() == (!complete ? 75 : failures ? 1 : 0));
  }

  void run_and_kill() {
    const Words words = draw_run({"hold_after=" + std::to_string(below(items_))});
    log_ += "\n  kill " + joined(words);
    INFO(log_);
    ledger_.before_run();
    Killable job(results_, words);
    const std::uint64_t wanted = size_of(results_) + 1 + below(5'000);
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(below(20'000));
    job.listen_until([&] { return size_of(results_) >= wanted || std::chrono::steady_clock::now() >= moment; });
    job.kill();
    // With nothing left to run it may have come to its end.
    if (!job.report()) CHECK(job.was_killed());
    ledger_.after_run(job);
  }

  void damage(const std::string& what) {
    log_ += "\n  damage: " + what;
    INFO(log_);
    ledger_.start_over();
  }

  /// With `strict` a damaged line is named, and nothing is run.
  void refuse_damage() {
    const Words words = draw_run({"strict=1"});
    if (ledger_.first_damage() == nullptr) return run("strictly", words);
    log_ += "\n  refuse " + joined(words);
    INFO(log_);
    ledger_.before_run();
    Killable job(results_, words);
    job.wait();
    REQUIRE(job.error());
    CHECK(job.error()->text("kind") == "damaged");
    CHECK(job.error()->number("offset") == ledger_.first_damage()->offset);
    ledger_.after_run(job);
  }

  Random random_;
  const TempDir dir_;
  const std::uint64_t items_;
  const std::filesystem::path results_;
  Ledger ledger_;
  std::string log_;
};

void try_sequences(int count) {
  Tally tally("runs, stops, kills and damage in turn");
  for (int i = 0; i < count; ++i) {
    tally.begin();
    Sequence sequence(mixed(Catch::rngSeed() + static_cast<std::uint64_t>(i)));
    for (int steps = 1 + i % 12; steps > 0; --steps) sequence.take_a_step();
    sequence.end();
    tally.end();
  }
}

}  // namespace

TEST_CASE("whatever is run, stopped, killed and damaged in turn ends with every result once") { try_sequences(100); }

TEST_CASE("whatever is run, stopped, killed and damaged a thousand times ends with every result once", "[long]") {
  try_sequences(1'000);
}
