#include "store/writer.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "support/ends.hpp"
#include "support/faults.hpp"
#include "support/temp_dir.hpp"
#include "support/writer_rig.hpp"

using namespace pararun;
using namespace pararun::store;
using namespace pararun::testing;
using namespace std::chrono_literals;

TEST_CASE("what was appended is in the files when finish returns, in order and counted") {
  const TempDir dir;
  const Durability durability = GENERATE(Durability::process, Durability::machine);
  const std::chrono::milliseconds flush_interval = GENERATE(0ms, 1ms, std::chrono::milliseconds(kNever));
  WriterRig rig(dir.path(), {.durability = durability, .flush_interval = flush_interval});
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
  write_file(dir / "r.jsonl", "before\n");
  WriterRig rig(dir.path());
  rig.append("after\n");
  CHECK_FALSE(rig.finish());
  CHECK(rig.content() == "before\nafter\n");
}

TEST_CASE("lines from several threads stay whole and are written once each") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = 0ms});
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
  WriterRig rig(dir.path(), {.flush_interval = 5ms});
  rig.append("lone\n");
  CHECK(eventually([&] { return rig.content() == "lone\n" && rig.succeeded == 1; }));
}

TEST_CASE("a lone line waits for the flush interval, many do not") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = kNever});
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
  WriterRig rig(dir.path(), {.flush_interval = 0ms});
  bool counted_early = false;
  rig.on_commit = [&] { counted_early |= count_lines(rig.content()) < rig.succeeded; };
  for (int i = 0; i < 2000; ++i) rig.append(line(i));
  CHECK_FALSE(rig.finish());
  CHECK_FALSE(counted_early);
}

TEST_CASE("a result is counted only when its line is on the disk, where that is asked for") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.durability = Durability::machine, .flush_interval = 0ms});
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
  WriterRig rig(dir.path());
  const FaultyFile watched(dir / "r.jsonl", {});
  rig.append("line\n");
  CHECK_FALSE(rig.finish());
  CHECK(watched.syncs() == 0);
}

TEST_CASE("many small appends make few system calls") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = kNever});
  const FaultyFile watched(dir / "r.jsonl", {});
  for (int i = 0; i < 100'000; ++i) rig.append(line(i));
  CHECK_FALSE(rig.finish());
  CHECK(watched.writes() <= 1 + static_cast<int>(rig.content().size() / Writer::kWorthWriting));
}

TEST_CASE("a slow disk makes append wait once the buffer is full, and no sooner") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = 0ms});
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
  WriterRig rig(dir.path());
  const std::string huge(3 * Writer::kCapacity, 'x');
  rig.append("small\n");
  rig.append(huge + "\n");
  rig.append("small\n");
  CHECK_FALSE(rig.finish());
  CHECK((rig.content() == "small\n" + huge + "\nsmall\n"));
}

TEST_CASE("a program that changes its working directory does not confuse the writer") {
  const TempDir dir;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  WriterRig rig("");
  std::filesystem::current_path(before);
  rig.append("line\n");
  CHECK_FALSE(rig.finish());
  CHECK(read_file(dir / "r.jsonl") == "line\n");
}

TEST_CASE("what was not committed when the writer goes is dropped") {
  const TempDir dir;
  WriterRig rig(dir.path(), {.flush_interval = kNever});
  rig.append("line\n");
  rig.writer.reset();
  CHECK(rig.content().empty());
  CHECK(rig.succeeded == 0);
}

TEST_CASE("the writer's thread has a name and takes no signals") {
  const TempDir dir;
  WriterRig rig(dir.path());
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
