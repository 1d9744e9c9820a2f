#include "store/append_file.hpp"

#include <cerrno>

#include <pararun/error.hpp>

#include "posix/file.hpp"

namespace pararun::store {

AppendFile::AppendFile(const LockedFile& file)
    : file_(file), size_(static_cast<std::uint64_t>(posix::status(file.fd.get(), file.path).st_size)) {}

void AppendFile::append(std::string_view lines, const WaitForRoom& wait_for_room) {
  while (!lines.empty()) {
    const posix::WriteOutcome outcome = posix::write_fully(file_.fd.get(), lines);
    size_ += outcome.written;
    if (outcome.error_number == 0) return;
    // No line end found is npos, which plus one is zero: nothing whole was written.
    const std::size_t whole = lines.substr(0, outcome.written).rfind('\n') + 1;
    const bool clean = remove_partial_line(outcome.written - whole);
    const bool full = outcome.error_number == ENOSPC || outcome.error_number == EDQUOT;
    if (!clean || !full || !wait_for_room()) posix::fail("cannot write", file_.path, outcome.error_number);
    lines.remove_prefix(whole);
  }
}

void AppendFile::sync() { posix::sync(file_.fd.get(), file_.path); }

void AppendFile::require_in_place() const {
  const struct stat file = posix::status(file_.fd.get(), file_.path);
  if (file.st_nlink == 0 || !posix::is_named_by(file, file_.absolute)) {
    throw StoreError("this was deleted or replaced while the job ran", file_.path, 0);
  }
  if (static_cast<std::uint64_t>(file.st_size) < size_) {
    throw StoreError("this was truncated while the job ran", file_.path, 0);
  }
}

bool AppendFile::remove_partial_line(std::uint64_t bytes) noexcept {
  if (bytes == 0) return true;
  struct stat file {};
  // Where somebody else has appended as well, cutting would take their bytes.
  if (::fstat(file_.fd.get(), &file) != 0 || static_cast<std::uint64_t>(file.st_size) != size_) return false;
  if (posix::truncate(file_.fd.get(), size_ - bytes) != 0) return false;
  size_ -= bytes;
  return true;
}

}  // namespace pararun::store
