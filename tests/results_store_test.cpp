#include "store/results_store.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>

#include "store/lock.hpp"
#include "support/ends.hpp"
#include "support/faults.hpp"
#include "support/temp_dir.hpp"

using namespace pararun;
using namespace pararun::store;
using namespace std::chrono_literals;
using namespace std::string_literals;
using pararun::testing::eventually;
using pararun::testing::FaultyFile;
using pararun::testing::read_file;
using pararun::testing::TempDir;
using pararun::testing::write_file;

namespace {

/// A store on `r.jsonl` of a directory, and what it has counted.
struct Rig {
  explicit Rig(const TempDir& dir, StoreOptions options = {}) {
    options.path = dir / "r.jsonl";
    store = std::make_unique<ResultsStore>(options, [this](Settled settled) { counted += settled.succeeded; });
  }

  Admission admit(const std::string& id) {
    ids.clear();
    ids.add_string(id);
    return admit();
  }
  Admission admit(int id) {
    ids.clear();
    ids.add_integer(id);
    return admit();
  }
  Admission admit() {
    store->admit(ids, verdicts);
    REQUIRE(verdicts.size() == 1);
    return verdicts.front();
  }

  std::atomic<std::uint64_t> counted = 0;
  detail::IdList ids;
  std::vector<Admission> verdicts;
  std::unique_ptr<ResultsStore> store;
};

std::string line(const std::string& id) { return "{\"id\":\"" + id + "\"}\n"; }

}  // namespace

TEST_CASE("a missing results file and an empty one are a fresh start") {
  const TempDir dir;
  if (GENERATE(true, false)) write_file(dir / "r.jsonl", "");
  Rig rig(dir);
  const Recovery& recovery = rig.store->recovery();
  CHECK(recovery.lines == 0);
  CHECK(recovery.ids == 0);
  CHECK(recovery.torn_bytes == 0);
  CHECK(recovery.torn_path.empty());
  CHECK_FALSE(recovery.newline_added);
  CHECK(rig.admit("a") == Admission::run);
  rig.store->finish();
  CHECK(exists(dir / "r.failed.jsonl"));
  CHECK_FALSE(exists(dir / "r.torn.jsonl"));
}

TEST_CASE("what one store wrote the next one skips") {
  const TempDir dir;
  {
    Rig rig(dir);
    CHECK(rig.admit("a") == Admission::run);
    CHECK(rig.admit(1) == Admission::run);
    rig.store->append(line("a"), "", {1, 0});
    rig.store->append("{\"id\":1}\n", "", {1, 0});
    rig.store->finish();
    CHECK(rig.counted == 2);
  }
  Rig rig(dir);
  CHECK(rig.store->recovery().lines == 2);
  CHECK(rig.admit("a") == Admission::skipped);
  CHECK(rig.admit("a") == Admission::skipped);
  CHECK(rig.admit(1) == Admission::skipped);
  CHECK(rig.admit("1") == Admission::run);
  CHECK(rig.admit("b") == Admission::run);
}

TEST_CASE("an id that is met twice in a run is a duplicate, within one list as well") {
  const TempDir dir;
  write_file(dir / "r.jsonl", line("old"));
  Rig rig(dir);
  for (const char* id : {"x", "old", "y", "x", "old"}) rig.ids.add_string(id);
  rig.verdicts.assign(17, Admission::run);
  rig.store->admit(rig.ids, rig.verdicts);
  using enum Admission;
  CHECK(rig.verdicts == std::vector{run, skipped, run, duplicate, skipped});
  CHECK(rig.admit("y") == duplicate);
}

TEST_CASE("the recovery report counts what it found, and nothing but the torn end is changed") {
  const TempDir dir;
  const std::string middle =
      "\xEF\xBB\xBF{\"id\":\"a\"}\r\n"
      "\n"
      "{\"other\":1}\n"
      "{\"id\":null}\n"
      "{\"id\":\"bad\xFF\"}\n"
      "garbage\n"
      "{\"id\":\"a\",\"again\":true}\n"
      "{\"id\":\"" +
      std::string(100'000, 'h') + "\"}\n";
  write_file(dir / "r.jsonl", middle + "{\"id\":\"torn");
  {
    Rig rig(dir);
    const Recovery& recovery = rig.store->recovery();
    CHECK(recovery.lines == 3);
    CHECK(recovery.ids == 2);
    CHECK(recovery.duplicates == 1);
    CHECK(recovery.foreign == 2);
    CHECK(recovery.damaged == 2);
    REQUIRE(recovery.damage.size() == 2);
    CHECK(recovery.damage[0].offset == middle.find("{\"id\":\"bad"));
    CHECK(recovery.damage[0].length == 13);
    CHECK(recovery.damage[1].offset == middle.find("garbage"));
    CHECK(recovery.torn_bytes == 11);
    CHECK(recovery.torn_path == dir / "r.torn.jsonl");
    CHECK(rig.admit("a") == Admission::skipped);
    CHECK(rig.admit(std::string(100'000, 'h')) == Admission::skipped);
    CHECK(rig.admit("torn") == Admission::run);
    rig.store->finish();
  }
  CHECK((read_file(dir / "r.jsonl") == middle));
  CHECK(read_file(dir / "r.torn.jsonl") == "{\"id\":\"torn\n");
}

TEST_CASE("a last line that lacks its newline counts, and the next line does not run into it") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":\"a\"}");
  Rig rig(dir);
  CHECK(rig.store->recovery().newline_added);
  CHECK(rig.store->recovery().lines == 1);
  CHECK(rig.admit("a") == Admission::skipped);
  rig.store->append(line("b"), "", {1, 0});
  rig.store->finish();
  CHECK(read_file(dir / "r.jsonl") == line("a") + line("b"));
}

TEST_CASE("a strict store refuses a damaged file, names the first place and leaves it alone") {
  const TempDir dir;
  const std::string content = line("a") + "garbage\n" + line("b") + "{\n";
  write_file(dir / "r.jsonl", content);
  try {
    Rig rig(dir, {.strict = true});
    FAIL("it was accepted");
  } catch (const CacheDamaged& error) {
    CHECK(error.path() == dir / "r.jsonl");
    CHECK(error.offset() == line("a").size());
  }
  CHECK(read_file(dir / "r.jsonl") == content);
  CHECK(Rig(dir).store->recovery().damaged == 2);
}

TEST_CASE("a strict store accepts torn ends, foreign lines and duplicates") {
  const TempDir dir;
  write_file(dir / "r.jsonl", line("a") + line("a") + "{}\n{\"id");
  const Rig rig(dir, {.strict = true});
  CHECK(rig.store->recovery().torn_bytes == 4);
}

TEST_CASE("files of Python's json.dumps are resumed, by any key") {
  const TempDir dir;
  write_file(dir / "r.jsonl",
             "{\"text\": \"na\xC3\xAFve\", \"score\": NaN, \"name\": \"b.txt\"}\n"
             "{\"name\": \"c \\\"quoted\\\"\\n\", \"limits\": [-Infinity, Infinity]}\n"
             "{\"name\": 17, \"id\": \"not this\"}\n");
  Rig rig(dir, {.key_field = "name"});
  CHECK(rig.store->recovery().lines == 3);
  CHECK(rig.admit("b.txt") == Admission::skipped);
  CHECK(rig.admit("c \"quoted\"\n") == Admission::skipped);
  CHECK(rig.admit(17) == Admission::skipped);
  CHECK(rig.admit("17") == Admission::run);
  CHECK(rig.admit("not this") == Admission::run);
}

TEST_CASE("items that failed earlier run again, or are skipped where that is asked for") {
  const TempDir dir;
  write_file(dir / "r.jsonl", line("mended"));
  write_file(dir / "r.failed.jsonl", line("bad") + line("mended") + "{\"id\":null}\n" + line("bad") + "{\"id\":5}\n");
  const bool retry_failed = GENERATE(true, false);
  Rig rig(dir, {.retry_failed = retry_failed});
  CHECK(rig.admit("mended") == Admission::skipped);
  CHECK(rig.admit("bad") == (retry_failed ? Admission::run : Admission::skipped_failed));
  CHECK(rig.admit("bad") == (retry_failed ? Admission::duplicate : Admission::skipped_failed));
  CHECK(rig.admit(5) == (retry_failed ? Admission::run : Admission::skipped_failed));
  CHECK(rig.admit("5") == Admission::run);
  CHECK(rig.store->recovery().lines == 1);
}

TEST_CASE("old failures are forgotten when there are no results") {
  const TempDir dir;
  write_file(dir / "r.failed.jsonl", line("bad"));
  if (GENERATE(true, false)) write_file(dir / "r.jsonl", "{\"id\":\"torn");
  Rig rig(dir, {.retry_failed = false});
  CHECK(rig.admit("bad") == Admission::run);
}

TEST_CASE("a failure of this run makes later items of its id duplicates") {
  const TempDir dir;
  write_file(dir / "r.jsonl", line("a"));
  {
    Rig rig(dir, {.retry_failed = false});
    CHECK(rig.admit("bad") == Admission::run);
    rig.store->append("", line("bad"), {0, 1});
    CHECK(rig.admit("bad") == Admission::duplicate);
    rig.store->finish();
  }
  CHECK(Rig(dir, {.retry_failed = false}).admit("bad") == Admission::skipped_failed);
}

TEST_CASE("the end of the failures file is repaired as well") {
  const TempDir dir;
  write_file(dir / "r.jsonl", line("a"));
  write_file(dir / "r.failed.jsonl", line("bad") + "garbage\n{\"id\":\"torn");
  {
    Rig rig(dir, {.retry_failed = false});
    CHECK(rig.admit("bad") == Admission::skipped_failed);
    CHECK(rig.admit("torn") == Admission::run);
    CHECK(rig.store->recovery().torn_bytes == 0);
    const std::vector<std::string>& warnings = rig.store->recovery().warnings;
    const auto warned = [&](const char* words) {
      return std::any_of(warnings.begin(), warnings.end(),
                         [&](const auto& text) { return text.find(words) != text.npos; });
    };
    CHECK(warned("r.failed.torn.jsonl"));
    CHECK(warned("1 damaged line"));
    rig.store->append("", line("torn"), {0, 1});
    rig.store->finish();
  }
  CHECK(read_file(dir / "r.failed.jsonl") == line("bad") + "garbage\n" + line("torn"));
}

TEST_CASE("a second store is refused at once, by the file that is taken") {
  const TempDir dir;
  const Rig first(dir);
  try {
    Rig second(dir);
    FAIL("it was let in");
  } catch (const CacheLocked& error) {
    CHECK(error.holder() == ::getpid());
    CHECK(error.path() == dir / "r.jsonl");
  }
}

TEST_CASE("both files are locked") {
  const TempDir dir;
  std::optional<LockedFile> failures = open_locked(dir / "r.failed.jsonl");
  CHECK_THROWS_AS(Rig(dir), CacheLocked);
  failures.reset();
  const Rig rig(dir);
  CHECK_THROWS_AS(open_locked(dir / "r.failed.jsonl"), CacheLocked);
}

TEST_CASE("finish keeps the files locked, the destructor frees them") {
  const TempDir dir;
  std::optional<Rig> rig(std::in_place, dir);
  rig->store->finish();
  CHECK_THROWS_AS(Rig(dir), CacheLocked);
  rig.reset();
  CHECK_NOTHROW(Rig(dir));
}

TEST_CASE("a results file that cannot be had is an error before anything is made") {
  const TempDir dir;
  CHECK_THROWS_AS(ResultsStore({.path = dir / "missing" / "r.jsonl"}, [](Settled) {}), StoreError);
  CHECK_FALSE(exists(dir / "missing"));
  std::filesystem::create_directory(dir / "r.failed.jsonl");
  CHECK_THROWS_WITH(Rig(dir), Catch::Contains("r.failed.jsonl: this is a directory"));
}

TEST_CASE("a repair beyond the process's file size limit is an error, not the end of the process") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":\"a\"}");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 10;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::optional<StoreError> error;
  try {
    Rig rig(dir);
  } catch (const StoreError& thrown) {
    error = thrown;
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE(error);
  CHECK(error->error_number() == EFBIG);
  CHECK(Rig(dir).store->recovery().newline_added);
}

TEST_CASE("lines of earlier runs are on the disk before they are skipped, where that is asked for") {
  const TempDir dir;
  write_file(dir / "r.jsonl", line("a"));
  const FaultyFile faulty(dir / "r.jsonl", {.sync_error = EIO});
  CHECK_THROWS_AS(Rig(dir, {.durability = Durability::machine}), StoreError);
  CHECK(faulty.syncs() == 1);
  CHECK_NOTHROW(Rig(dir, {.durability = Durability::process}));
}

TEST_CASE("a failed write is seen by failed, told by finish and no obstacle to the next store") {
  const TempDir dir;
  {
    Rig rig(dir, {.flush_interval = 0ms, .full_disk_wait = 0ms});
    CHECK_FALSE(rig.store->failed());
    const FaultyFile full(dir / "r.jsonl", {.write_error = ENOSPC, .room = 15});
    rig.store->append(line("a") + line("b"), "", {2, 0});
    CHECK(eventually([&] { return rig.store->failed(); }));
    rig.store->append(line("c"), "", {1, 0});
    CHECK_THROWS_AS(rig.store->finish(), StoreError);
    CHECK(rig.counted == 0);
  }
  Rig rig(dir);
  CHECK(rig.store->recovery().damaged == 0);
  CHECK(rig.store->recovery().torn_bytes == 0);
  CHECK(rig.admit("a") == Admission::skipped);
  CHECK(rig.admit("b") == Admission::run);
}

TEST_CASE("a process that is killed at any moment has in the file what it counted, once, and no torn line later") {
  const TempDir dir;
  const Durability durability = GENERATE(Durability::process, Durability::machine);
  std::uint64_t written = 0;
  for (int round = 0; round < 30; ++round) {
    int counts[2];
    REQUIRE(::pipe2(counts, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      std::atomic<std::uint64_t> done = written;
      ResultsStore store({.path = dir / "r.jsonl", .durability = durability, .flush_interval = 0ms},
                         [&](Settled settled) {
                           done += settled.succeeded;
                           done.notify_one();
                           [[maybe_unused]] const auto told = ::write(counts[1], &settled.succeeded, 8);
                         });
      for (std::uint64_t id = written;; ++id) {
        for (std::uint64_t now = done; id > now + 200; now = done) done.wait(now);
        const std::string padding(id % 97, '.');
        store.append("{\"id\":" + std::to_string(id) + ",\"padding\":\"" + padding + "\"}\n", "", {1, 0});
      }
    }
    ::close(counts[1]);
    std::uint64_t counted = 0, group = 0;
    for (int groups = 0; groups < 1 + round && TEMP_FAILURE_RETRY(::read(counts[0], &group, 8)) == 8; ++groups)
      counted += group;
    ::kill(child, SIGKILL);
    TEMP_FAILURE_RETRY(::waitpid(child, nullptr, 0));
    while (TEMP_FAILURE_RETRY(::read(counts[0], &group, 8)) == 8) counted += group;
    ::close(counts[0]);

    Rig rig(dir);
    const Recovery& recovery = rig.store->recovery();
    CHECK(recovery.damaged == 0);
    CHECK(recovery.duplicates == 0);
    CHECK(recovery.lines >= written + counted);
    CHECK((recovery.lines == 0 || rig.admit(static_cast<int>(recovery.lines - 1)) == Admission::skipped));
    CHECK(rig.admit(static_cast<int>(recovery.lines)) == Admission::run);
    written = recovery.lines;
  }
}

TEST_CASE("the failures file is named after the results file") {
  CHECK(failures_path("results.jsonl") == "results.failed.jsonl");
  CHECK(failures_path("dir.x/results") == "dir.x/results.failed");
}
