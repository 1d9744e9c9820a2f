/// Jobs that run out of something: file size, room on the disk, descriptors, threads. Each runs in a child process.
#include <pararun/map.hpp>

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/job.hpp"
#include "support/small_disk.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using Parent = Child::Parent;

namespace {

enum Outcome : int { kDone = 0, kSomeFailed = 1, kStoreError = 10, kOtherError, kNoErrorOfOurs, kWrongError };

std::string padded(int item) { return std::string(static_cast<std::size_t>(200 + item % 7), 'x'); }

std::vector<std::string> names(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back("item " + std::to_string(i));
  return all;
}

/// What a job ends with, as a number that a child can return.
template <class Job>
int outcome(Job job) {
  try {
    return job();
  } catch (const pr::StoreError& error) {
    std::cout << error.what() << std::flush;
    return kStoreError;
  } catch (const pr::Error& error) {
    std::cout << error.what() << std::flush;
    return kOtherError;
  } catch (const std::exception& error) {
    std::cout << error.what() << std::flush;
    return kNoErrorOfOurs;
  }
}

/// What is in the file is whole, and each id is there once.
std::vector<std::string> checked_ids(const std::filesystem::path& path) {
  std::vector<std::string> ids = sorted(ids_in(path));
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  return ids;
}

/// Runs the job to its end with nothing in its way. A line may be torn before.
void require_resumable(const std::filesystem::path& path, int items) {
  const std::size_t before = count_lines(path);
  Child child([&](const Parent&) {
    return outcome([&] {
      const pr::Report report =
          pr::map([](const std::string&) {}, names(items), {.cache_path = path, .progress = pr::Progress::none});
      return report.skipped == before ? report.exit_code() : kWrongError;
    });
  });
  CHECK(child.end() == kDone);
  CHECK(checked_ids(path).size() == static_cast<std::size_t>(items));
}

void set_limit(__rlimit_resource_t resource, ::rlim_t limit) {
  rlimit both{};
  ::getrlimit(resource, &both);
  both.rlim_cur = limit;
  ::setrlimit(resource, &both);
}

}  // namespace

TEST_CASE(
    "a results file that meets the process's file size limit is an error that names it, not the end of the process") {
  const TempDir dir;
  const bool by_failures = GENERATE(false, true);
  const pr::Durability durability = GENERATE(pr::Durability::process, pr::Durability::machine);
  Tally tally("the process's file size limit");
  tally.begin();
  Child child([&](const Parent&) {
    set_limit(RLIMIT_FSIZE, 20'000);
    std::atomic<std::uint64_t> counted = 0;
    const int code = outcome([&] {
      return pr::map(
                 [&](const std::string& item) {
                   if (by_failures) throw std::runtime_error(padded(static_cast<int>(item.size())));
                   return padded(static_cast<int>(item.size()));
                 },
                 names(1'000),
                 {.n_workers = 2,
                  .cache_path = dir / "r.jsonl",
                  .durability = durability,
                  .progress = pr::Progress::none,
                  .on_progress = [&](const pr::ProgressState& state) { counted = state.succeeded + state.failed; }})
          .exit_code();
    });
    return counted <= 100 ? code : kWrongError;
  });
  CHECK(child.end() == kStoreError);
  const std::filesystem::path full = dir / (by_failures ? "r.failed.jsonl" : "r.jsonl");
  CHECK(child.printed() == full.string() + ": cannot write: File too large");
  CHECK(ids_in(full).size() >= 50);
  CHECK(std::filesystem::file_size(full) <= 20'000);
  require_resumable(dir / "r.jsonl", 1'000);
  tally.end();
}

TEST_CASE(
    "a disk that stays full ends the job with an error that names the file, and a rerun goes on when there is room") {
  const TempDir dir;
  const SmallDisk disk(dir.path(), "256k");
  Tally tally("a full disk");
  if (!disk.mounted()) {
    WARN(disk.reason());
    return;
  }
  const bool by_failures = GENERATE(false, true);
  tally.begin();
  Child child([&](const Parent&) {
    std::atomic<std::uint64_t> begun = 0, ended = 0, counted = 0;
    const int code = outcome([&] {
      return pr::map(
                 [&](const std::string& item) {
                   ++begun;
                   const std::string result = padded(static_cast<int>(item.size()));
                   ++ended;
                   if (by_failures) throw std::runtime_error(result);
                   return result;
                 },
                 names(50'000),
                 {.n_workers = 2,
                  .cache_path = disk / "r.jsonl",
                  .progress = pr::Progress::none,
                  .on_progress = [&](const pr::ProgressState& state) { counted = state.succeeded + state.failed; }})
          .exit_code();
    });
    // What had begun was finished, the rest was not begun, and only what is in the file was counted.
    const bool drained = begun == ended && begun < 50'000;
    const std::uint64_t kept = lines_in(disk / (by_failures ? "r.failed.jsonl" : "r.jsonl")).size();
    return drained && counted <= kept && kept > 100 ? code : kWrongError;
  });
  CHECK(child.end() == kStoreError);
  const std::filesystem::path full = disk / (by_failures ? "r.failed.jsonl" : "r.jsonl");
  CHECK(child.printed() == full.string() + ": cannot write: No space left on device");
  checked_ids(full);
  REQUIRE(disk.resize("64m"));
  require_resumable(disk / "r.jsonl", 50'000);
  tally.end();
}

TEST_CASE("results that meet a full disk wait, and are written when there is room in time") {
  const TempDir dir;
  const SmallDisk disk(dir.path(), "256k");
  Tally tally("a full disk");
  if (!disk.mounted()) {
    WARN(disk.reason());
    return;
  }
  tally.begin();
  Child child([&](const Parent&) {
    return outcome([&] {
      return pr::map([&](const std::string& item) { return padded(static_cast<int>(item.size())); }, names(5'000),
                     {.n_workers = 2, .cache_path = disk / "r.jsonl", .progress = pr::Progress::none})
          .exit_code();
    });
  });
  const auto size = [&] {
    std::error_code missing;
    const auto bytes = std::filesystem::file_size(disk / "r.jsonl", missing);
    return missing ? 0 : bytes;
  };
  // Full but for a part of a line.
  REQUIRE(eventually([&] { return size() > 240'000; }));
  REQUIRE(disk.resize("64m"));
  CHECK(child.end() == kDone);
  CHECK(checked_ids(disk / "r.jsonl").size() == 5'000);
  tally.end();
}

TEST_CASE("a job without enough descriptors says so and loses nothing, one with just enough succeeds") {
  const TempDir dir;
  const std::string before = "{\"id\":\"item 0\"}\n{\"id\":\"item 1\"}\n{\"id\":\"item 2\"}\n";
  write_file(dir / "in.txt", "item 0\nitem 1\nitem 2\nitem 3\n");
  constexpr int kMost = 10;
  Tally tally("descriptors that cannot be had");
  int enough = kMost;
  for (int free = 0; free < enough; ++free) {
    write_file(dir / "r.jsonl", before + "{\"id\":\"torn");
    tally.begin();
    Child child([&](const Parent&) {
      // All numbers below the first free one shall be taken.
      int last = 0;
      while (last < 13) last = ::open("/dev/null", O_RDWR | O_CLOEXEC);
      set_limit(RLIMIT_NOFILE, static_cast<::rlim_t>(last + 1 + free));
      return outcome([&] {
        return pr::map([](const std::string&) {}, pr::lines(dir / "in.txt"),
                       {.n_workers = 3,
                        .cache_path = dir / "r.jsonl",
                        .handle_signals = true,
                        .durability = pr::Durability::machine,
                        .progress = pr::Progress::none,
                        .on_progress = [](const pr::ProgressState&) {}})
            .exit_code();
      });
    });
    const std::string said = child.printed();
    INFO(free << " descriptors free: " << said);
    if (child.end() == kDone) {
      enough = free;
    } else {
      CHECK((child.end() == kStoreError || child.end() == kOtherError));
      CHECK_THAT(said, Catch::EndsWith("Too many open files"));
      CHECK(read_file(dir / "r.jsonl").starts_with(before));
      require_resumable(dir / "r.jsonl", 4);
    }
    tally.end();
  }
  CHECK(enough > 1);
  CHECK(enough < kMost);
  std::cout << "a job from lines to a results file needs " << enough << " descriptors\n";
}

namespace {

/// Runs a job of many workers where the user has so many threads, and returns the outcome; -100 where this cannot be.
int run_with_threads(const std::filesystem::path& path, int threads, std::string& said) {
  Child child([&](const Parent&) {
    // Limits on threads are a user's and do not bind root: a user that nobody else is.
    const auto user = static_cast<::uid_t>(200'000 + ::getpid() % 1'000'000);
    if (::setgroups(0, nullptr) != 0) return 200;
    set_limit(RLIMIT_NPROC, static_cast<::rlim_t>(threads));
    if (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0) return 200;
    return outcome([&] {
      std::atomic<bool> called = false;
      const pr::Report report = pr::map([](const std::string&) {}, names(200),
                                        {.n_workers = 8,
                                         .cache_path = path,
                                         .batch = 1,
                                         .progress = pr::Progress::none,
                                         .on_progress = [&](const pr::ProgressState&) { called = true; }});
      return called && report.succeeded + report.skipped == 200 ? report.exit_code() : kWrongError;
    });
  });
  said = child.printed();
  return child.end() == 200 ? -100 : child.end();
}

void try_with_few_threads(int rounds) {
  Tally tally("threads that cannot be had");
  int refused = 0, done = 0;
  for (int round = 0; round < rounds; ++round) {
    for (int threads = 1; threads <= 14; ++threads) {
      const TempDir dir;
      std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
      std::string said;
      tally.begin();
      const int code = run_with_threads(dir / "r.jsonl", threads, said);
      if (code == -100) {
        tally.call_off();
        WARN("skipped: this process cannot become another user");
        return;
      }
      INFO(threads << " threads: " << said);
      if (code == kDone) {
        ++done;
        REQUIRE(checked_ids(dir / "r.jsonl").size() == 200);
      } else {
        ++refused;
        REQUIRE((code == kStoreError || code == kOtherError));
        REQUIRE_THAT(said, Catch::Contains("thread"));
        require_resumable(dir / "r.jsonl", 200);
      }
      // Alone there is no thread that could write; with all of them there is no reason to fail.
      if (threads == 1) REQUIRE(code != kDone);
      if (threads >= 11) REQUIRE(code == kDone);
      tally.end();
    }
  }
  std::cout << "with too few threads " << refused << " jobs were refused and " << done << " done, none was aborted\n";
}

}  // namespace

TEST_CASE("a job that cannot have its threads does with fewer workers or says so, and is never aborted") {
  try_with_few_threads(2);
}

TEST_CASE("a job that cannot have its threads is never aborted, however often it is tried", "[long]") {
  try_with_few_threads(100);
}
