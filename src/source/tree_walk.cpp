#include "source/tree_walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "posix/fd.hpp"
#include "posix/file.hpp"

namespace pararun::detail {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

enum class Kind { file, directory, other };

Kind kind_of(mode_t mode) { return S_ISREG(mode) ? Kind::file : S_ISDIR(mode) ? Kind::directory : Kind::other; }

/// What an entry is to the walk; a symbolic link is at most a file.
Kind kind_of(int directory, const dirent& entry, const std::filesystem::path& path) {
  struct stat status;
  const auto look = [&](int flags) {
    if (::fstatat(directory, entry.d_name, &status, flags) == 0) return true;
    // Removed since it was listed, or a link that leads nowhere.
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return false;
    posix::fail("cannot look at it", path / entry.d_name, errno);
  };

  switch (entry.d_type) {
    case DT_REG:
      return Kind::file;
    case DT_DIR:
      return Kind::directory;
    case DT_LNK:
      break;
    case DT_UNKNOWN:  // from file systems that do not say
      if (!look(AT_SYMLINK_NOFOLLOW)) return Kind::other;
      if (!S_ISLNK(status.st_mode)) return kind_of(status.st_mode);
      break;
    default:
      return Kind::other;
  }
  return look(0) && S_ISREG(status.st_mode) ? Kind::file : Kind::other;
}

}  // namespace

TreeWalk::TreeWalk(const std::filesystem::path& root, std::string pattern) : root_(root), pattern_(std::move(pattern)) {
  enter("");
}

std::optional<std::filesystem::path> TreeWalk::next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.at == level.entries.size()) {
      levels_.pop_back();
      continue;
    }
    Entry& entry = level.entries[level.at++];
    if (!entry.is_directory) return root_ / (level.prefix + entry.name);
    if (stopping_ && stopping_()) {
      --level.at;
      break;
    }
    enter(level.prefix + entry.name + '/');
  }
  return std::nullopt;
}

/// Lists a directory and makes it the current one. If that fails, the walk is as if it were empty.
void TreeWalk::enter(std::string prefix) {
  const std::filesystem::path path = prefix.empty() ? root_ : root_ / prefix.substr(0, prefix.size() - 1);
  // A directory that was replaced with a link to another since it was listed is not followed either.
  posix::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (prefix.empty() ? 0 : O_NOFOLLOW)));
  if (!fd) {
    if (!prefix.empty() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return;
    posix::fail("cannot open the directory", path, errno);
  }
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd.get()));
  if (!directory) posix::fail("cannot read the directory", path, errno);
  const int directory_fd = fd.release();

  Level level{std::move(prefix), {}, 0};
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const Kind kind = kind_of(directory_fd, *entry, path);
    if (kind == Kind::directory || (kind == Kind::file && matches(level.prefix, name))) {
      level.entries.push_back({std::move(name), kind == Kind::directory});
    }
  }
  if (errno != 0) posix::fail("cannot read the directory", path, errno);
  std::sort(level.entries.begin(), level.entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  levels_.push_back(std::move(level));
}

bool TreeWalk::matches(const std::string& prefix, const std::string& name) const {
  const bool whole_path = pattern_.find('/') != std::string::npos;
  return ::fnmatch(pattern_.c_str(), whole_path ? (prefix + name).c_str() : name.c_str(), 0) == 0;
}

}  // namespace pararun::detail
