#include "posix/own_fds.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "support/ends.hpp"
#include "support/temp_dir.hpp"

using pararun::posix::Fd;
using pararun::posix::OwnFd;
using pararun::testing::eventually;
using pararun::testing::TempDir;

namespace {

/// Both ends of a pipe. As long as anybody has the second one open, no end of the file is read from the first.
std::pair<Fd, OwnFd> own_pipe() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  return {Fd(ends[0]), OwnFd::from([&] { return Fd(ends[1]); })};
}

bool all_copies_closed(const Fd& reading_end) {
  pollfd entry{reading_end.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
}

/// The exit code of a forked process that runs `action`.
template <class Action>
int in_child(Action action) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(action());
  int status = 0;
  REQUIRE(TEMP_FAILURE_RETRY(::waitpid(child, &status, 0)) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// A forked process that lives on until this goes.
class Orphan {
 public:
  Orphan() : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    while (pid_ == 0) ::pause();
  }
  ~Orphan() {
    ::kill(pid_, SIGKILL);
    TEMP_FAILURE_RETRY(::waitpid(pid_, nullptr, 0));
  }
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;

 private:
  pid_t pid_;
};

bool holds_anything_of(const struct stat& file) {
  for (int fd = 0; fd < 64; ++fd) {
    struct stat found {};
    if (::fstat(fd, &found) == 0 && found.st_dev == file.st_dev && found.st_ino == file.st_ino) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("an own descriptor is closed when its owner goes, and only then") {
  auto [reading, own] = own_pipe();
  std::optional<OwnFd> moved(std::move(own));
  CHECK(own.get() < 0);
  CHECK(moved->get() >= 0);
  CHECK_FALSE(all_copies_closed(reading));
  SECTION("because its life ends") { moved.reset(); }
  SECTION("because it gets another") {
    OwnFd other = own_pipe().second;
    *moved = std::move(other);
    { const OwnFd gone(std::move(other)); }
  }
  CHECK(all_copies_closed(reading));
}

TEST_CASE("a forked process does not keep a copy of an own descriptor") {
  std::vector<std::pair<Fd, OwnFd>> pipes;
  for (int i = 0; i < 3; ++i) pipes.push_back(own_pipe());
  pipes.erase(pipes.begin() + GENERATE(0, 1, 2));
  const Orphan orphan;
  for (auto& [reading, own] : pipes) {
    CHECK_FALSE(all_copies_closed(reading));
    own = OwnFd();
    // In this process `fork` may return before the child has closed its copies.
    CHECK(eventually([&reading = reading] { return all_copies_closed(reading); }));
  }
}

TEST_CASE("the object that a forked process inherits has no descriptor, and closes no other file of the same number") {
  std::optional<std::pair<Fd, OwnFd>> ends = own_pipe();
  const int number = ends->second.get();
  CHECK(in_child([&] {
          if (ends->second.get() >= 0 || ::fcntl(number, F_GETFD) != -1) return 1;
          if (::dup2(STDIN_FILENO, number) != number) return 2;
          ends.reset();
          return ::fcntl(number, F_GETFD) == -1 ? 3 : 0;
        }) == 0);
  CHECK(ends->second.get() == number);
  CHECK(::fcntl(number, F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("a forked process can have own descriptors, and fork in its turn") {
  const auto mine = own_pipe();
  CHECK(in_child([&] {
          const auto [reading, own] = own_pipe();
          if (own.get() < 0) return 1;
          return in_child([&own = own] { return own.get() < 0 ? 0 : 2; });
        }) == 0);
}

TEST_CASE("a fork that comes while descriptors are opened and closed gets none of them") {
  const TempDir dir;
  pararun::testing::write_file(dir / "file", "");
  struct stat file {};
  REQUIRE(::stat((dir / "file").c_str(), &file) == 0);
  std::atomic<bool> over = false;
  std::jthread opener([&, path = (dir / "file").string()] {
    while (!over) OwnFd::from([&] { return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); });
  });
  int kept = 0;
  for (int i = 0; i < 300; ++i) kept += in_child([&] { return holds_anything_of(file) ? 1 : 0; });
  over = true;
  CHECK(kept == 0);
}

TEST_CASE("the one descriptor that a child shall inherit stays with it, but not with its own children") {
  auto ends = OwnFd::pair_from([] {
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    return std::pair(Fd(pipe[0]), Fd(pipe[1]));
  });
  {
    const OwnFd::Inherited inherited(ends.second);
    CHECK(in_child([&ends = ends] {
            if (ends.first.get() >= 0 || ends.second.get() < 0) return 1;
            if (::fcntl(ends.second.get(), F_GETFD) == -1) return 2;
            const OwnFd::Inherited none{OwnFd()};
            return in_child([&] { return ends.second.get() < 0 ? 0 : 3; });
          }) == 0);
  }
  CHECK(in_child([&ends = ends] { return ends.second.get() < 0 ? 0 : 1; }) == 0);
}

TEST_CASE("where opening throws, processes can be forked all the same") {
  CHECK_THROWS_AS(OwnFd::from([]() -> Fd { throw 7; }), int);
  CHECK(in_child([] { return 0; }) == 0);
}
