/// Inputs that are read as they come, in constant memory: the lines of a file, the JSON values of a JSON
/// Lines file, the files of a directory tree. `"-"` is standard input.
///
///     pr::map(clean, pr::jsonl("input.jsonl"), {.cache_path = "output.jsonl"});
///     for (auto& line : pr::lines("words.txt")) ...
///
/// Each is opened when it is made and throws `StoreError`, then and later, when the system refuses to open or
/// to read. Each can be gone through once, by one thread at a time.
#pragma once

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <pararun/json.hpp>

namespace pararun {

namespace detail {

class LineReader;
class TreeWalk;

/// What a job asks of its input.
template <class S>
concept PullSource = requires(S& source, const S& constant, std::function<bool()> stopping) {
  typename S::value_type;
  // Nothing at the end. After an exception the next call goes on behind what it was about.
  { source.next() } -> std::same_as<std::optional<typename S::value_type>>;
  // Whether `next` may wait for somebody else to provide the next item.
  { constant.may_block() }
  noexcept->std::same_as<bool>;
  // While it waits, `next` asks `stopping` several times a second and gives nothing once that is true.
  source.stop_when(std::move(stopping));
};

/// Makes an input range of a class that has `next`. The range is used up by going through it.
template <class Source, class T>
class PullRange {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(PullRange& range) noexcept : range_(&range) {}

    T& operator*() const noexcept { return *range_->current_; }
    Iterator& operator++() {
      range_->pull();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const noexcept { return !range_->current_; }

   private:
    PullRange* range_;
  };

  Iterator begin() {
    pull();
    return Iterator(*this);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void pull() { current_ = static_cast<Source&>(*this).next(); }

  std::optional<T> current_;
};

}  // namespace detail

/// The lines of a text file, without their ends. See `lines`.
class Lines : public detail::PullRange<Lines, std::string> {
 public:
  using value_type = std::string;

  explicit Lines(const std::filesystem::path& path);
  Lines(Lines&&) noexcept;
  Lines& operator=(Lines&&) noexcept;
  ~Lines();

  std::optional<std::string> next();
  /// The file and the number of the line that `next` gave last: `words.txt:17`.
  std::string where() const;
  bool may_block() const noexcept;
  /// What it reads from.
  int descriptor() const noexcept;
  void stop_when(std::function<bool()> stopping);

 private:
  std::unique_ptr<detail::LineReader> reader_;
};

/// The values of a JSON Lines file. See `jsonl`.
class JsonLines : public detail::PullRange<JsonLines, Json> {
 public:
  using value_type = Json;

  explicit JsonLines(const std::filesystem::path& path);
  JsonLines(JsonLines&&) noexcept;
  JsonLines& operator=(JsonLines&&) noexcept;
  ~JsonLines();

  /// Throws `BadItem`, which says where, for a line that is no JSON value.
  std::optional<Json> next();
  /// The file and the number of the line that `next` gave last: `input.jsonl:17`.
  std::string where() const;
  /// Of that line, in bytes.
  std::size_t length() const noexcept { return length_; }
  bool may_block() const noexcept;
  /// What it reads from.
  int descriptor() const noexcept;
  void stop_when(std::function<bool()> stopping);

 private:
  std::unique_ptr<detail::LineReader> reader_;
  std::size_t length_ = 0;
};

/// The files of a directory tree. See `files`.
class Files : public detail::PullRange<Files, std::filesystem::path> {
 public:
  using value_type = std::filesystem::path;

  Files(const std::filesystem::path& directory, std::string pattern);
  Files(Files&&) noexcept;
  Files& operator=(Files&&) noexcept;
  ~Files();

  std::optional<std::filesystem::path> next();
  bool may_block() const noexcept { return false; }
  void stop_when(std::function<bool()> stopping);

 private:
  std::unique_ptr<detail::TreeWalk> walk_;
};

/// Each line as a string of whatever bytes it has, without `\n` or `\r\n`. A last line without an end counts;
/// a UTF-8 byte-order mark before the first one does not.
inline Lines lines(const std::filesystem::path& path) { return Lines(path); }

/// Each line as a JSON value, blank lines left out. A malformed line is a bad item of the job, no end of it:
/// the lines behind it follow. (A range-based `for` ends there with a `BadItem`.)
inline JsonLines jsonl(const std::filesystem::path& path) { return JsonLines(path); }

/// The regular files below `directory`, and symbolic links to such, each as `directory` joined with its path
/// from there. Symbolic links to directories are not followed. `pattern` is a glob, as of the shell, for the
/// name; if it has a `/`, for the whole path from `directory`, and `*` then matches slashes too. Hidden files
/// are matched like others.
///
/// Goes through each directory in the order of the names' bytes, subdirectories in their places, and holds
/// the entries of one directory a level. A directory that cannot be read throws `StoreError`; `next` then goes
/// on behind it.
inline Files files(const std::filesystem::path& directory, std::string pattern = "*") {
  return Files(directory, std::move(pattern));
}

}  // namespace pararun
