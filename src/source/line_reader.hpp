/// Cuts an input into lines with its own buffer: no more than one line, or 256 KiB, is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "posix/fd.hpp"

namespace pararun::detail {

/// For one thread at a time.
class LineReader {
 public:
  /// Throws `StoreError` if `path` cannot be opened for reading; "-" is standard input.
  explicit LineReader(const std::filesystem::path& path);
  ~LineReader();

  /// The next line without its `\n` or `\r\n`, valid until the next call; nothing at the end, or when
  /// stopping. Throws `StoreError` if it cannot be read.
  std::optional<std::string_view> next();

  /// The file and the number of the line that `next` gave last: `input.jsonl:17`.
  std::string where() const;

  /// Whether this is anything but a file on a disk.
  bool may_block() const noexcept { return may_block_; }

  int descriptor() const noexcept { return fd_; }

  /// `stopping` is asked while input is waited for.
  void stop_when(std::function<bool()> stopping) { stopping_ = std::move(stopping); }

 private:
  bool fill();
  bool wait();
  void make_room();

  std::filesystem::path name_;
  posix::Fd owned_;
  int fd_ = 0;
  bool may_block_ = false;
  bool ended_ = false;
  std::function<bool()> stopping_;
  std::uint64_t line_number_ = 0;

  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;    // of what was read and not given yet
  std::size_t scanned_ = 0;  // up to where there is no line end
  std::size_t end_ = 0;
};

}  // namespace pararun::detail
