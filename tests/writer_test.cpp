#include "store/writer.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>

#include "support/ends.hpp"
#include "support/faults.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

using namespace pararun;
using namespace pararun::store;
using namespace std::chrono_literals;
using pararun::testing::eventually;
using pararun::testing::FaultyFile;
using pararun::testing::read_file;
using pararun::testing::SmallDisk;
using pararun::testing::TempDir;

namespace {

constexpr auto kNever = std::chrono::hours(1);
constexpr std::size_t kPiece = 64 << 10;

/// Gives what should not happen some time to happen.
void let_others_run() {
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
}

/// Two files, a writer on them and what it has counted.
struct Rig {
  explicit Rig(const std::filesystem::path& directory, Writer::Settings settings = {})
      : results(open_locked(directory / "r.jsonl")), failures(open_locked(directory / "r.failed.jsonl")) {
    writer.emplace(results, failures, settings, [this](Settled settled) {
      succeeded += settled.succeeded;
      failed += settled.failed;
      if (on_commit) on_commit();
    });
  }

  void append(const std::string& lines, std::uint64_t count = 1) { writer->append(lines, "", {count, 0}); }

  /// What `finish` throws; none if it returns.
  std::optional<StoreError> finish() {
    try {
      writer->finish();
    } catch (const StoreError& error) {
      return error;
    }
    return std::nullopt;
  }

  std::string content() const { return read_file(results.path); }

  LockedFile results;
  LockedFile failures;
  std::atomic<std::uint64_t> succeeded = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::function<void()> on_commit;
  std::optional<Writer> writer;
};

std::uint64_t count_lines(const std::string& text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string line(int number) { return "{\"id\":" + std::to_string(number) + "}\n"; }

std::string lines(int begin, int end) {
  std::string text;
  for (int i = begin; i < end; ++i) text += line(i);
  return text;
}

}  // namespace

TEST_CASE("what was appended is in the files when finish returns, in order and counted") {
  const TempDir dir;
  const Durability durability = GENERATE(Durability::process, Durability::machine);
  const std::chrono::milliseconds flush_interval = GENERATE(0ms, 1ms, std::chrono::milliseconds(kNever));
  Rig rig(dir.path(), {.durability = durability, .flush_interval = flush_interval});
  for (int i = 0; i < 1000; ++i)
    rig.writer->append(line(i), i % 10 == 0 ? "failure\n" : "", {1, i % 10 == 0 ? 1u : 0u});
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == lines(0, 1000));
  CHECK(count_lines(read_file(rig.failures.path)) == 100);
  CHECK(rig.succeeded == 1000);
  CHECK(rig.failed == 100);
  CHECK_FALSE(rig.finish());
}

TEST_CASE("lines go behind what the file holds already") {
  const TempDir dir;
  pararun::testing::write_file(dir / "r.jsonl", "before\n");
  Rig rig(dir.path());
  rig.append("after\n");
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == "before\nafter\n");
}

TEST_CASE("lines from several threads stay whole and are written once each") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 0ms});
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&rig, thread] {
        for (int i = 0; i < 1000; ++i) rig.append(line(thread * 1000 + i));
      });
    }
  }
  CHECK_FALSE(rig.finish());
  std::vector<int> ids;
  const std::string content = rig.content();
  for (std::size_t begin = 0; begin < content.size(); begin = content.find('\n', begin) + 1) {
    ids.push_back(std::stoi(content.substr(begin + 6)));
    REQUIRE(content.compare(begin, line(ids.back()).size(), line(ids.back())) == 0);
  }
  std::sort(ids.begin(), ids.end());
  REQUIRE(ids.size() == 4000);
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  CHECK(ids.back() == 3999);
  CHECK(rig.succeeded == 4000);
}

TEST_CASE("a lone line reaches the file without any further call") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 5ms});
  rig.append("lone\n");
  CHECK(eventually([&] { return rig.content() == "lone\n" && rig.succeeded == 1; }));
}

TEST_CASE("a lone line waits for the flush interval, many do not") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = kNever});
  const std::string many(Writer::kWorthWriting / 2, '\n');
  for (std::uint64_t round = 1; round <= 5; ++round) {
    const std::string before = rig.content();
    rig.append("lone\n");
    rig.append(many);
    let_others_run();
    CHECK((rig.content() == before));
    rig.append(many);
    CHECK(eventually([&] { return rig.succeeded == 3 * round; }));
    CHECK((rig.content() == before + "lone\n" + many + many));
  }
}

TEST_CASE("a result is counted only when its line is in the file") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 0ms});
  bool counted_early = false;
  rig.on_commit = [&] { counted_early |= count_lines(rig.content()) < rig.succeeded; };
  for (int i = 0; i < 2000; ++i) rig.append(line(i));
  CHECK_FALSE(rig.finish());
  CHECK_FALSE(counted_early);
}

TEST_CASE("a result is counted only when its line is on the disk, where that is asked for") {
  const TempDir dir;
  Rig rig(dir.path(), {.durability = Durability::machine, .flush_interval = 0ms});
  const FaultyFile watched(dir / "r.jsonl", {});
  bool counted_early = false;
  rig.on_commit = [&] { counted_early |= watched.unsynced() != 0; };
  for (int i = 0; i < 200; ++i) rig.append(line(i));
  CHECK_FALSE(rig.finish());
  CHECK_FALSE(counted_early);
  CHECK(watched.syncs() >= 1);
}

TEST_CASE("nothing is synced where that is not asked for") {
  const TempDir dir;
  Rig rig(dir.path());
  const FaultyFile watched(dir / "r.jsonl", {});
  rig.append("line\n");
  CHECK_FALSE(rig.finish());
  CHECK(watched.syncs() == 0);
}

TEST_CASE("many small appends make few system calls") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = kNever});
  const FaultyFile watched(dir / "r.jsonl", {});
  for (int i = 0; i < 100'000; ++i) rig.append(line(i));
  CHECK_FALSE(rig.finish());
  CHECK(watched.writes() <= 1 + static_cast<int>(rig.content().size() / Writer::kWorthWriting));
}

TEST_CASE("a slow disk makes append wait once the buffer is full, and no sooner") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 0ms});
  std::atomic<bool> held = true;
  const FaultyFile slow(dir / "r.jsonl", {.held = &held});
  const std::string piece(kPiece, '\n');
  rig.append("first\n");
  REQUIRE(eventually([&] { return slow.held() == 1; }));
  for (std::size_t bytes = 0; bytes < Writer::kCapacity; bytes += kPiece) rig.append(piece);
  std::atomic<bool> taken = false;
  std::jthread job([&] {
    rig.append(piece);
    taken = true;
  });
  let_others_run();
  CHECK_FALSE(taken);
  held = false;
  job.join();
  CHECK_FALSE(rig.finish());
  CHECK(rig.content().size() == 6 + Writer::kCapacity + kPiece);
}

TEST_CASE("a piece that is larger than the buffer is taken all the same") {
  const TempDir dir;
  Rig rig(dir.path());
  const std::string huge(3 * Writer::kCapacity, 'x');
  rig.append("small\n");
  rig.append(huge + "\n");
  rig.append("small\n");
  CHECK_FALSE(rig.finish());
  CHECK((rig.content() == "small\n" + huge + "\nsmall\n"));
}

TEST_CASE("short and interrupted writes are continued") {
  const TempDir dir;
  Rig rig(dir.path());
  const FaultyFile faulty(dir / "r.jsonl", {.at_most = 7, .interrupted = true});
  rig.append(lines(0, 100), 100);
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == lines(0, 100));
  CHECK(rig.succeeded == 100);
}

TEST_CASE("a disk that is full for a while loses and doubles nothing") {
  const TempDir dir;
  Rig rig(dir.path(), {.full_disk_wait = kNever});
  const std::size_t room = GENERATE(0u, 1u, 9u, 10u, 25u, 899u);
  const int error = GENERATE(ENOSPC, EDQUOT);
  const FaultyFile full(dir / "r.jsonl", {.write_error = error, .room = room, .write_times = 2});
  rig.append(lines(0, 100), 100);
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == lines(0, 100));
  CHECK(rig.succeeded == 100);
}

TEST_CASE("no part of a line is left while a full disk is waited for") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = kNever});
  const FaultyFile full(dir / "r.jsonl", {.write_error = ENOSPC, .room = 25});
  rig.append(lines(0, 100), 100);
  CHECK(eventually([&] { return full.writes() > 2; }));
  CHECK(rig.content() == lines(0, 2));
  CHECK(rig.succeeded == 0);
  CHECK_FALSE(rig.writer->failed());
}

TEST_CASE("a writer that is given up does not wait for a full disk") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = kNever});
  const FaultyFile full(dir / "r.jsonl", {.write_error = ENOSPC});
  rig.append("line\n");
  CHECK(eventually([&] { return full.writes() > 0; }));
  rig.writer.reset();
  CHECK(rig.content().empty());
}

TEST_CASE("a write that fails for good keeps whole lines, counts nothing more and is told by finish") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = 0ms});
  const int reason = GENERATE(EIO, EFBIG, ENOSPC, EDQUOT, EBADF, EPERM);
  rig.append("counted\n");
  REQUIRE(eventually([&] { return rig.succeeded == 1; }));
  const FaultyFile faulty(dir / "r.jsonl", {.write_error = reason, .room = 25, .write_times = 1});
  rig.append(lines(0, 100), 100);
  CHECK(eventually([&] { return rig.writer->failed(); }));
  const int writes = faulty.writes();
  // Far more than the buffer holds: dropped, not kept and not waited with.
  for (std::size_t bytes = 0; bytes < 2 * Writer::kCapacity; bytes += kPiece) rig.append(std::string(kPiece, '\n'));
  const std::optional<StoreError> error = rig.finish();
  REQUIRE(error);
  CHECK(error->error_number() == reason);
  CHECK(error->path() == dir / "r.jsonl");
  CHECK(rig.content() == "counted\n" + lines(0, 2));
  CHECK(rig.succeeded == 1);
  CHECK(faulty.writes() == writes);
  REQUIRE(rig.finish());
}

TEST_CASE("a part of a line that cannot be removed ends the writing") {
  const TempDir dir;
  Rig rig(dir.path(), {.full_disk_wait = kNever});
  const FaultyFile faulty(dir / "r.jsonl",
                          {.write_error = ENOSPC, .room = 25, .write_times = 1, .truncate_error = EPERM});
  rig.append(lines(0, 100), 100);
  const std::optional<StoreError> error = rig.finish();
  REQUIRE(error);
  CHECK(error->error_number() == ENOSPC);
  CHECK(rig.content() == lines(0, 100).substr(0, 25));
  CHECK(rig.succeeded == 0);
}

TEST_CASE("what somebody else has appended is not cut off with a part of a line") {
  const TempDir dir;
  Rig rig(dir.path(), {.full_disk_wait = 0ms});
  pararun::testing::write_file(dir / "r.jsonl", "another's\n");
  const FaultyFile faulty(dir / "r.jsonl", {.write_error = EIO, .room = 25});
  rig.append(lines(0, 100), 100);
  REQUIRE(rig.finish());
  CHECK(faulty.truncates() == 0);
  CHECK(rig.content() == "another's\n" + lines(0, 100).substr(0, 25));
}

TEST_CASE("a failures file that cannot be written is named") {
  const TempDir dir;
  Rig rig(dir.path());
  const FaultyFile faulty(dir / "r.failed.jsonl", {.write_error = EIO});
  rig.writer->append("line\n", "failure\n", {1, 1});
  const std::optional<StoreError> error = rig.finish();
  REQUIRE(error);
  CHECK(error->path() == dir / "r.failed.jsonl");
  CHECK(rig.succeeded == 0);
  CHECK(rig.failed == 0);
}

TEST_CASE("after a sync has failed nothing is counted and no second one is tried") {
  const TempDir dir;
  Rig rig(dir.path(), {.durability = Durability::machine, .flush_interval = 0ms});
  const std::string name = GENERATE("r.jsonl", "r.failed.jsonl");
  const int reason = GENERATE(EIO, ENOSPC, EDQUOT);
  const FaultyFile faulty(dir / name, {.sync_error = reason, .sync_times = 1});
  rig.writer->append("line\n", "failure\n", {1, 1});
  CHECK(eventually([&] { return rig.writer->failed(); }));
  rig.writer->append("line\n", "failure\n", {1, 1});
  const std::optional<StoreError> error = rig.finish();
  REQUIRE(error);
  CHECK(error->error_number() == reason);
  CHECK(error->path() == dir / name);
  CHECK(rig.succeeded == 0);
  CHECK(faulty.syncs() == 1);
}

TEST_CASE("an interrupted sync is taken up again") {
  const TempDir dir;
  Rig rig(dir.path(), {.durability = Durability::machine});
  const FaultyFile faulty(dir / "r.jsonl", {.sync_error = EINTR, .sync_times = 3});
  rig.append("line\n");
  CHECK_FALSE(rig.finish());
  CHECK(faulty.syncs() == 4);
}

TEST_CASE("threads that wait in append are let go when the disk fails") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = 0ms});
  std::atomic<bool> held = true;
  const FaultyFile faulty(dir / "r.jsonl", {.write_error = EIO, .held = &held});
  const std::string piece(kPiece, '\n');
  rig.append("first\n");
  REQUIRE(eventually([&] { return faulty.held() == 1; }));
  for (std::size_t bytes = 0; bytes < Writer::kCapacity; bytes += kPiece) rig.append(piece);
  {
    std::jthread one([&] { rig.append(piece); });
    std::jthread another([&] { rig.append(piece); });
    let_others_run();
    held = false;
  }
  CHECK(rig.finish());
  CHECK(rig.content().empty());
}

TEST_CASE("a file at the process's size limit is an error, not the end of the process") {
  const TempDir dir;
  Rig rig(dir.path());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 100'005;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  rig.append(lines(10'000, 30'000), 20'000);
  const std::optional<StoreError> error = rig.finish();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE(error);
  CHECK(error->error_number() == EFBIG);
  CHECK(rig.content() == lines(10'000, 30'000).substr(0, 99'996));
}

TEST_CASE("a full disk is an error that names the file, and a rerun goes on when there is room") {
  const TempDir dir;
  const SmallDisk disk(dir.path(), "64k");
  if (!disk.mounted()) {
    WARN(disk.reason());
    return;
  }
  pararun::testing::write_file(disk / "other", std::string(32 << 10, 'x'));
  {
    Rig rig(dir.path(), {.full_disk_wait = 100ms});
    rig.append(lines(10'000, 20'000), 10'000);
    const std::optional<StoreError> error = rig.finish();
    REQUIRE(error);
    CHECK(error->error_number() == ENOSPC);
    CHECK(error->path() == disk / "r.jsonl");
    CHECK(rig.succeeded == 0);
  }
  const std::string kept = read_file(disk / "r.jsonl");
  CHECK(kept == lines(10'000, 20'000).substr(0, kept.size()));
  CHECK(kept.back() == '\n');
  std::filesystem::remove(disk / "other");
  Rig rig(dir.path());
  rig.append("more\n");
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == kept + "more\n");
}

TEST_CASE("room made on a full disk in time is used") {
  const TempDir dir;
  const SmallDisk disk(dir.path(), "64k");
  if (!disk.mounted()) {
    WARN(disk.reason());
    return;
  }
  pararun::testing::write_file(disk / "other", std::string(56 << 10, 'x'));
  Rig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = kNever});
  rig.append(lines(10'000, 13'000), 3'000);
  CHECK(eventually([&] { return !rig.content().empty(); }));
  std::filesystem::remove(disk / "other");
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == lines(10'000, 13'000));
  CHECK(rig.succeeded == 3'000);
}

TEST_CASE("a file that is taken away while the job runs is noticed at the next commit") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "d");
  Rig rig(dir / "d", {.flush_interval = 0ms});
  rig.append("counted\n");
  REQUIRE(eventually([&] { return rig.succeeded == 1; }));
  const std::filesystem::path path = dir / "d" / "r.jsonl";
  const auto [action, words] = GENERATE(table<int, std::string>({{0, "this was deleted or replaced"},
                                                                 {1, "this was deleted or replaced"},
                                                                 {2, "this was deleted or replaced"},
                                                                 {3, "this was deleted or replaced"},
                                                                 {4, "this was truncated"}}));
  if (action == 0) std::filesystem::remove(path);
  if (action == 1) std::filesystem::rename(path, dir / "elsewhere");
  if (action == 2) std::filesystem::rename(dir / "d", dir / "e");
  if (action == 3) {
    pararun::testing::write_file(dir / "new", "counted\n");
    std::filesystem::rename(dir / "new", path);
  }
  if (action == 4) std::filesystem::resize_file(path, 0);
  rig.append("not counted\n");
  CHECK(eventually([&] { return rig.writer->failed(); }));
  const std::optional<StoreError> error = rig.finish();
  REQUIRE(error);
  CHECK(std::string(error->what()) == path.string() + ": " + words + " while the job ran");
  CHECK(rig.succeeded == 1);
}

TEST_CASE("a file that is taken away after the last commit is noticed by finish") {
  const TempDir dir;
  Rig rig(dir.path());
  std::filesystem::remove(dir / "r.jsonl");
  CHECK(rig.finish());
}

TEST_CASE("a program that changes its working directory does not confuse the writer") {
  const TempDir dir;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  Rig rig("");
  std::filesystem::current_path(before);
  rig.append("line\n");
  CHECK_FALSE(rig.finish());
  CHECK(read_file(dir / "r.jsonl") == "line\n");
}

TEST_CASE("what was not committed when the writer goes is dropped") {
  const TempDir dir;
  Rig rig(dir.path(), {.flush_interval = kNever});
  rig.append("line\n");
  rig.writer.reset();
  CHECK(rig.content().empty());
  CHECK(rig.succeeded == 0);
}

TEST_CASE("the writer's thread has a name and takes no signals") {
  const TempDir dir;
  Rig rig(dir.path());
  // All but SIGKILL, SIGSTOP and the two that the C library keeps for itself. A new thread has them all for a moment.
  CHECK(eventually([] {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
      const std::string text = read_file(entry.path() / "status");
      if (text.find("Name:\tpararun-writer\n") != 0) continue;
      return text.find("SigBlk:\tfffffffe7ffbfeff") != std::string::npos;
    }
    return false;
  }));
}
