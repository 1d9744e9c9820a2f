#include <pararun/source.hpp>

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace fs = std::filesystem;
namespace pr = pararun;
using pr::testing::TempDir;
using pr::testing::write_file;

namespace {

using Strings = std::vector<std::string>;

Strings found(const fs::path& directory, const std::string& pattern = "*") {
  Strings result;
  for (auto& path : pr::files(directory, pattern)) result.push_back(path.lexically_relative(directory).string());
  return result;
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

/// The superuser may read everything; the tests often run as that.
class OrdinaryUser {
 public:
  OrdinaryUser() : before_(::geteuid()) {
    if (before_ == 0) REQUIRE(::seteuid(65534) == 0);
  }
  ~OrdinaryUser() {
    if (before_ == 0) static_cast<void>(::seteuid(before_) == 0);
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  ::uid_t before_;
};

}  // namespace

TEST_CASE("the files of a tree come in a fixed order, joined with the directory as given") {
  const TempDir directory;
  fs::create_directories(directory / "b/empty");
  fs::create_directories(directory / "b.d/deep/er");
  for (const char* name : {"z.txt", "a.txt", "b/2.txt", "b/10.txt", "b.d/deep/er/x.md", "b.d/B.txt", ".hidden", "c"}) {
    write_file(directory / name, name);
  }
  CHECK(found(directory.path()) ==
        Strings{".hidden", "a.txt", "b/10.txt", "b/2.txt", "b.d/B.txt", "b.d/deep/er/x.md", "c", "z.txt"});

  auto with_slash = pr::files(directory.path().string() + "/b/");
  CHECK(with_slash.next() == directory.path().string() + "/b/10.txt");
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  CHECK(pr::files("b").next() == "b/10.txt");
  CHECK(pr::files(".").next() == "./.hidden");
  fs::current_path(before);
}

TEST_CASE("a pattern is for the name, or for the whole path if it has a slash") {
  const TempDir directory;
  fs::create_directories(directory / "en/old");
  for (const char* name : {"a.txt", "b.md", "en/c.txt", "en/d.html", "en/old/e.txt", "en/[x].txt"}) {
    write_file(directory / name, "");
  }
  CHECK(found(directory.path(), "*.txt") == Strings{"a.txt", "en/[x].txt", "en/c.txt", "en/old/e.txt"});
  CHECK(found(directory.path(), "?.[mh]*") == Strings{"b.md", "en/d.html"});
  CHECK(found(directory.path(), "en/*.txt") == Strings{"en/[x].txt", "en/c.txt", "en/old/e.txt"});
  CHECK(found(directory.path(), "*/old/*") == Strings{"en/old/e.txt"});
  CHECK(found(directory.path(), "\\[x\\].txt") == Strings{"en/[x].txt"});
  CHECK(found(directory.path(), "c") == Strings{});
}

TEST_CASE("names that are no text are found, whatever the locale") {
  const char* const locale = GENERATE("C", "C.UTF-8");
  REQUIRE(std::setlocale(LC_ALL, locale) != nullptr);
  const TempDir directory;
  write_file(directory / "caf\xe9.txt", "");
  CHECK(found(directory.path()) == Strings{"caf\xe9.txt"});
  CHECK(found(directory.path(), "*.txt") == Strings{"caf\xe9.txt"});
  std::setlocale(LC_ALL, "C");
}

TEST_CASE("links to files count, links to directories are not followed, and nothing else is a file") {
  const TempDir directory;
  fs::create_directories(directory / "real");
  write_file(directory / "real/file", "");
  fs::create_symlink("real/file", directory / "link");
  fs::create_symlink("real", directory / "link_to_directory");
  fs::create_symlink("nowhere", directory / "dangling");
  fs::create_symlink("loop", directory / "loop");
  fs::create_symlink("real/file/below", directory / "through_a_file");
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  CHECK(found(directory.path()) == Strings{"link", "real/file"});
  CHECK(found(directory / "link_to_directory") == Strings{"file"});
}

TEST_CASE("what is no directory is reported at once, by name and reason") {
  const TempDir directory;
  const auto missing = store_error([&] { pr::files(directory / "missing"); });
  CHECK(missing.error_number() == ENOENT);
  CHECK(missing.path() == directory / "missing");
  write_file(directory / "file", "");
  CHECK(store_error([&] { pr::files(directory / "file"); }).error_number() == ENOTDIR);
  CHECK(store_error([&] { pr::files(""); }).error_number() == ENOENT);
}

TEST_CASE("a directory that changes after it was listed neither breaks the walk nor leads it astray") {
  const TempDir directory;
  const TempDir elsewhere;
  write_file(elsewhere / "secret", "");
  for (const char* name : {"a_removed", "b_linked", "c_file", "d"}) fs::create_directory(directory / name);
  write_file(directory / "d/file", "");
  auto source = pr::files(directory.path());
  fs::remove(directory / "a_removed");
  fs::remove(directory / "b_linked");
  fs::create_directory_symlink(elsewhere.path(), directory / "b_linked");
  fs::remove(directory / "c_file");
  write_file(directory / "c_file", "");
  CHECK(source.next() == directory / "d/file");
  CHECK(source.next() == std::nullopt);
}

TEST_CASE("a directory that cannot be read is an error, and the walk can go on behind it") {
  const TempDir directory;
  fs::create_directory(directory / "closed");
  write_file(directory / "closed/inside", "");
  write_file(directory / "open", "");
  fs::permissions(directory.path(), fs::perms::all);
  fs::permissions(directory / "closed", fs::perms::none);
  {
    const OrdinaryUser user;
    auto source = pr::files(directory.path());
    const auto error = store_error([&] { source.next(); });
    CHECK(error.error_number() == EACCES);
    CHECK(error.path() == directory / "closed");
    CHECK(source.next() == directory / "open");
    CHECK(source.next() == std::nullopt);
    CHECK(store_error([&] { pr::files(directory / "closed"); }).error_number() == EACCES);
  }
  fs::permissions(directory / "closed", fs::perms::owner_all);
}

TEST_CASE("a walk through many directories stops when it is time to, and can go on") {
  const TempDir directory;
  for (int i = 10; i < 60; ++i) fs::create_directory(directory / std::to_string(i));
  write_file(directory / "19/file", "");
  auto source = pr::files(directory.path());
  int asked = 0;
  source.stop_when([&] { return ++asked == 10; });
  CHECK(source.next() == std::nullopt);
  CHECK(asked == 10);
  CHECK(source.next() == directory / "19/file");
}
