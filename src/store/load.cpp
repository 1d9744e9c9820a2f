#include "store/load.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <pararun/error.hpp>

#include "json/text.hpp"
#include "posix/file.hpp"
#include "store/scan.hpp"
#include "store/work_together.hpp"

namespace pararun::store {
namespace {

constexpr std::size_t kHashesAtOnce = 16384;
constexpr std::size_t kMostOverlap = 4096;

/// A part of a file that is known to be that long.
class File {
 public:
  File(int fd, std::uint64_t size, const std::filesystem::path& path) : fd_(fd), size_(size), path_(path) {}

  std::uint64_t size() const noexcept { return size_; }

  std::string_view read(std::uint64_t offset, std::span<char> buffer) const {
    if (posix::read_at(fd_, offset, buffer, path_) != buffer.size()) {
      throw StoreError("the file was cut off while it was read", path_, 0);
    }
    return {buffer.data(), buffer.size()};
  }

 private:
  int fd_;
  std::uint64_t size_;
  const std::filesystem::path& path_;
};

/// What the threads of one call share.
struct Shared {
  File file;
  const std::string& key_field;
  const IdHasher& hasher;
  SeenSet& set;
  LoadLimits limits;
  std::atomic<std::uint64_t> next_chunk{0};
  std::mutex long_line{};
  std::mutex mutex{};
  LoadResult total{};          // guarded by `mutex`
  std::exception_ptr error{};  // guarded by `mutex`
};

/// Loads chunks, one after the other. A line belongs to the chunk that it begins in.
class Loader {
 public:
  explicit Loader(Shared& shared)
      : shared_(shared),
        scanner_(shared.key_field),
        overlap_(std::min(shared.limits.chunk_bytes, kMostOverlap)),
        capacity_(1 + shared.limits.chunk_bytes + overlap_),
        buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {
    hashes_.reserve(kHashesAtOnce);
  }

  LoadResult run() {
    const std::uint64_t size = shared_.file.size(), chunk_bytes = shared_.limits.chunk_bytes;
    const std::uint64_t chunks = size / chunk_bytes + (size % chunk_bytes != 0 ? 1 : 0);
    for (std::uint64_t chunk = 0; (chunk = shared_.next_chunk++) < chunks;) {
      load_chunk(chunk * chunk_bytes, std::min((chunk + 1) * chunk_bytes, size));
    }
    flush();
    return std::move(result_);
  }

 private:
  std::string_view read(std::uint64_t offset, std::uint64_t length) {
    return shared_.file.read(offset, {buffer_.get(), static_cast<std::size_t>(length)});
  }

  void load_chunk(std::uint64_t begin, std::uint64_t end) {
    // The byte in front tells whether a line begins at the chunk's first one.
    const std::uint64_t from = begin == 0 ? 0 : begin - 1;
    const std::string_view window = read(from, std::min(end + overlap_, shared_.file.size()) - from);
    std::size_t at = 0;
    if (begin != 0) {
      const std::size_t newline = window.find('\n');
      if (newline == std::string_view::npos) return;
      at = newline + 1;
    }
    while (from + at < end) {
      const std::size_t newline = window.find('\n', at);
      if (newline == std::string_view::npos) return load_long_line(from + at);
      load_line(from + at, window.substr(at, newline - at));
      at = newline + 1;
    }
  }

  void load_long_line(std::uint64_t begin) {
    std::uint64_t end = begin;
    for (std::size_t newline = std::string_view::npos; newline == std::string_view::npos;) {
      const std::uint64_t length = std::min<std::uint64_t>(shared_.file.size() - end, capacity_);
      if (length == 0) return;
      newline = read(end, length).find('\n');
      end += std::min<std::uint64_t>(newline, length);
    }
    const std::uint64_t length = end - begin;
    if (length <= capacity_) return load_line(begin, read(begin, length));
    if (length > shared_.limits.longest_line) return note_damage(begin, length, "it is too long for a line");
    const std::lock_guard lock(shared_.long_line);
    const auto line = std::make_unique_for_overwrite<char[]>(static_cast<std::size_t>(length));
    load_line(begin, shared_.file.read(begin, {line.get(), static_cast<std::size_t>(length)}));
  }

  void load_line(std::uint64_t begin, std::string_view text) {
    const std::string_view line = json::without_byte_order_mark(text, begin);
    const std::uint64_t offset = begin + (text.size() - line.size());
    const ScannedLine scanned = scanner_.scan(line);
    switch (scanned.kind) {
      case LineKind::id:
        ++result_.lines;
        hashes_.push_back(shared_.hasher({scanned.id_kind, scanned.id}));
        if (hashes_.size() == kHashesAtOnce) flush();
        break;
      case LineKind::foreign:
        ++result_.foreign;
        break;
      case LineKind::blank:
        break;
      case LineKind::damaged:
        note_damage(offset, line.size(), scanned.problem);
        break;
    }
  }

  // A thread's chunks come in ascending order, so the first ones of all threads are among the first of each.
  void note_damage(std::uint64_t offset, std::uint64_t length, const char* problem) {
    if (result_.damaged++ < kMaxDamage) result_.damage.push_back({offset, length, problem});
  }

  void flush() {
    result_.fresh_ids += shared_.set.load(hashes_);
    hashes_.clear();
  }

  Shared& shared_;
  LineScanner scanner_;
  std::size_t overlap_;
  std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::vector<IdHash> hashes_;
  LoadResult result_;
};

void add(LoadResult& total, LoadResult part) {
  total.lines += part.lines;
  total.fresh_ids += part.fresh_ids;
  total.foreign += part.foreign;
  total.damaged += part.damaged;
  std::move(part.damage.begin(), part.damage.end(), std::back_inserter(total.damage));
}

void load_some(Shared& shared) noexcept {
  try {
    LoadResult result = Loader(shared).run();
    const std::lock_guard lock(shared.mutex);
    add(shared.total, std::move(result));
  } catch (...) {
    shared.next_chunk = std::numeric_limits<std::uint64_t>::max() / 2;
    const std::lock_guard lock(shared.mutex);
    if (shared.error == nullptr) shared.error = std::current_exception();
  }
}

}  // namespace

LoadResult load_ids(int fd, std::uint64_t size, const std::string& key_field, const IdHasher& hasher, SeenSet& set,
                    unsigned threads, const std::filesystem::path& path_for_errors, LoadLimits limits) {
  Shared shared{
      .file = {fd, size, path_for_errors}, .key_field = key_field, .hasher = hasher, .set = set, .limits = limits};
  const std::uint64_t useful = std::min<std::uint64_t>(threads, size / limits.chunk_bytes);
  work_together(static_cast<unsigned>(useful), [&shared]() noexcept { load_some(shared); });
  if (shared.error != nullptr) std::rethrow_exception(shared.error);
  std::vector<Damage>& damage = shared.total.damage;
  std::ranges::sort(damage, {}, &Damage::offset);
  damage.resize(std::min(damage.size(), kMaxDamage));
  return std::move(shared.total);
}

std::uint64_t end_of_last_line(int fd, std::uint64_t size, const std::filesystem::path& path_for_errors,
                               LoadLimits limits) {
  const File file(fd, size, path_for_errors);
  const auto buffer = std::make_unique_for_overwrite<char[]>(limits.chunk_bytes);
  while (size != 0) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(size, limits.chunk_bytes));
    size -= length;
    const std::size_t newline = file.read(size, {buffer.get(), length}).rfind('\n');
    if (newline != std::string_view::npos) return size + newline + 1;
  }
  return 0;
}

}  // namespace pararun::store
