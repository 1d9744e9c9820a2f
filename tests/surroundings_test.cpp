/// Where a results file lies, what is done to it while a job runs, and what it is on.
#include <pararun/map.hpp>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "posix/fd.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/private_mounts.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

namespace fs = std::filesystem;
namespace pr = pararun;
using namespace pararun::testing;

namespace {

std::vector<int> items(int begin, int end) {
  std::vector<int> all;
  for (int i = begin; i < end; ++i) all.push_back(i);
  return all;
}

pr::Report run(const fs::path& path, const std::vector<int>& all, pr::Durability durability = {}) {
  const pr::Report report =
      pr::map([](int) {}, all, {.cache_path = path, .durability = durability, .progress = pr::Progress::none});
  check_sums(report);
  return report;
}

/// A job that would never end by itself, to whose files something happens after some results were counted.
struct Disturbed {
  std::optional<pr::StoreError> error;
  std::uint64_t counted_before = 0;  ///< when it happened
  std::uint64_t counted = 0;
};

Disturbed run_disturbed(const fs::path& path, const std::function<void()>& disturb, bool failing = false) {
  Disturbed run;
  std::atomic<std::uint64_t> counted = 0;
  std::atomic<bool> disturbed = false;
  run.error = thrown<pr::StoreError>([&] {
    pr::map(
        [&](int item) {
          if (item >= 20 && counted >= 10 && !disturbed.exchange(true)) {
            run.counted_before = counted;
            disturb();
          }
          if (failing) throw item;
        },
        [next = 0]() mutable -> std::optional<int> { return next++; },
        {.n_workers = 2,
         .cache_path = path,
         .flush_interval = std::chrono::milliseconds(1),
         .progress = pr::Progress::none,
         .on_progress = [&](const pr::ProgressState& state) { counted = state.succeeded + state.failed; }});
  });
  run.counted = counted;
  return run;
}

bool set_flag(const fs::path& path, int flag, bool on) {
  const pr::posix::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return false;
  flags = on ? flags | flag : flags & ~flag;
  return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

/// An attribute of some files for as long as this lives.
class Attribute {
 public:
  Attribute(std::vector<fs::path> paths, int flag) : paths_(std::move(paths)), flag_(flag) {
    for (const fs::path& path : paths_) set_ = set_flag(path, flag_, true) && set_;
    if (!set_) WARN("skipped: attributes of files cannot be set here: " << std::strerror(errno));
  }
  ~Attribute() {
    for (const fs::path& path : paths_) set_flag(path, flag_, false);
  }
  Attribute(const Attribute&) = delete;
  Attribute& operator=(const Attribute&) = delete;
  bool set() const { return set_; }

 private:
  std::vector<fs::path> paths_;
  int flag_;
  bool set_ = true;
};

/// The directory can be read, not written, for as long as this lives.
class ReadOnly {
 public:
  explicit ReadOnly(fs::path directory) : directory_(std::move(directory)), reason_(private_mounts()) {
    const char* const path = directory_.c_str();
    if (!reason_.empty()) return;
    mounted_ = ::mount(path, path, nullptr, MS_BIND, nullptr) == 0 &&
               ::mount("none", path, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0;
    if (!mounted_) reason_ = std::string("skipped: a directory cannot be mounted here: ") + std::strerror(errno);
  }
  ~ReadOnly() { ::umount2(directory_.c_str(), MNT_DETACH); }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;
  bool mounted() const { return mounted_; }
  const std::string& reason() const { return reason_; }

 private:
  fs::path directory_;
  std::string reason_;
  bool mounted_ = false;
};

}  // namespace

TEST_CASE(
    "a results file that is taken away under a running job ends the job at the next commit, and has what was counted") {
  const TempDir dir;
  fs::create_directory(dir / "in");
  const fs::path path = dir / "in" / "r.jsonl";
  fs::path left = dir / "left.jsonl";
  std::function<void()> disturb;
  SECTION("renamed") {
    disturb = [&] { fs::rename(path, left); };
  }
  SECTION("replaced, as editors do") {
    disturb = [&] {
      fs::create_hard_link(path, left);
      fs::copy_file(path, dir / "new");
      fs::rename(dir / "new", path);
    };
  }
  SECTION("deleted") {
    disturb = [&] {
      fs::create_hard_link(path, left);
      fs::remove(path);
    };
  }
  SECTION("its directory renamed") {
    disturb = [&] { fs::rename(dir / "in", dir / "out"); };
    left = dir / "out" / "r.jsonl";
  }
  SECTION("reached through a link that came to lead elsewhere") {
    left = dir / "left.jsonl";
    fs::create_symlink(left, path);
    disturb = [&] {
      fs::remove(path);
      write_file(dir / "other.jsonl", "");
      fs::create_symlink(dir / "other.jsonl", path);
    };
  }
  Tally tally("a file taken away under a job");
  tally.begin();
  const Disturbed job = run_disturbed(path, disturb);
  REQUIRE(job.error);
  CHECK(job.error->path() == path);
  CHECK_THAT(job.error->what(), Catch::Contains("deleted or replaced"));
  CHECK(job.counted_before >= 10);
  CHECK(ids_in(left).size() >= job.counted);
  tally.end();
}

TEST_CASE("a results file that is truncated under a running job ends the job") {
  const TempDir dir;
  const Disturbed job = run_disturbed(dir / "r.jsonl", [&] { fs::resize_file(dir / "r.jsonl", 5); });
  REQUIRE(job.error);
  CHECK(job.error->path() == dir / "r.jsonl");
  CHECK_THAT(job.error->what(), Catch::Contains("truncated"));
}

TEST_CASE("a failures file that is taken away under a running job ends the job once another failure comes") {
  const TempDir dir;
  const Disturbed job = run_disturbed(
      dir / "r.jsonl", [&] { fs::rename(dir / "r.failed.jsonl", dir / "left.jsonl"); }, true);
  REQUIRE(job.error);
  CHECK(job.error->path() == dir / "r.failed.jsonl");
  CHECK(ids_in(dir / "left.jsonl").size() >= job.counted);
}

TEST_CASE("a failures file that is taken away after the last failure is noticed at the end") {
  const TempDir dir;
  const auto error = thrown<pr::StoreError>([&] {
    pr::map(
        [&](int item) {
          if (item == 0) throw item;
          if (item != 1) return;
          if (eventually([&] { return fs::file_size(dir / "r.failed.jsonl") > 0; })) fs::remove(dir / "r.failed.jsonl");
        },
        items(0, 2),
        {.n_workers = 1,
         .cache_path = dir / "r.jsonl",
         .flush_interval = std::chrono::milliseconds(1),
         .batch = 1,
         .progress = pr::Progress::none});
  });
  REQUIRE(error);
  CHECK(error->path() == dir / "r.failed.jsonl");
}

TEST_CASE("symbolic links in place of both files are followed, and a job under the other name goes on") {
  const TempDir dir;
  fs::create_directories(dir / "disk");
  const bool exist = GENERATE(false, true);
  for (const char* name : {"r.jsonl", "r.failed.jsonl"}) {
    if (exist) write_file(dir / "disk" / name, "");
    fs::create_symlink(dir / "disk" / name, dir / name);
  }
  CHECK(run(dir / "r.jsonl", items(0, 10), GENERATE(pr::Durability::process, pr::Durability::machine)).succeeded == 10);
  CHECK(fs::is_symlink(dir / "r.jsonl"));
  CHECK(fs::is_symlink(dir / "r.failed.jsonl"));
  CHECK(ids_in(dir / "disk" / "r.jsonl").size() == 10);
  CHECK(run(dir / "disk" / "r.jsonl", items(5, 15)).skipped == 5);
}

TEST_CASE("a link that leads nowhere is an error that names it") {
  const TempDir dir;
  fs::create_symlink(dir / "missing" / "r.jsonl", dir / "r.jsonl");
  const auto error = thrown<pr::StoreError>([&] { run(dir / "r.jsonl", items(0, 10)); });
  REQUIRE(error);
  CHECK(error->error_number() == ENOENT);
  CHECK(error->path() == dir / "r.jsonl");
}

TEST_CASE("a results file with several names is used and warned of") {
  const TempDir dir;
  run(dir / "r.jsonl", items(0, 5));
  const std::size_t usual = run(dir / "r.jsonl", items(0, 5)).recovery.warnings.size();
  fs::create_hard_link(dir / "r.jsonl", dir / "s.jsonl");
  const pr::Report report = run(dir / "s.jsonl", items(0, 10));
  CHECK(report.skipped == 5);
  CHECK(report.succeeded == 5);
  REQUIRE(report.recovery.warnings.size() == usual + 1);
  CHECK_THAT(report.recovery.warnings[0], Catch::Contains("2 names") && Catch::Contains("s.jsonl"));
}

TEST_CASE("files that may only grow serve as results file and failures file, and are resumed") {
  const TempDir dir;
  run(dir / "r.jsonl", items(0, 5));
  write_file(dir / "r.jsonl", read_file(dir / "r.jsonl") + "{\"id\":5");
  const Attribute append_only({dir / "r.jsonl", dir / "r.failed.jsonl"}, FS_APPEND_FL);
  if (!append_only.set()) return;
  const pr::Durability durability = GENERATE(pr::Durability::process, pr::Durability::machine);
  const pr::Report report = run(dir / "r.jsonl", items(0, 10), durability);
  CHECK(report.skipped == 5);
  CHECK(report.succeeded == 5);
  CHECK(report.recovery.torn_bytes == 7);
  const pr::Report again = run(dir / "r.jsonl", items(0, 10), durability);
  CHECK(again.skipped == 10);
  CHECK(again.recovery.damaged == 1);
  CHECK(read_file(dir / "r.torn.jsonl") == "{\"id\":5\n");
}

TEST_CASE("a file that may not change is an error before any item is run") {
  const TempDir dir;
  run(dir / "r.jsonl", items(0, 5));
  const fs::path path = dir / GENERATE("r.jsonl", "r.failed.jsonl");
  const Attribute immutable({path}, FS_IMMUTABLE_FL);
  if (!immutable.set()) return;
  const auto error = thrown<pr::StoreError>([&] {
    pr::map([](int) { FAIL("an item was run"); }, items(0, 10),
            {.n_workers = 1, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  });
  REQUIRE(error);
  CHECK(error->error_number() == EPERM);
  CHECK(error->path() == path);
}

TEST_CASE("a file system that cannot be written is an error before any item is run, whether the file is there or not") {
  const TempDir dir;
  const bool exists = GENERATE(false, true);
  if (exists) run(dir / "r.jsonl", items(0, 5));
  const ReadOnly read_only(dir.path());
  if (!read_only.mounted()) {
    WARN(read_only.reason());
    return;
  }
  const auto error = thrown<pr::StoreError>([&] {
    pr::map([](int) { FAIL("an item was run"); }, items(0, 5),
            {.n_workers = 1, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  });
  REQUIRE(error);
  CHECK(error->error_number() == EROFS);
  CHECK(error->path() == dir / "r.jsonl");
  CHECK(pr::inspect(dir / "r.jsonl").ids == (exists ? 5 : 0));
}
