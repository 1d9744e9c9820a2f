/// System calls on files: interrupted calls are taken up again, short ones continued, and whatever fails
/// becomes a `StoreError` that names the operation and the path, here and nowhere else.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "posix/fd.hpp"

namespace pararun::posix {

/// Throws the `StoreError` of a system call. `operation` is a few words such as "cannot open".
[[noreturn]] void fail(const std::string& operation, const std::filesystem::path& path, int error_number);

/// Opens with O_CLOEXEC, O_NOCTTY and O_NONBLOCK besides `flags`; `mode` is for O_CREAT. The descriptor is never
/// 0, 1 or 2, so that what the program prints cannot land in the file. Throws a `StoreError` that says what it is
/// if the path names anything but a regular file; a FIFO or a device is not even opened.
Fd open_regular(const std::filesystem::path& path, int flags, ::mode_t mode = 0600);

struct stat status(int fd, const std::filesystem::path& path);

/// Whether the path names the file behind `fd` at this moment.
bool is_named_by(const struct stat& file, const std::filesystem::path& path);

struct WriteOutcome {
  std::size_t written = 0;
  int error_number = 0;  ///< 0 if everything was written
};

/// Writes until all of `bytes` are written or a write fails.
WriteOutcome write_fully(int fd, std::string_view bytes) noexcept;

/// As above; throws when not everything could be written.
void write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

/// Fills `buffer` from `offset` on; returns less than its size only where the file ends.
std::size_t read_at(int fd, std::uint64_t offset, std::span<char> buffer, const std::filesystem::path& path);

/// Returns an `errno` value, 0 if all is well.
int truncate(int fd, std::uint64_t size) noexcept;

/// Waits until the file's content and size are on the disk. Never call it again after it failed: the kernel
/// reports lost writes once and then pretends that they were made.
void sync(int fd, const std::filesystem::path& path);

/// Waits until the name of the file that `path` leads to is on the disk.
void sync_name(const std::filesystem::path& path);

}  // namespace pararun::posix
