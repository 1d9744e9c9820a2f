/// Others who want the same results file at the same time, and children that outlive their job.
#include "store/results_store.hpp"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/plain_reader.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using pararun::store::ResultsStore;

namespace {

/// What processes of one family share.
template <class T>
class SharedMemory {
 public:
  SharedMemory() {
    void* const memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    value_ = new (memory) T();
  }
  ~SharedMemory() { ::munmap(value_, sizeof(T)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

struct Race {
  std::atomic<int> ready{0};
  std::atomic<int> won{0};
  std::atomic<int> refused{0};
  std::atomic<pid_t> winner{0};
};

enum Outcome : int { kWon = 10, kRefused = 11, kRefusedWrongly = 12 };

void run_one_item(ResultsStore& store, const std::string& id) {
  pr::detail::IdList ids;
  std::vector<pr::store::Admission> verdicts;
  ids.add_string(id);
  store.admit(ids, verdicts);
  if (verdicts.at(0) == pr::store::Admission::run) store.append("{\"id\":\"" + id + "\"}\n", "", {1, 0});
  store.finish();
}

/// One of two that start at the same moment, or as good as that. The winner waits for the other to be refused.
int compete(Race& race, const std::filesystem::path& path, const std::string& id, unsigned late) {
  ++race.ready;
  while (race.ready < 2) {
  }
  for (unsigned spins = 0; spins < late; ++spins) std::atomic_signal_fence(std::memory_order_seq_cst);
  try {
    ResultsStore store({.path = path, .flush_interval = std::chrono::milliseconds(0)}, [](auto) {});
    ++race.won;
    race.winner = ::getpid();
    if (!eventually([&] { return race.refused + race.won >= 2; })) return 1;
    run_one_item(store, id);
    return kWon;
  } catch (const pr::CacheLocked& error) {
    const std::int64_t holder = error.holder();
    ++race.refused;
    if (!eventually([&] { return race.winner != 0; })) return 1;
    // It may have been let go by the time somebody is looked for.
    return error.path() == path && (holder == 0 || holder == race.winner) ? kRefused : kRefusedWrongly;
  }
}

void race_pairs(unsigned pairs) {
  const TempDir dir;
  Tally tally("two starts at once");
  for (unsigned pair = 0; pair < pairs; ++pair) {
    INFO("pair " << pair);
    tally.begin();
    const std::filesystem::path path = dir / ("r" + std::to_string(pair) + ".jsonl");
    const bool is_new = pair % 3 == 0, is_torn = pair % 3 == 1;
    if (!is_new) write_file(path, is_torn ? "{\"id\":\"old\"}\n{\"id\":\"to" : "{\"id\":\"old\"}\n");
    const SharedMemory<Race> race;
    {
      Child one([&](const auto&) { return compete(*race, path, "one", pair * 37 % 2'000); });
      Child two([&](const auto&) { return compete(*race, path, "two", pair * 53 % 2'000); });
      const int first = one.end(), second = two.end();
      REQUIRE(std::min(first, second) == kWon);
      REQUIRE(std::max(first, second) == kRefused);
    }
    REQUIRE(race->refused == 1);
    const PlainFile content = read_plain_file(read_file(path));
    REQUIRE(content.tail.empty());
    REQUIRE(content.lines.size() == (is_new ? 1 : 2));
    for (const PlainLine& line : content.lines) REQUIRE(line.kind == PlainLine::Kind::id);
    tally.end();
    for (const char* word : {"", ".failed", ".torn"}) {
      std::filesystem::remove(dir / ("r" + std::to_string(pair) + word + ".jsonl"));
    }
  }
}

/// A process that something within a job has left behind.
class Orphan {
 public:
  explicit Orphan(pid_t pid) : pid_(pid) { REQUIRE(pid_ > 0); }
  ~Orphan() { ::kill(pid_, SIGKILL); }
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;
  bool lives() const { return ::kill(pid_, 0) == 0; }

 private:
  pid_t pid_;
};

pid_t leave_child(bool execute) {
  if (!execute) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    std::this_thread::sleep_for(std::chrono::minutes(1));  // unless it is killed
    ::_exit(0);
  }
  std::string program = "/bin/sleep", seconds = "60";
  char* words[] = {program.data(), seconds.data(), nullptr};
  char* variables[] = {nullptr};
  pid_t pid = -1;
  return ::posix_spawn(&pid, program.c_str(), nullptr, nullptr, words, variables) == 0 ? pid : -1;
}

bool can_start(const std::filesystem::path& path) {
  try {
    ResultsStore store({.path = path}, [](auto) {});
    return true;
  } catch (const pr::CacheLocked&) {
    return false;
  }
}

}  // namespace

TEST_CASE("of two processes that start at once exactly one gets the file, 100 times") { race_pairs(100); }

TEST_CASE("of two processes that start at once exactly one gets the file, 1,000 times", "[long]") { race_pairs(1'000); }

TEST_CASE("when the process that holds the file is killed, the next start succeeds") {
  const TempDir dir;
  Tally tally("a death of the file's holder");
  for (int round = 0; round < 20; ++round) {
    tally.begin();
    Child holder([&](const Child::Parent& parent) {
      ResultsStore store({.path = dir / "r.jsonl"}, [](auto) {});
      parent.tell('h');
      for (;;) ::pause();
      return 0;
    });
    holder.await('h');
    CHECK_FALSE(can_start(dir / "r.jsonl"));
    holder.send(SIGKILL);
    holder.end();
    CHECK(can_start(dir / "r.jsonl"));
    tally.end();
  }
}

TEST_CASE("a child that outlives its job does not keep the file") {
  const TempDir dir;
  const bool execute = GENERATE(false, true);
  const bool killed = GENERATE(false, true);
  const SharedMemory<std::atomic<pid_t>> left;
  Child job([&](const Child::Parent& parent) {
    const pr::Report report = pr::map(
        [&](int item) {
          if (item == 7) *left = leave_child(execute);
          if (item != 30) return;
          while (*left == 0) std::this_thread::yield();
          parent.tell('l');
          if (killed) parent.hear('.');
        },
        std::vector<int>{1, 7, 20, 30},
        {.n_workers = 2, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
    return report.exit_code();
  });
  job.await('l');
  if (killed) job.send(SIGKILL);
  CHECK(job.end() == (killed ? -SIGKILL : 0));
  const Orphan orphan(*left);
  // `fork` may return in the job before the child has closed its copies.
  CHECK(eventually([&] { return can_start(dir / "r.jsonl"); }));
  CHECK(orphan.lives());
}

TEST_CASE("a child that is left behind while other jobs start and end keeps none of their files") {
  const TempDir dir;
  Child busy([&](const Child::Parent&) {
    std::vector<pid_t> pids;
    bool all_free = true;
    {
      std::atomic<bool> over = false;
      std::jthread jobs([&] {
        for (int i = 0; !over; ++i) {
          ResultsStore store({.path = dir / ("r" + std::to_string(i % 4) + ".jsonl")}, [](auto) {});
        }
      });
      for (int i = 0; i < 100; ++i) {
        pids.push_back(leave_child(false));
        std::this_thread::yield();
      }
      over = true;
    }
    for (int i = 0; i < 4; ++i) {
      all_free = all_free && eventually([&] { return can_start(dir / ("r" + std::to_string(i) + ".jsonl")); });
    }
    for (const pid_t pid : pids) {
      if (pid > 0) ::kill(pid, SIGKILL);
      TEMP_FAILURE_RETRY(::waitpid(pid, nullptr, 0));
    }
    return all_free ? 0 : 1;
  });
  CHECK(busy.end() == 0);
}
