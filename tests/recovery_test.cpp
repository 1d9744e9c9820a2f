#include "store/recovery.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>

#include "posix/fd.hpp"
#include "support/faults.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

using namespace pararun;
using namespace pararun::store;
using namespace std::string_literals;
using pararun::testing::FaultyFile;
using pararun::testing::read_file;
using pararun::testing::SmallDisk;
using pararun::testing::TempDir;
using pararun::testing::write_file;

namespace {

Repair repair(const std::filesystem::path& path) {
  LineScanner scanner("id");
  return repair_tail(open_locked(path), scanner);
}

/// Sets or removes the append-only attribute; returns false where that is not allowed.
bool set_append_only(const std::filesystem::path& path, bool on) {
  const posix::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return false;
  flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
  return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
}

int error_number_of_repairing(const std::filesystem::path& path, const std::filesystem::path& blamed) {
  try {
    repair(path);
  } catch (const StoreError& error) {
    CHECK(error.path() == blamed);
    return error.error_number();
  }
  return 0;
}

constexpr const char* kWhole = "{\"id\":\"a\"}\n";

}  // namespace

TEST_CASE("a missing file, an empty one and one that ends with a newline need no repair") {
  const TempDir dir;
  const std::string content = GENERATE(""s, kWhole + ""s, "\n"s, "no object\n"s, kWhole + "\r\n"s);
  if (!content.empty()) write_file(dir / "r.jsonl", content);
  const Repair done = repair(dir / "r.jsonl");
  CHECK(done.lines_end == content.size());
  CHECK(done.torn_bytes == 0);
  CHECK(done.torn_path.empty());
  CHECK_FALSE(done.newline_added);
  CHECK(read_file(dir / "r.jsonl") == content);
  CHECK_FALSE(exists(dir / "r.torn.jsonl"));
}

TEST_CASE("a file that was cut at any byte keeps its whole lines, and the rest of the last one elsewhere") {
  const std::string sample =
      "{\"id\":\"a\",\"v\":[1,2,{\"x\":\"}\"}]}\n"
      "{\"id\":7}\n"
      "{\"v\":\"\xC3\xA4\\u00e4\\\"\",\"id\":\"b\\n\"}\r\n"
      "\n"
      "{\"id\":\"c\",\"nested\":{\"id\":\"d\"}}\n";
  for (std::size_t cut = 0; cut <= sample.size(); ++cut) {
    const TempDir dir;
    const std::string content = sample.substr(0, cut);
    write_file(dir / "r.jsonl", content);
    const Repair done = repair(dir / "r.jsonl");

    const std::size_t lines_end = content.rfind('\n') + 1;
    const std::string tail = content.substr(lines_end);
    // In this sample an object is whole exactly when its last brace is the line's.
    const std::string line = sample.substr(lines_end, sample.find('\n', lines_end) - lines_end);
    const bool whole = !tail.empty() && (tail == line || tail + "\r" == line);
    INFO("cut at " << cut << ", tail: " << tail);
    CHECK(done.newline_added == whole);
    CHECK(done.torn_bytes == (whole ? 0 : tail.size()));
    const std::string repaired = read_file(dir / "r.jsonl");
    CHECK(repaired == (whole ? content + "\n" : content.substr(0, lines_end)));
    CHECK(done.lines_end == repaired.size());
    const bool torn = !tail.empty() && !whole;
    CHECK(done.torn_path == (torn ? dir / "r.torn.jsonl" : std::filesystem::path()));
    CHECK(read_file(dir / "r.torn.jsonl") == (torn ? tail + "\n" : ""));

    const Repair again = repair(dir / "r.jsonl");
    CHECK(again.torn_bytes == 0);
    CHECK_FALSE(again.newline_added);
    CHECK(read_file(dir / "r.jsonl") == repaired);
  }
}

TEST_CASE("an object without its newline is kept, whatever it looks like") {
  const TempDir dir;
  const std::string tail = GENERATE("{\"id\":1}"s, "{}"s, "{\"no\":\"id\"}"s, " {\"id\":1} "s, "{\"id\":1}\r"s,
                                    "{\"x\":NaN,\"id\":\"p\"}"s, "{\"id\":\"" + std::string(100'000, 'x') + "\"}");
  write_file(dir / "r.jsonl", kWhole + tail);
  CHECK(repair(dir / "r.jsonl").newline_added);
  CHECK(read_file(dir / "r.jsonl") == kWhole + tail + "\n");
}

TEST_CASE("a byte-order mark before the only line does not make it torn") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "\xEF\xBB\xBF{\"id\":1}");
  CHECK(repair(dir / "r.jsonl").newline_added);
  CHECK(read_file(dir / "r.jsonl") == "\xEF\xBB\xBF{\"id\":1}\n");
}

TEST_CASE("a last line that is no object is moved away") {
  const TempDir dir;
  const std::string tail =
      GENERATE("12"s, "\"text\""s, "[1]"s, "null"s, "  "s, "\r"s, "\0"s, "{\"id\":1}\0"s, std::string(70'000, '\0'),
               "{\"id\":\"\xFF\"}"s, "{\"id\":1}}"s, "{\"id\":1}{\"id\":2}"s, "{\"id\":\"\\udc00\"}"s,
               "{\"id\":\""s + std::string(3'000'000, 'x'), "\xEF\xBB\xBF{\"id\":1}"s);
  write_file(dir / "r.jsonl", kWhole + tail);
  const Repair done = repair(dir / "r.jsonl");
  CHECK(done.torn_bytes == tail.size());
  CHECK(read_file(dir / "r.jsonl") == kWhole);
  CHECK((read_file(dir / "r.torn.jsonl") == tail + "\n"));
}

TEST_CASE("looking at a tail changes nothing") {
  const TempDir dir;
  write_file(dir / "r.jsonl", kWhole + "{\"id"s);
  const LockedFile file = open_locked(dir / "r.jsonl");
  LineScanner scanner("id");
  const Tail tail = examine_tail(file.fd.get(), file.path, scanner);
  CHECK(tail.kind == Tail::Kind::torn);
  CHECK(tail.begin == 11);
  CHECK(tail.length == 4);
  CHECK(read_file(dir / "r.jsonl") == kWhole + "{\"id"s);
}

TEST_CASE("each torn line gets a line of its own, private to the owner, even after half a copy") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "first");
  repair(dir / "r.jsonl");
  struct stat found {};
  REQUIRE(::stat((dir / "r.torn.jsonl").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  write_file(dir / "r.torn.jsonl", "first\nhalf a co");
  write_file(dir / "r.jsonl", "second");
  repair(dir / "r.jsonl");
  CHECK(read_file(dir / "r.torn.jsonl") == "first\nhalf a co\nsecond\n");
}

TEST_CASE("a torn line is not written through a symbolic link, nor lost") {
  const TempDir dir;
  write_file(dir / "victim", "");
  std::filesystem::create_symlink(dir / "victim", dir / "r.torn.jsonl");
  write_file(dir / "r.jsonl", "torn");
  CHECK(error_number_of_repairing(dir / "r.jsonl", dir / "r.torn.jsonl") == ELOOP);
  CHECK(read_file(dir / "r.jsonl") == "torn");
  CHECK(read_file(dir / "victim").empty());
}

TEST_CASE("a FIFO in place of the torn file is an error, nobody waits") {
  const TempDir dir;
  REQUIRE(::mkfifo((dir / "r.torn.jsonl").c_str(), 0600) == 0);
  write_file(dir / "r.jsonl", "torn");
  CHECK_THROWS_WITH(repair(dir / "r.jsonl"), Catch::Contains("a FIFO"));
  CHECK(read_file(dir / "r.jsonl") == "torn");
}

TEST_CASE("a repair that fails at the cut is finished by the next one") {
  const TempDir dir;
  write_file(dir / "r.jsonl", kWhole + "torn"s);
  {
    const FaultyFile faulty(dir / "r.jsonl", {.truncate_error = EIO});
    CHECK(error_number_of_repairing(dir / "r.jsonl", dir / "r.jsonl") == EIO);
  }
  CHECK(read_file(dir / "r.jsonl") == kWhole + "torn"s);
  CHECK(repair(dir / "r.jsonl").torn_bytes == 4);
  CHECK(read_file(dir / "r.jsonl") == kWhole);
  CHECK(read_file(dir / "r.torn.jsonl") == "torn\ntorn\n");
}

TEST_CASE("a torn line is cut off only when its copy is on the disk") {
  const TempDir dir;
  write_file(dir / "r.torn.jsonl", "");
  write_file(dir / "r.jsonl", "torn");
  const FaultyFile faulty(dir / "r.torn.jsonl", {.sync_error = EIO});
  CHECK(error_number_of_repairing(dir / "r.jsonl", dir / "r.torn.jsonl") == EIO);
  CHECK(read_file(dir / "r.jsonl") == "torn");
  CHECK(faulty.syncs() == 1);
}

TEST_CASE("what a repair did is on the disk when it returns") {
  const TempDir dir;
  const std::string tail = GENERATE("{\"id"s, "{\"id\":1}"s);
  write_file(dir / "r.jsonl", kWhole + tail);
  const FaultyFile watched(dir / "r.jsonl", {});
  repair(dir / "r.jsonl");
  CHECK(watched.syncs() == 1);
  CHECK(watched.unsynced() == 0);
}

TEST_CASE("a failed sync after a repair is an error, and not tried again") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":1}");
  const FaultyFile faulty(dir / "r.jsonl", {.sync_error = EIO, .sync_times = 1});
  CHECK(error_number_of_repairing(dir / "r.jsonl", dir / "r.jsonl") == EIO);
  CHECK(faulty.syncs() == 1);
}

TEST_CASE("an append-only file keeps its torn line as a line") {
  const TempDir dir;
  write_file(dir / "r.jsonl", kWhole + "torn"s);
  if (!set_append_only(dir / "r.jsonl", true)) {
    WARN("skipped: the append-only attribute cannot be set here: " << std::strerror(errno));
    return;
  }
  const Repair done = repair(dir / "r.jsonl");
  const std::string repaired = read_file(dir / "r.jsonl");
  const Repair again = repair(dir / "r.jsonl");
  CHECK(read_file(dir / "r.jsonl") == repaired);
  set_append_only(dir / "r.jsonl", false);
  CHECK(done.torn_bytes == 4);
  CHECK(done.lines_end == std::strlen(kWhole));
  CHECK(repaired == kWhole + "torn\n"s);
  CHECK(again.torn_bytes == 0);
  CHECK(read_file(dir / "r.torn.jsonl") == "torn\n");
}

TEST_CASE("a full disk leaves the torn line where it is, and no part of a copy") {
  const TempDir dir;
  const SmallDisk disk(dir.path(), "64k");
  if (!disk.mounted()) {
    WARN(disk.reason());
    return;
  }
  const std::string torn(40'000, 'x');
  write_file(disk / "r.jsonl", torn);
  CHECK(error_number_of_repairing(disk / "r.jsonl", disk / "r.torn.jsonl") == ENOSPC);
  CHECK((read_file(disk / "r.jsonl") == torn));
  CHECK(file_size(disk / "r.torn.jsonl") == 0);
}

TEST_CASE("a full disk while the copy is made takes its part back") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "torn bytes");
  write_file(dir / "r.torn.jsonl", "before\n");
  const FaultyFile faulty(dir / "r.torn.jsonl", {.write_error = ENOSPC, .room = 4});
  CHECK(error_number_of_repairing(dir / "r.jsonl", dir / "r.torn.jsonl") == ENOSPC);
  CHECK(read_file(dir / "r.torn.jsonl") == "before\n");
  CHECK(read_file(dir / "r.jsonl") == "torn bytes");
}

TEST_CASE("the files beside the results file are named after it") {
  CHECK(torn_path("results.jsonl") == "results.torn.jsonl");
  CHECK(torn_path("dir.x/results") == "dir.x/results.torn");
  CHECK(torn_path("/a/b.failed.jsonl") == "/a/b.failed.torn.jsonl");
  CHECK(torn_path(".hidden") == ".hidden.torn");
  CHECK(with_infix("r.tar.gz", ".failed") == "r.tar.failed.gz");
}
