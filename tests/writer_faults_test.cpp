#include "store/writer.hpp"

#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>

#include "support/ends.hpp"
#include "support/faults.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"
#include "support/writer_rig.hpp"

using namespace pararun;
using namespace pararun::store;
using namespace pararun::testing;
using namespace std::chrono_literals;

TEST_CASE("short and interrupted writes are continued") {
  const TempDir dir;
  WriterRig rig(dir.path());
  const FaultyFile faulty(dir / "r.jsonl", {.at_most = 7, .interrupted = true});
  rig.append(lines(0, 100), 100);
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == lines(0, 100));
  CHECK(rig.succeeded == 100);
}

TEST_CASE("a disk that is full for a while loses and doubles nothing") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.full_disk_wait = kNever});
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
  WriterRig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = kNever});
  const FaultyFile full(dir / "r.jsonl", {.write_error = ENOSPC, .room = 25});
  rig.append(lines(0, 100), 100);
  CHECK(eventually([&] { return full.writes() > 2; }));
  CHECK(rig.content() == lines(0, 2));
  CHECK(rig.succeeded == 0);
  CHECK_FALSE(rig.writer->failed());
}

TEST_CASE("a writer that is given up does not wait for a full disk") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = kNever});
  const FaultyFile full(dir / "r.jsonl", {.write_error = ENOSPC});
  rig.append("line\n");
  CHECK(eventually([&] { return full.writes() > 0; }));
  rig.writer.reset();
  CHECK(rig.content().empty());
}

TEST_CASE("a write that fails for good keeps whole lines, counts nothing more and is told by finish") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = 0ms});
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
  WriterRig rig(dir.path(), {.full_disk_wait = kNever});
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
  WriterRig rig(dir.path(), {.full_disk_wait = 0ms});
  write_file(dir / "r.jsonl", "another's\n");
  const FaultyFile faulty(dir / "r.jsonl", {.write_error = EIO, .room = 25});
  rig.append(lines(0, 100), 100);
  REQUIRE(rig.finish());
  CHECK(faulty.truncates() == 0);
  CHECK(rig.content() == "another's\n" + lines(0, 100).substr(0, 25));
}

TEST_CASE("a failures file that cannot be written is named") {
  const TempDir dir;
  WriterRig rig(dir.path());
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
  WriterRig rig(dir.path(), {.durability = Durability::machine, .flush_interval = 0ms});
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
  WriterRig rig(dir.path(), {.durability = Durability::machine});
  const FaultyFile faulty(dir / "r.jsonl", {.sync_error = EINTR, .sync_times = 3});
  rig.append("line\n");
  CHECK_FALSE(rig.finish());
  CHECK(faulty.syncs() == 4);
}

TEST_CASE("threads that wait in append are let go when the disk fails") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = 0ms});
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
  WriterRig rig(dir.path());
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
  write_file(disk / "other", std::string(32 << 10, 'x'));
  {
    WriterRig rig(dir.path(), {.full_disk_wait = 100ms});
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
  WriterRig rig(dir.path());
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
  write_file(disk / "other", std::string(56 << 10, 'x'));
  WriterRig rig(dir.path(), {.flush_interval = 0ms, .full_disk_wait = kNever});
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
  WriterRig rig(dir / "d", {.flush_interval = 0ms});
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
    write_file(dir / "new", "counted\n");
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
  WriterRig rig(dir.path());
  std::filesystem::remove(dir / "r.jsonl");
  CHECK(rig.finish());
}
