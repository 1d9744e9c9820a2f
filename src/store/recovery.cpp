#include "store/recovery.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "json/text.hpp"
#include "posix/file.hpp"
#include "store/load.hpp"

namespace pararun::store {
namespace {

constexpr std::size_t kCopyChunk = std::size_t{1} << 20;
constexpr std::size_t kLookAt = 4096;
constexpr const char* kWhiteSpace = " \t\r\n";

std::string read_string(int fd, std::uint64_t begin, std::uint64_t length, const std::filesystem::path& path) {
  std::string text(static_cast<std::size_t>(length), '\0');
  text.resize(posix::read_at(fd, begin, text, path));
  return text;
}

/// Spares reading what cannot be an object: a power loss may leave gigabytes of NUL bytes.
bool may_be_object(int fd, const Tail& tail, const std::filesystem::path& path) {
  const std::uint64_t length = std::min<std::uint64_t>(tail.length, kLookAt);
  const std::string front = read_string(fd, tail.begin, length, path);
  const std::string_view text = json::without_byte_order_mark(front, tail.begin);
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first != text.npos && text[first] != '{') return false;
  const std::string back = read_string(fd, tail.begin + tail.length - length, length, path);
  const std::size_t last = back.find_last_not_of(kWhiteSpace);
  return last == back.npos || back[last] == '}';
}

bool is_intact(int fd, const Tail& tail, const std::filesystem::path& path, LineScanner& scanner) {
  if (tail.length > kLongestLine || !may_be_object(fd, tail, path)) return false;
  const std::string line = read_string(fd, tail.begin, tail.length, path);
  const LineKind kind = scanner.scan(json::without_byte_order_mark(line, tail.begin)).kind;
  return kind == LineKind::id || kind == LineKind::foreign;
}

void copy_tail(int from, const Tail& tail, const std::filesystem::path& path, int to,
               const std::filesystem::path& to_path) {
  std::vector<char> chunk(std::min<std::uint64_t>(kCopyChunk, tail.length));
  for (std::uint64_t done = 0; done < tail.length;) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), tail.length - done));
    const std::size_t count = posix::read_at(from, tail.begin + done, std::span(chunk).first(wanted), path);
    if (count == 0) posix::fail("cannot read", path, EIO);
    posix::write_all(to, {chunk.data(), count}, to_path);
    done += count;
  }
  posix::write_all(to, "\n", to_path);
}

/// Appends the tail and a newline to the file that keeps such tails.
void keep_tail(const LockedFile& file, const Tail& tail, const std::filesystem::path& to_path) {
  // Its name can be guessed: a symbolic link put there must not lead the bytes into another file.
  const posix::Fd to = posix::open_regular(to_path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW);
  const auto before = static_cast<std::uint64_t>(posix::status(to.get(), to_path).st_size);
  try {
    char last = '\n';
    if (before > 0) posix::read_at(to.get(), before - 1, {&last, 1}, to_path);
    if (last != '\n') posix::write_all(to.get(), "\n", to_path);
    copy_tail(file.fd.get(), tail, file.path, to.get(), to_path);
  } catch (...) {
    // A full disk would otherwise be filled further by each attempt.
    posix::truncate(to.get(), before);
    throw;
  }
  posix::sync(to.get(), to_path);
  posix::sync_name(to_path);
}

void add_newline(const LockedFile& file) { posix::write_all(file.fd.get(), "\n", file.path); }

}  // namespace

Tail examine_tail(int fd, const std::filesystem::path& path, LineScanner& scanner) {
  const auto size = static_cast<std::uint64_t>(posix::status(fd, path).st_size);
  Tail tail;
  tail.begin = end_of_last_line(fd, size, path);
  tail.length = size - tail.begin;
  if (tail.length != 0) tail.kind = is_intact(fd, tail, path, scanner) ? Tail::Kind::intact : Tail::Kind::torn;
  return tail;
}

Repair repair_tail(const LockedFile& file, LineScanner& scanner) {
  const Tail tail = examine_tail(file.fd.get(), file.path, scanner);
  Repair repair;
  repair.lines_end = tail.begin;
  switch (tail.kind) {
    case Tail::Kind::none:
      return repair;
    case Tail::Kind::intact:
      add_newline(file);
      repair.lines_end += tail.length + 1;
      repair.newline_added = true;
      break;
    case Tail::Kind::torn: {
      repair.torn_bytes = tail.length;
      repair.torn_path = torn_path(file.path);
      keep_tail(file, tail, repair.torn_path);
      const int error_number = posix::truncate(file.fd.get(), tail.begin);
      if (error_number == EPERM) {
        add_newline(file);
      } else if (error_number != 0) {
        posix::fail("cannot cut off the unfinished last line", file.path, error_number);
      }
      break;
    }
  }
  posix::sync(file.fd.get(), file.path);
  return repair;
}

std::filesystem::path torn_path(const std::filesystem::path& path) { return with_infix(path, ".torn"); }

std::filesystem::path with_infix(const std::filesystem::path& path, const char* word) {
  std::filesystem::path result = path.parent_path() / path.stem();
  result += word;
  result += path.extension();
  return result;
}

}  // namespace pararun::store
