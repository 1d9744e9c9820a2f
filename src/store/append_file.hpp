/// A file that grows by whole lines and by nothing else, whatever goes wrong while it does.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "store/lock.hpp"

namespace pararun::store {

/// For one thread at a time. After any exception nothing more may be appended.
class AppendFile {
 public:
  /// Called when the disk is full. True: room may have been made, try again.
  using WaitForRoom = std::function<bool()>;

  /// `file` must outlive this, and end with a newline or be empty.
  explicit AppendFile(const LockedFile& file);

  /// `lines` end with a newline. When they cannot all be written, as many whole lines as fit stay and a part of
  /// one is removed; a full disk is waited for, everything else throws `StoreError`.
  void append(std::string_view lines, const WaitForRoom& wait_for_room);

  /// Waits until everything appended is on the disk. Throws `StoreError`: what was appended since the last sync
  /// is then of unknown fate.
  void sync();

  /// Throws `StoreError` if the path no longer leads to the file, or the file has lost bytes.
  void require_in_place() const;

 private:
  bool remove_partial_line(std::uint64_t bytes) noexcept;

  const LockedFile& file_;
  std::uint64_t size_;
};

}  // namespace pararun::store
