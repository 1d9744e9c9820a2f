/// Goes through the files of a directory tree, depth first and in a fixed order.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pararun::detail {

/// For one thread at a time.
class TreeWalk {
 public:
  /// Throws `StoreError` if `root` is no directory that can be read.
  TreeWalk(const std::filesystem::path& root, std::string pattern);

  /// Nothing at the end, or when stopping.
  std::optional<std::filesystem::path> next();

  /// `stopping` is asked before each directory.
  void stop_when(std::function<bool()> stopping) { stopping_ = std::move(stopping); }

 private:
  struct Entry {
    std::string name;
    bool is_directory;
  };

  /// A directory that is being gone through.
  struct Level {
    std::string prefix;  // its path from the root, with a slash behind it; empty for the root itself
    std::vector<Entry> entries;
    std::size_t at = 0;
  };

  void enter(std::string prefix);
  bool matches(const std::string& prefix, const std::string& name) const;

  std::filesystem::path root_;
  std::string pattern_;
  std::function<bool()> stopping_;
  std::vector<Level> levels_;
};

}  // namespace pararun::detail
