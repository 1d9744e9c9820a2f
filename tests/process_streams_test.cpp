/// The standard streams of worker processes.
#include <pararun/options.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/process_job.hpp"
#include "support/shared_counts.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;
using Parent = Child::Parent;

TEST_CASE("what is printed appears once, whoever prints it") {
  const TempDir dir;
  Child child([&](const Parent&) {
    std::printf("before;");
    pr::map(
        [](int item) {
          std::printf("item %d;", item);
          std::cout << "again " << item << ';';
        },
        numbers(3), in_processes(dir));
    std::printf("after;");
    std::fflush(stdout);
    return 0;
  });
  const std::string printed = child.printed();
  for (const char* text : {"before;", "item 0;", "again 0;", "item 1;", "again 1;", "item 2;", "again 2;", "after;"}) {
    INFO(text);
    const std::size_t at = printed.find(text);
    REQUIRE(at != std::string::npos);
    CHECK(printed.find(text, at + 1) == std::string::npos);
  }
}

TEST_CASE("standard input is left to whom it belongs") {
  const TempDir dir;
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  REQUIRE(::write(pipe[1], "text", 4) == 4);
  Child child([&](const Parent&) {
    ::dup2(pipe[0], STDIN_FILENO);
    pr::map([](int) {}, numbers(20), in_processes(dir));
    std::array<char, 8> text{};
    return ::read(STDIN_FILENO, text.data(), text.size()) == 4 ? 0 : 1;
  });
  CHECK(child.end() == 0);
  for (const int fd : pipe) ::close(fd);
}

TEST_CASE("a worker that prints to a reader who takes his time is neither ended nor replaced, and all of it arrives") {
  const TempDir dir;
  const SharedCounts workers(1);
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  Child child([&](const Parent&) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    const auto fn = [&](int) {
      static const int number = ++workers[0];
      std::printf("%s%d\n", std::string(3'000, 'x').c_str(), number);
    };
    const pr::Report report = pr::map(fn, numbers(60), in_processes(dir));
    return report.succeeded == 60 ? 0 : 1;
  });
  ::close(pipe[1]);
  // Longer than a worker may take that does nothing.
  CHECK_FALSE(eventually([&] { return workers[0] > 2; }, 11s));
  std::size_t length = 0;
  std::array<char, 4096> some{};
  for (::ssize_t got = 0; (got = TEMP_FAILURE_RETRY(::read(pipe[0], some.data(), some.size()))) > 0;) {
    length += static_cast<std::size_t>(got);
  }
  ::close(pipe[0]);
  CHECK(length == 60 * 3'002);
  CHECK(child.end() == 0);
  CHECK(workers[0] == 2);
}
