#include <pararun/source.hpp>

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <ranges>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/temp_dir.hpp"

namespace fs = std::filesystem;
namespace pr = pararun;
using pr::testing::TempDir;
using pr::testing::write_file;

namespace {

template <class Source>
concept Input = pr::detail::PullSource<Source> && std::ranges::input_range<Source> && std::movable<Source> &&
    !std::copyable<Source>;
static_assert(Input<pr::Lines> && Input<pr::JsonLines> && Input<pr::Files>);
static_assert(!pr::detail::PullSource<std::vector<int>>);

using Strings = std::vector<std::string>;

Strings lines_of(std::string_view content) {
  const TempDir directory;
  write_file(directory / "input.txt", content);
  Strings result;
  for (auto& line : pr::lines(directory / "input.txt")) result.push_back(std::move(line));
  return result;
}

/// What `jsonl` makes of a file, with "where: problem" in place of bad items.
Strings values_of(std::string_view content) {
  const TempDir directory;
  write_file(directory / "in.jsonl", content);
  auto source = pr::jsonl(directory / "in.jsonl");
  Strings result;
  for (;;) {
    try {
      const auto value = source.next();
      if (!value) return result;
      result.push_back(value->dump());
    } catch (const pr::BadItem& bad) {
      result.push_back(fs::path(bad.where()).filename().string() + ": " + bad.what());
    }
  }
}

template <class Make>
pr::StoreError store_error(Make make) {
  try {
    make();
  } catch (const pr::StoreError& error) {
    return error;
  }
  FAIL("no StoreError");
  throw std::logic_error("unreachable");
}

/// A FIFO and its writing end.
class Fifo {
 public:
  explicit Fifo(const fs::path& path) : path_(path) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
  ~Fifo() { close(); }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  void open() {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(fd_ >= 0);
  }
  void write(std::string_view text) const {
    REQUIRE(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  fs::path path_;
  int fd_ = -1;
};

/// Makes `fd` the standard input while it lives.
class StandardInput {
 public:
  explicit StandardInput(int fd) : saved_(::dup(STDIN_FILENO)) { REQUIRE(::dup2(fd, STDIN_FILENO) == STDIN_FILENO); }
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  int saved_;
};

std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("lines come without their ends") {
  CHECK(lines_of("") == Strings{});
  CHECK(lines_of("one") == Strings{"one"});
  CHECK(lines_of("one\n") == Strings{"one"});
  CHECK(lines_of("one\n\ntwo\n\n") == Strings{"one", "", "two", ""});
  CHECK(lines_of("one\r\ntwo\r\n\r\nthree") == Strings{"one", "two", "", "three"});
  CHECK(lines_of("a\rb\n\r\r\nlast\r") == Strings{"a\rb", "\r", "last\r"});
}

TEST_CASE("a byte-order mark before the first line is dropped, and only there") {
  CHECK(lines_of("\xef\xbb\xbfone\n\xef\xbb\xbftwo") == Strings{"one", "\xef\xbb\xbftwo"});
  CHECK(lines_of("\xef\xbb\xbf") == Strings{});
  CHECK(lines_of("\xef\xbb\xbf\n") == Strings{""});
  CHECK(lines_of("\xef\xbb") == Strings{"\xef\xbb"});
}

TEST_CASE("lines may hold any bytes") {
  using namespace std::string_literals;
  CHECK(lines_of("\0a\0\n\xff\xfe\n"s) == Strings{"\0a\0"s, "\xff\xfe"});
}

TEST_CASE("lines of all lengths are cut right wherever the buffer ends") {
  std::mt19937 random(5);
  Strings expected;
  std::string content;
  for (const std::size_t longest : {3u, 100u, 5'000u, 300'000u, 20u, 2'000'000u, 50u}) {
    for (std::size_t bytes = 0; bytes < 1'500'000;) {
      expected.push_back(std::string(random() % longest, static_cast<char>('a' + random() % 26)));
      bytes += expected.back().size() + 20;
      content += expected.back() + (random() % 2 == 0 ? "\n" : "\r\n");
    }
  }
  CHECK((lines_of(content) == expected));
  content.pop_back();
  if (content.back() == '\r') content.pop_back();
  CHECK((lines_of(content) == expected));
}

TEST_CASE("memory does not grow with the input") {
  const TempDir directory;
  {
    std::ofstream out(directory / "big.txt", std::ios::binary);
    std::string block;
    for (int i = 0; i < 100'000; ++i) block += "a line\n\r\n";
    for (int i = 0; i < 40; ++i) out << block;
  }
  auto source = pr::lines(directory / "big.txt");
  source.next();
  const std::size_t before = resident_bytes();
  std::size_t count = 1;
  while (source.next()) ++count;
  CHECK(count == 8'000'000);
  CHECK(resident_bytes() < before + (std::size_t{8} << 20));
}

TEST_CASE("an input that cannot be opened is reported at once, by name and reason") {
  const TempDir directory;
  const auto missing = store_error([&] { pr::lines(directory / "missing.txt"); });
  CHECK(missing.error_number() == ENOENT);
  CHECK(missing.path() == directory / "missing.txt");
  CHECK_THAT(missing.what(), Catch::Contains("missing.txt") && Catch::Contains("No such file"));
  CHECK(store_error([&] { pr::jsonl(directory / "missing.jsonl"); }).error_number() == ENOENT);
  CHECK(store_error([&] { pr::lines(directory.path()); }).error_number() == EISDIR);
}

TEST_CASE("a source can be piped into views and moved") {
  const TempDir directory;
  write_file(directory / "in.txt", "a\n\nb\n");
  std::string text;
  for (const auto& line : pr::lines(directory / "in.txt") | std::views::filter(&std::string::size)) text += line;
  CHECK(text == "ab");
  auto first = pr::lines(directory / "in.txt");
  CHECK(first.next() == "a");
  auto second = std::move(first);
  CHECK(second.next() == "");
  CHECK(second.next() == "b");
  CHECK(second.next() == std::nullopt);
  CHECK(second.next() == std::nullopt);
}

TEST_CASE("only what others provide may block") {
  const TempDir directory;
  write_file(directory / "in.txt", "a\n");
  const Fifo fifo(directory / "fifo");
  CHECK_FALSE(pr::lines(directory / "in.txt").may_block());
  CHECK_FALSE(pr::jsonl(directory / "in.txt").may_block());
  CHECK_FALSE(pr::files(directory.path()).may_block());
  CHECK(pr::lines(directory / "fifo").may_block());
  CHECK(pr::jsonl(directory / "fifo").may_block());
}

TEST_CASE("a FIFO is waited for until its writer comes, and read until its last writer goes") {
  const TempDir directory;
  Fifo fifo(directory / "fifo");
  auto source = pr::lines(directory / "fifo");
  std::atomic<bool> stopping = false;
  std::atomic<int> asked = 0;
  source.stop_when([&] {
    ++asked;
    return stopping.load();
  });
  const std::jthread writer([&] {
    while (asked < 2) std::this_thread::yield();  // the reader has waited once without a writer
    fifo.open();
    fifo.write("one\ntw");
    const int waits = asked;
    while (asked < waits + 2) std::this_thread::yield();
    fifo.write("o\nthree");
    fifo.close();
  });
  CHECK(source.next() == "one");
  CHECK(source.next() == "two");
  CHECK(source.next() == "three");
  CHECK(source.next() == std::nullopt);
}

TEST_CASE("a source that waits gives up once it is time to stop, and loses nothing") {
  const TempDir directory;
  Fifo fifo(directory / "fifo");
  auto source = pr::jsonl(directory / "fifo");
  int asked = 0;
  source.stop_when([&] { return ++asked >= 3; });
  CHECK(source.next() == std::nullopt);
  CHECK(asked == 3);

  fifo.open();
  fifo.write("[1]\n[2");
  asked = -1000;
  CHECK(source.next()->dump() == "[1]");
  asked = 1;
  CHECK(source.next() == std::nullopt);
  fifo.write("]\n");
  asked = -1000;
  CHECK(source.next()->dump() == "[2]");
}

TEST_CASE("signals do not disturb a source that waits") {
  const TempDir directory;
  Fifo fifo(directory / "fifo");
  auto source = pr::lines(directory / "fifo");
  static std::atomic<int> signals;
  signals = 0;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { ++signals; };
  REQUIRE(::sigaction(SIGALRM, &action, &before) == 0);
  const itimerval every{.it_interval = {0, 1000}, .it_value = {0, 1000}};
  REQUIRE(::setitimer(ITIMER_REAL, &every, nullptr) == 0);
  {
    const std::jthread writer([&] {
      fifo.open();
      for (int i = 0; i < 5; ++i) {
        const int seen = signals;
        while (signals < seen + 10) std::this_thread::yield();
        fifo.write("line\n");
      }
      fifo.close();
    });
    int count = 0;
    while (source.next() == "line") ++count;
    CHECK(count == 5);
  }
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
}

TEST_CASE("\"-\" is standard input") {
  const TempDir directory;
  write_file(directory / "in.txt", "one\ntwo\n{bad\n");
  const int file = ::open((directory / "in.txt").c_str(), O_RDONLY | O_CLOEXEC);
  {
    const StandardInput input(file);
    auto source = pr::lines("-");
    CHECK_FALSE(source.may_block());
    CHECK(source.next() == "one");
    CHECK(source.next() == "two");
  }
  ::lseek(file, 8, SEEK_SET);
  {
    const StandardInput input(file);
    try {
      pr::jsonl("-").next();
      FAIL("a bad line was accepted");
    } catch (const pr::BadItem& bad) {
      CHECK(bad.where() == "standard input:1");
    }
  }
  ::close(file);

  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  REQUIRE(::write(ends[1], "[1]\n", 4) == 4);
  {
    const StandardInput input(ends[0]);
    ::close(ends[0]);
    auto source = pr::jsonl("-");
    CHECK(source.may_block());
    CHECK(source.next()->dump() == "[1]");
    ::close(ends[1]);
    CHECK(source.next() == std::nullopt);
  }
}

TEST_CASE("a JSON Lines file gives its values and no blank lines") {
  CHECK(values_of("{\"a\": 1.10}\n\n[2]\r\n \t\r\n\"three\"") == Strings{R"({"a":1.10})", "[2]", R"("three")"});
  CHECK(values_of("\xef\xbb\xbf{}\n") == Strings{"{}"});
  CHECK(values_of("\n\n") == Strings{});
}

TEST_CASE("a malformed line is one bad item that says where it is") {
  CHECK(values_of("{\"a\":1}\n\n{\"a\":\n{\"a\":2}\nNaN\n\"\xff\"\n{}{}\n3") ==
        Strings{R"({"a":1})", "in.jsonl:3: malformed JSON at byte 5: the text ends too early", R"({"a":2})",
                "in.jsonl:5: malformed JSON at byte 0: a value is expected",
                "in.jsonl:6: malformed JSON at byte 1: no valid UTF-8",
                "in.jsonl:7: malformed JSON at byte 2: text follows the value", "3"});
  const TempDir directory;
  write_file(directory / "in.jsonl", "{\n");
  auto source = pr::jsonl(directory / "in.jsonl");
  CHECK_THROWS_AS(source.begin(), pr::BadItem);
}
