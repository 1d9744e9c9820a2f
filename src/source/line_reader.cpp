#include "source/line_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "json/text.hpp"
#include "posix/file.hpp"

namespace pararun::detail {
namespace {

constexpr std::size_t kInitialCapacity = std::size_t{256} << 10;
constexpr int kStopPollMilliseconds = 50;

}  // namespace

LineReader::LineReader(const std::filesystem::path& path)
    : name_(path), capacity_(kInitialCapacity), buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {
  if (path == "-") {
    name_ = "standard input";
    fd_ = STDIN_FILENO;
  } else {
    // Without O_NONBLOCK a FIFO would be waited for here, where nothing can stop it.
    owned_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    fd_ = owned_.get();
    if (!owned_) posix::fail("cannot open", name_, errno);
  }
  const ::mode_t mode = posix::status(fd_, name_).st_mode;
  if (S_ISDIR(mode)) posix::fail("cannot read", name_, EISDIR);
  may_block_ = !S_ISREG(mode) && !S_ISBLK(mode);
}

LineReader::~LineReader() = default;

std::optional<std::string_view> LineReader::next() {
  const char* newline = nullptr;
  for (;;) {
    newline = static_cast<const char*>(std::memchr(buffer_.get() + scanned_, '\n', end_ - scanned_));
    if (newline != nullptr || ended_) break;
    scanned_ = end_;
    if (!fill()) return std::nullopt;
  }

  const char* const start = buffer_.get() + begin_;
  std::string_view line(start, newline != nullptr ? newline : buffer_.get() + end_);
  begin_ = scanned_ = newline != nullptr ? static_cast<std::size_t>(newline + 1 - buffer_.get()) : end_;
  if (line_number_ == 0) line = json::without_byte_order_mark(line, 0);
  if (newline == nullptr) {
    if (line.empty()) return std::nullopt;
  } else if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  ++line_number_;
  return line;
}

std::string LineReader::where() const { return name_.string() + ":" + std::to_string(line_number_); }

/// Reads more, or notes the end. False if it is time to stop.
bool LineReader::fill() {
  make_room();
  for (;;) {
    // A FIFO that nobody has opened for writing yet reads as if it were at its end; polling waits for the writer.
    if (may_block_ && !wait()) return false;
    const ssize_t count = ::read(fd_, buffer_.get() + end_, capacity_ - end_);
    if (count >= 0) {
      ended_ = count == 0;
      end_ += static_cast<std::size_t>(count);
      return true;
    }
    // Another reader of the same pipe may have been faster.
    if (errno != EINTR && !(errno == EAGAIN && may_block_)) posix::fail("cannot read", name_, errno);
  }
}

/// Waits until there is something to read, or the end. False if it is time to stop.
bool LineReader::wait() {
  for (;;) {
    if (stopping_ && stopping_()) return false;
    pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&poll, 1, stopping_ ? kStopPollMilliseconds : -1);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) posix::fail("cannot wait for input", name_, errno);
  }
}

/// Leaves room behind `end_`.
void LineReader::make_room() {
  if (end_ < capacity_) return;
  const std::size_t size = end_ - begin_;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, size);
  } else {
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_ * 2);
    std::memcpy(larger.get(), buffer_.get(), size);
    buffer_ = std::move(larger);
    capacity_ *= 2;
  }
  scanned_ -= begin_;
  begin_ = 0;
  end_ = size;
}

}  // namespace pararun::detail
