// Lines of a gigabyte: each has an outcome, and how much memory it takes to come to it has a bound. Every file is
// opened in a process of its own, whose memory can be measured and limited.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <functional>
#include <new>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>
#include <pararun/source.hpp>

#include "store/results_store.hpp"
#include "support/temp_dir.hpp"

using namespace pararun;
using pararun::testing::read_file;
using pararun::testing::TempDir;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20, kGiB = kMiB << 10;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// A file made of short texts and of long runs of one character.
class HugeFile {
 public:
  explicit HugeFile(const std::filesystem::path& path) : out_(path, std::ios::binary) {}

  HugeFile& add(const std::string& text) {
    out_ << text;
    return *this;
  }
  HugeFile& fill(char c, std::uint64_t count) { return repeat(std::string(1, c), count); }
  HugeFile& repeat(const std::string& text, std::uint64_t times) {
    std::string block;
    while (block.size() < kMiB) block += text;
    const std::uint64_t in_block = block.size() / text.size();
    for (; times >= in_block; times -= in_block) out_ << block;
    out_ << block.substr(0, times * text.size());
    return *this;
  }
  void close() {
    out_.close();
    REQUIRE(out_.good());
  }

 private:
  std::ofstream out_;
};

/// What a child process has to tell.
struct Outcome {
  std::uint64_t lines = 0, ids = 0, damaged = 0, damaged_length = 0, torn_bytes = 0;
  bool newline_added = false;
  std::uint64_t values = 0, bad_items = 0;
  int error_number = 0;           // of a `StoreError`
  std::uint64_t peak_memory = 0;  // in bytes
};

std::uint64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "VmHWM:") {
  }
  std::uint64_t kibibytes = 0;
  status >> kibibytes;
  return kibibytes * 1024;
}

/// Runs `body` in a child with that much address space, if that is not 0.
Outcome in_child(const std::function<void(Outcome&)>& body, std::uint64_t address_space = 0) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Outcome outcome;
    if (address_space != 0) {
      const rlimit limit{address_space, address_space};
      if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(2);
    }
    try {
      body(outcome);
    } catch (const StoreError& error) {
      outcome.error_number = error.error_number();
    } catch (...) {
      ::_exit(3);
    }
    outcome.peak_memory = peak_memory();
    ::_exit(::write(ends[1], &outcome, sizeof outcome) == sizeof outcome ? 0 : 4);
  }
  ::close(ends[1]);
  Outcome outcome;
  const ::ssize_t size = TEMP_FAILURE_RETRY(::read(ends[0], &outcome, sizeof outcome));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(TEMP_FAILURE_RETRY(::waitpid(child, &status, 0)) == child);
  CHECK(status == 0);
  REQUIRE(size == sizeof outcome);
  return outcome;
}

Outcome open(const std::filesystem::path& path, std::uint64_t address_space = 0) {
  const auto body = [&](Outcome& outcome) {
    store::ResultsStore results({.path = path, .threads = 4}, [](store::Settled) {});
    results.finish();
    const Recovery& recovery = results.recovery();
    outcome.lines = recovery.lines;
    outcome.ids = recovery.ids;
    outcome.damaged = recovery.damaged;
    if (recovery.damaged != 0) outcome.damaged_length = recovery.damage.front().length;
    outcome.torn_bytes = recovery.torn_bytes;
    outcome.newline_added = recovery.newline_added;
  };
  return in_child(body, address_space);
}

void check_peak(const Outcome& outcome, std::uint64_t bound) {
  if (!kSanitized) CHECK(outcome.peak_memory < bound);
}

const std::string kFirst = "{\"id\":\"first\"}\n", kHead = "{\"id\":\"huge\",\"v\":\"", kEnd = "\"}";

/// What makes a line of that many bytes together with `kHead` and `kEnd`.
std::uint64_t inside(std::uint64_t bytes) { return bytes - kHead.size() - kEnd.size(); }

}  // namespace

TEST_CASE("a line of 1 GiB is read, in memory for no more than itself", "[long]") {
  const TempDir dir;
  HugeFile(dir / "r.jsonl").add(kFirst).add(kHead).fill('x', inside(kGiB)).add(kEnd + "\n" + kFirst).close();
  const Outcome outcome = open(dir / "r.jsonl");
  CHECK(outcome.lines == 3);
  CHECK(outcome.ids == 2);
  CHECK(outcome.damaged == 0);
  check_peak(outcome, kGiB + 48 * kMiB);
}

TEST_CASE("a longer line is damaged, and never in memory", "[long]") {
  const TempDir dir;
  HugeFile(dir / "r.jsonl").add(kFirst).add(kHead).fill('x', inside(kGiB) + 1).add(kEnd + "\n" + kFirst).close();
  const Outcome outcome = open(dir / "r.jsonl");
  CHECK(outcome.lines == 2);
  CHECK(outcome.damaged == 1);
  CHECK(outcome.damaged_length == kGiB + 1);
  check_peak(outcome, 48 * kMiB);
}

TEST_CASE("a last line of 1 GiB gets its newline; a longer one is moved away", "[long]") {
  const TempDir dir;
  const std::uint64_t more = GENERATE(0U, 1U);
  HugeFile(dir / "r.jsonl").add(kFirst).add(kHead).fill('x', inside(kGiB) + more).add(kEnd).close();
  const Outcome outcome = open(dir / "r.jsonl");
  if (more == 0) {
    CHECK(outcome.newline_added);
    CHECK(outcome.lines == 2);
    CHECK(file_size(dir / "r.jsonl") == kFirst.size() + kGiB + 1);
    check_peak(outcome, kGiB + 48 * kMiB);
  } else {
    CHECK(outcome.torn_bytes == kGiB + 1);
    CHECK(outcome.lines == 1);
    CHECK(read_file(dir / "r.jsonl") == kFirst);
    CHECK(file_size(dir / "r.torn.jsonl") == kGiB + 2);
    check_peak(outcome, 48 * kMiB);
  }
}

TEST_CASE("of all long lines only one is in memory at a time") {
  const TempDir dir;
  HugeFile file(dir / "r.jsonl");
  for (int i = 0; i < 4; ++i) {
    file.add("{\"id\":" + std::to_string(i) + ",\"v\":\"").fill('x', 64 * kMiB).add(kEnd + "\n");
  }
  file.close();
  const Outcome outcome = open(dir / "r.jsonl");
  CHECK(outcome.ids == 4);
  check_peak(outcome, (64 + 48) * kMiB);
}

TEST_CASE("an id of 1 GiB is an id, also in escapes", "[long]") {
  const TempDir dir;
  const std::string head = "{\"id\":\"\\n";
  HugeFile(dir / "r.jsonl").add(head).fill('x', kGiB - head.size() - kEnd.size()).add(kEnd + "\n").close();
  const Outcome outcome = open(dir / "r.jsonl");
  CHECK(outcome.ids == 1);
  check_peak(outcome, 2 * kGiB + 48 * kMiB);
}

TEST_CASE("brackets of 1 GiB take an eighth more", "[long]") {
  const TempDir dir;
  HugeFile(dir / "r.jsonl").add("{\"v\":").fill('[', kGiB - 5).add("\n" + kFirst).close();
  const Outcome outcome = open(dir / "r.jsonl");
  CHECK(outcome.lines == 1);
  CHECK(outcome.damaged == 1);
  check_peak(outcome, kGiB + kGiB / 4 + 48 * kMiB);
}

TEST_CASE("gigabytes of NUL bytes at the end are moved away, and never in memory", "[long]") {
  const TempDir dir;
  HugeFile(dir / "r.jsonl").add(kFirst).close();
  std::filesystem::resize_file(dir / "r.jsonl", kFirst.size() + 2 * kGiB);
  const Outcome outcome = open(dir / "r.jsonl");
  CHECK(outcome.torn_bytes == 2 * kGiB);
  CHECK(read_file(dir / "r.jsonl") == kFirst);
  check_peak(outcome, 48 * kMiB);
}

TEST_CASE("a line that memory is too small for is an error that names the file, and changes nothing", "[long]") {
  if (kSanitized) return;  // they need more address space than any limit leaves
  const TempDir dir;
  const bool last = GENERATE(false, true);
  HugeFile(dir / "r.jsonl").add(kHead).fill('x', inside(kGiB)).add(kEnd + (last ? "" : "\n")).close();
  const std::uint64_t size = file_size(dir / "r.jsonl");
  CHECK(open(dir / "r.jsonl", kGiB).error_number == ENOMEM);
  CHECK(file_size(dir / "r.jsonl") == size);
  CHECK_FALSE(exists(dir / "r.torn.jsonl"));
}

TEST_CASE("an input line of 1 GiB is a value, and one that is cut short a bad item", "[long]") {
  const TempDir dir;
  HugeFile(dir / "in.jsonl").add("\"").fill('x', kGiB).add("\"\n[\"").fill('y', kGiB).add("\n1\n").close();
  const auto body = [&](Outcome& outcome) {
    JsonLines values(dir / "in.jsonl");
    for (;;) {
      try {
        if (!values.next()) return;
        ++outcome.values;
      } catch (const BadItem&) {
        ++outcome.bad_items;
      }
    }
  };
  const Outcome outcome = in_child(body);
  CHECK(outcome.values == 2);
  CHECK(outcome.bad_items == 1);
  check_peak(outcome, 4 * kGiB);
}
