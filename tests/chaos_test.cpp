/// Worker processes that die and hang in every way at once, and killers from outside; each item's fate is known
/// beforehand.
#include <pararun/options.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/culprits.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/process_job.hpp"
#include "support/shared_counts.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace {

enum class Fate {
  succeeds,
  throws,
  segfault,
  abort,
  kill,
  exit,
  overflow,
  out_of_space,
  hang,
  deaf_hang,
  stop,
  grandchild,
  torn_reply,
  second_try,
};

constexpr int kFates = static_cast<int>(Fate::second_try) + 1;

/// Memory that cannot be had: the function fails, or its process, as it likes.
void exhaust_address_space() {
  const rlimit little{.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
  ::setrlimit(RLIMIT_AS, &little);
  std::vector<std::vector<char>> all;
  for (;;) all.emplace_back(1 << 20);
}

/// The result, if there is one, is the item, or a long text.
pr::Json suffer(int item, Fate fate, bool first_attempt) {
  switch (fate) {
    case Fate::succeeds:
      break;
    case Fate::throws:
      throw std::runtime_error("thrown");
    case Fate::segfault:
      die_of(SIGSEGV);
    case Fate::abort:
      die_of(SIGABRT);
    case Fate::kill:
      die_of(SIGKILL);
    case Fate::exit:
      ::_exit(0);
    case Fate::overflow:
      overflow_stack(false);
      break;
    case Fate::out_of_space:
      exhaust_address_space();
      break;
    case Fate::hang:
      loop_for_ever();
    case Fate::deaf_hang:
      loop_unmoved_by(SIGTERM);
    case Fate::stop:
      ::kill(::getpid(), SIGSTOP);
      loop_for_ever();
    case Fate::grandchild:
      if (::fork() == 0) {
        for (;;) ::pause();
      }
      die_of(SIGKILL);
    case Fate::torn_reply: {
      // Killed by another thread while it sends, or soon after.
      std::thread([] {
        ::usleep(300);
        die_of(SIGKILL);
      }).detach();
      return pr::Json(std::string(1 << 24, 'x'));
    }
    case Fate::second_try:
      if (first_attempt) die_of(SIGSEGV);
      break;
  }
  return pr::Json(item);
}

struct Round {
  std::uint64_t seed;
  std::size_t workers;
  int items;
  bool hangs;  // which take their time
};

void run_round(const Round& round, const TempDir& dir) {
  INFO("seed " << round.seed << ", " << round.workers << " workers");
  std::mt19937_64 random(round.seed);
  std::vector<Fate> fates;
  std::map<Fate, std::uint64_t> numbers;
  for (int i = 0; i < round.items; ++i) {
    auto fate = Fate::succeeds;
    if (random() % 4 == 0) fate = static_cast<Fate>(random() % kFates);
    const bool slow = fate == Fate::hang || fate == Fate::deaf_hang || fate == Fate::stop;
    if (slow && !round.hangs) fate = Fate::segfault;
    fates.push_back(fate);
    ++numbers[fate];
  }
  const SharedCounts attempts(fates.size());
  std::vector<int> items(fates.size());
  std::iota(items.begin(), items.end(), 0);
  items.push_back(0);  // a duplicate

  const auto path = dir / ("chaos-" + std::to_string(round.seed) + ".jsonl");
  const auto retries = static_cast<unsigned>(random() % 3);
  const std::size_t batches[] = {0, 0, 1, 7, 64};
  const pr::Options options{.n_workers = round.workers,
                            .cache_path = path,
                            .backend = pr::Backend::process,
                            .timeout = round.hangs ? 500ms : 20s,
                            .retries = retries,
                            .retry_delay = 1ms,
                            .order = random() % 2 == 0 ? pr::Order::completion : pr::Order::input,
                            .batch = batches[random() % 5],
                            .progress = pr::Progress::none};
  const pr::Report report = pr::map(
      [&](int item) {
        const auto index = static_cast<std::size_t>(item);
        return suffer(item, fates[index], attempts[index].fetch_add(1) == 0);
      },
      items, options);
  check_sums(report);
  CHECK(report.seen == items.size());
  CHECK(report.duplicates == 1);
  CHECK(report.skipped == 0);
  CHECK(report.unfinished == 0);

  // Each item has one line, in one of the files.
  std::map<int, std::string> kinds;
  for (const pr::Json& line : values_in(dir / (path.stem().string() + ".failed.jsonl"))) {
    const int id = line.get<int>("id");
    CHECK(kinds.emplace(id, line["error"].get<std::string>("kind")).second);
    CHECK(line.get<unsigned>("attempts") == retries + 1);
  }
  for (const pr::Json& line : values_in(path)) {
    const int id = line.get<int>("id");
    CHECK(kinds.emplace(id, "").second);
    CHECK((line["result"] == id || fates[static_cast<std::size_t>(id)] == Fate::torn_reply));
  }
  CHECK(kinds.size() == fates.size());
  for (std::size_t i = 0; i < fates.size(); ++i) {
    const std::string kind = kinds[static_cast<int>(i)];
    INFO("item " << i << ", fate " << static_cast<int>(fates[i]));
    const int tried = attempts[i];
    switch (fates[i]) {
      case Fate::succeeds:
        CHECK(kind.empty());
        CHECK(tried == 1);
        break;
      case Fate::throws:
        CHECK(kind == "exception");
        CHECK(tried == static_cast<int>(retries) + 1);
        break;
      case Fate::hang:
      case Fate::deaf_hang:
      case Fate::stop:
        CHECK(kind == "timeout");
        CHECK(tried == static_cast<int>(retries) + 1);
        break;
      case Fate::second_try:
        CHECK(kind == (retries == 0 ? "crash" : ""));
        CHECK(tried == (retries == 0 ? 1 : 2));
        break;
      case Fate::out_of_space:
        // It may die of that or not, and it takes time to fill what memory there is.
        CHECK_FALSE(kind.empty());
        break;
      case Fate::torn_reply:
        break;  // the reply may have been faster
      default:
        CHECK(kind == "crash");
        CHECK(tried == static_cast<int>(retries) + 1);
    }
  }
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  std::filesystem::remove(path);
}

/// Kills workers at random, of whatever job runs, as long as it lives.
class Sniper {
 public:
  explicit Sniper(std::uint64_t seed) : thread_([this, seed](const std::stop_token& over) { run(seed, over); }) {}
  Sniper(const Sniper&) = delete;
  Sniper& operator=(const Sniper&) = delete;

  /// How many hit, all in all. It ends with that.
  int shots() {
    thread_.request_stop();
    thread_.join();
    return shots_[0];
  }

  /// In the function of the job.
  void wait_for_a_shot() const {
    const int before = shots_[0];
    if (!eventually([&] { return shots_[0] != before; })) throw std::runtime_error("nobody shoots");
  }

 private:
  void run(std::uint64_t seed, const std::stop_token& over) const {
    std::mt19937_64 random(seed);
    while (!over.stop_requested()) {
      ::usleep(static_cast<unsigned>(random() % 20'000));
      const std::vector<int> workers = grandchildren();
      if (workers.empty()) continue;
      if (::kill(workers[random() % workers.size()], random() % 2 == 0 ? SIGKILL : SIGSEGV) == 0) ++shots_[0];
    }
  }

  static std::vector<int> children_of(int process) {
    std::ifstream list("/proc/" + std::to_string(process) + "/task/" + std::to_string(process) + "/children");
    std::vector<int> children;
    for (int child = 0; list >> child;) children.push_back(child);
    return children;
  }

  static std::vector<int> grandchildren() {
    std::vector<int> all;
    for (const int child : children_of(::getpid())) {
      for (const int grandchild : children_of(child)) all.push_back(grandchild);
    }
    return all;
  }

  const SharedCounts shots_{1};
  std::jthread thread_;
};

/// Whoever is shot costs an item at most its attempt.
void run_shot_at(std::uint64_t seed, std::size_t workers, const TempDir& dir) {
  INFO("seed " << seed << ", " << workers << " workers");
  Sniper sniper(seed);
  std::vector<int> items(3000);
  std::iota(items.begin(), items.end(), 0);
  const auto path = dir / ("shot-" + std::to_string(seed) + ".jsonl");
  const pr::Report report = pr::map(
      [&](int item) {
        if (item % 100 == 0) sniper.wait_for_a_shot();
        return item;
      },
      items,
      {.n_workers = workers, .cache_path = path, .backend = pr::Backend::process, .progress = pr::Progress::none});
  check_sums(report);
  CHECK(report.failed <= static_cast<std::uint64_t>(sniper.shots()));
  CHECK(report.seen == 3000);
  CHECK(report.unfinished == 0);
  CHECK(report.succeeded + report.failed == 3000);
  std::set<std::string> ids;
  for (const std::string& id : ids_in(path)) CHECK(ids.insert(id).second);
  CHECK(ids.size() == report.succeeded);
  check_results(path, [](int item) { return item; });
  for (const pr::Json& line : values_in(dir / (path.stem().string() + ".failed.jsonl"))) {
    CHECK(ids.insert(line["id"].dump()).second);
    CHECK(line["error"].get<std::string>("kind") == "crash");
  }
  CHECK(ids.size() == 3000);
}

}  // namespace

TEST_CASE("whatever workers die of, each item has its own fate and every other one is done") {
  const TempDir dir;
  const std::size_t workers = GENERATE(1, 2, 5, 13);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) run_round({seed * 100 + workers, workers, 200, false}, dir);
}

TEST_CASE("whatever workers hang in, each item has its own fate and every other one is done") {
  const TempDir dir;
  run_round({1, 5, 100, true}, dir);
}

TEST_CASE("workers that are killed from outside take no item with them but their own") {
  const TempDir dir;
  for (const std::size_t workers : {1, 2, 5}) run_shot_at(workers, workers, dir);
}

TEST_CASE("a thousand rounds of every fate with 1, 2, 5 and 13 workers", "[long]") {
  const TempDir dir;
  for (std::uint64_t round = 0; round < 1000; ++round) {
    const std::size_t workers[] = {1, 2, 5, 13};
    run_round({10'000 + round, workers[round % 4], 60, round % 50 == 0}, dir);
  }
}

TEST_CASE("a hundred rounds of killing from outside", "[long]") {
  const TempDir dir;
  for (std::uint64_t round = 0; round < 100; ++round) {
    const std::size_t workers[] = {1, 2, 5, 13};
    run_shot_at(1000 + round, workers[round % 4], dir);
  }
}
