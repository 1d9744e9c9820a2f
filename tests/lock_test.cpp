#include "store/lock.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>
#include <pararun/inspect.hpp>

#include "store/results_store.hpp"
#include "support/faults.hpp"
#include "support/temp_dir.hpp"

using namespace pararun;
using namespace pararun::store;
using pararun::testing::read_file;
using pararun::testing::TempDir;
using pararun::testing::write_file;

namespace {

/// The process that the error names when the file cannot be had; -1 if it can.
std::int64_t refused_because_of(const std::filesystem::path& path) {
  try {
    open_locked(path);
  } catch (const CacheLocked& error) {
    CHECK(error.path() == path);
    return error.holder();
  }
  return -1;
}

std::optional<StoreError> error_of_opening(const std::filesystem::path& path) {
  try {
    open_locked(path);
  } catch (const StoreError& error) {
    return error;
  }
  return std::nullopt;
}

/// What every file system says it is, if not 0. Network file systems cannot be mounted by a test.
long pretended_type = 0;

/// A forked process that does something, says so, and lives until it is killed.
class Child {
 public:
  template <class Action>
  explicit Child(Action action) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      action();
      [[maybe_unused]] const auto said = ::write(ready[1], "x", 1);
      for (;;) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    REQUIRE(TEMP_FAILURE_RETRY(::read(ready[0], &byte, 1)) == 1);
    ::close(ready[0]);
  }
  ~Child() { kill(); }

  pid_t pid() const { return pid_; }

  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    TEMP_FAILURE_RETRY(::waitpid(pid_, nullptr, 0));
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("a missing file is created for its owner only") {
  const TempDir dir;
  const mode_t before = ::umask(0);
  const LockedFile file = open_locked(dir / "r.jsonl");
  ::umask(before);
  struct stat found {};
  REQUIRE(::stat((dir / "r.jsonl").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0600);
  CHECK(file.path == dir / "r.jsonl");
}

TEST_CASE("what a file holds is not touched by opening it") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":1}\n{\"id");
  open_locked(dir / "r.jsonl");
  CHECK(read_file(dir / "r.jsonl") == "{\"id\":1}\n{\"id");
}

TEST_CASE("a file is open once in a process, and the second attempt names the process itself") {
  const TempDir dir;
  std::optional<LockedFile> first = open_locked(dir / "r.jsonl");
  CHECK(refused_because_of(dir / "r.jsonl") == ::getpid());
  CHECK(refused_because_of(dir / "r.jsonl") == ::getpid());
  first.reset();
  CHECK(refused_because_of(dir / "r.jsonl") == -1);
}

TEST_CASE("closing another descriptor of the file does not give the lock away") {
  const TempDir dir;
  const LockedFile held = open_locked(dir / "r.jsonl");
  { std::ifstream other(dir / "r.jsonl"); }
  CHECK(refused_because_of(dir / "r.jsonl") == ::getpid());
}

TEST_CASE("a file that another process holds is refused by that process's id, and free once it is killed") {
  const TempDir dir;
  std::optional<LockedFile> held;
  Child child([&] { held = open_locked(dir / "r.jsonl"); });
  CHECK(refused_because_of(dir / "r.jsonl") == child.pid());
  child.kill();
  CHECK(refused_because_of(dir / "r.jsonl") == -1);
}

TEST_CASE("a forked process that outlives the holder keeps neither the lock nor the descriptor") {
  const TempDir dir;
  std::optional<LockedFile> held = open_locked(dir / "r.jsonl");
  const Child orphan([&] {
    if (held->fd.get() >= 0) ::_exit(1);
    held.reset();
  });
  CHECK(refused_because_of(dir / "r.jsonl") == ::getpid());
  held.reset();
  CHECK(refused_because_of(dir / "r.jsonl") == -1);
}

TEST_CASE("of several threads that open a file at once exactly one gets it") {
  const TempDir dir;
  for (int round = 0; round < 50; ++round) {
    std::optional<LockedFile> got[3];
    {
      std::vector<std::jthread> threads;
      for (std::optional<LockedFile>& mine : got) {
        threads.emplace_back([&] {
          try {
            mine = open_locked(dir / "r.jsonl");
          } catch (const CacheLocked&) {
          }
        });
      }
    }
    CHECK(std::count_if(std::begin(got), std::end(got), [](const auto& file) { return file.has_value(); }) == 1);
  }
}

TEST_CASE("a file that is replaced between its opening and its locking is opened again") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "old");
  write_file(dir / "new", "new");
  pararun::testing::before_next_lock([&] { std::filesystem::rename(dir / "new", dir / "r.jsonl"); });
  const LockedFile file = open_locked(dir / "r.jsonl");
  char content[3] = {};
  REQUIRE(::pread(file.fd.get(), content, 3, 0) == 3);
  CHECK(std::string(content, 3) == "new");
}

TEST_CASE("a symbolic link is followed, and both names are one file") {
  const TempDir dir;
  std::filesystem::create_symlink(dir / "elsewhere.jsonl", dir / "r.jsonl");
  const LockedFile file = open_locked(dir / "r.jsonl");
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(dir / "elsewhere.jsonl")));
  CHECK(std::filesystem::is_symlink(std::filesystem::symlink_status(dir / "r.jsonl")));
  CHECK(refused_because_of(dir / "elsewhere.jsonl") == ::getpid());
}

TEST_CASE("only a regular file is accepted, and the error says what is there instead") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "directory");
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (dir / "socket").c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(socket);
  const auto [name, words] = GENERATE(table<std::string, std::string>(
      {{"directory", "a directory"}, {"fifo", "a FIFO"}, {"socket", "a socket"}, {"/dev/null", "a character device"}}));
  const std::filesystem::path path = dir / name;
  const std::optional<StoreError> error = error_of_opening(path);
  REQUIRE(error);
  CHECK(error->what() == path.string() + ": this is " + words + ", not a regular file");
  CHECK(error->error_number() == 0);
  CHECK(error->path() == path);
}

TEST_CASE("a path that cannot be had is named together with the reason") {
  const TempDir dir;
  write_file(dir / "file", "");
  std::filesystem::create_symlink("loop", dir / "loop");
  const auto [name, reason] = GENERATE(table<std::string, int>({{"missing/r.jsonl", ENOENT},
                                                                {"file/r.jsonl", ENOTDIR},
                                                                {"loop", ELOOP},
                                                                {std::string(300, 'x'), ENAMETOOLONG}}));
  const std::filesystem::path path = dir / name;
  const std::optional<StoreError> error = error_of_opening(path);
  REQUIRE(error);
  CHECK(error->error_number() == reason);
  CHECK(std::string(error->what()).find(path.string() + ": cannot open: ") == 0);
}

TEST_CASE("a file never gets the descriptor of a standard stream") {
  const TempDir dir;
  const int saved = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
  ::close(STDIN_FILENO);
  const LockedFile file = open_locked(dir / "r.jsonl");
  const int fd = file.fd.get();
  const bool still_free = ::fcntl(STDIN_FILENO, F_GETFD) == -1;
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  CHECK(fd > STDERR_FILENO);
  CHECK(still_free);
  CHECK(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK(refused_because_of(dir / "r.jsonl") == ::getpid());
}

TEST_CASE("running out of descriptors is an error that says so") {
  const TempDir dir;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const std::optional<StoreError> error = error_of_opening(dir / "r.jsonl");
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(error);
  CHECK(error->error_number() == EMFILE);
}

TEST_CASE("hard links are warned of") {
  const TempDir dir;
  const LockedFile file = open_locked(dir / "r.jsonl");
  const std::size_t usual = file_warnings(file.fd.get(), file.path).size();
  std::filesystem::create_hard_link(dir / "r.jsonl", dir / "other.jsonl");
  const std::vector<std::string> warnings = file_warnings(file.fd.get(), file.path);
  REQUIRE(warnings.size() == usual + 1);
  CHECK(warnings.front().find("2 names") != std::string::npos);
}

extern "C" int fstatfs(int fd, struct statfs* system) noexcept {
  const auto failed = static_cast<int>(::syscall(SYS_fstatfs, fd, system));
  if (failed == 0 && pretended_type != 0) system->f_type = pretended_type;
  return failed;
}

TEST_CASE("the recovery report and inspect warn of network file systems, for both files, and of no others") {
  const auto [type, kind] = GENERATE(table<long, std::string>({{0x6969, "NFS"},
                                                               {0x517b, "SMB"},
                                                               {0xff534d42, "CIFS"},
                                                               {0xfe534d42, "SMB2"},
                                                               {0x65735546, "FUSE"},
                                                               {0x01021997, "9P"},
                                                               {0x0bd00bd0, "Lustre"},
                                                               {0xef53, ""},
                                                               {0x58465342, ""},
                                                               {0x01021994, ""}}));
  const TempDir dir;
  pretended_type = type;
  const std::vector<std::string> warnings = ResultsStore({.path = dir / "r.jsonl"}, [](auto) {}).recovery().warnings;
  const std::vector<std::string> seen = inspect(dir / "r.jsonl").warnings;
  pretended_type = 0;
  INFO(kind);
  REQUIRE(warnings.size() == (kind.empty() ? 0 : 2));
  REQUIRE(seen.size() == (kind.empty() ? 0 : 1));
  if (kind.empty()) return;
  CHECK(warnings[0] == seen[0]);
  const auto beginning = [&](const char* name) {
    return (dir / name).string() + " is on a network file system (" + kind + ")";
  };
  CHECK(warnings[0].find(beginning("r.jsonl")) == 0);
  CHECK(warnings[1].find(beginning("r.failed.jsonl")) == 0);
}
