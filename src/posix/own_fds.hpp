/// Descriptors that a forked process must not keep. What is locked through a descriptor stays locked until the last
/// copy of it is closed, and a fork copies them all: a child that a function of the user's left behind would keep the
/// results file from the next run. So these are closed in each child before `fork` returns there. O_CLOEXEC does the
/// same for children that execute another program.
#pragma once

#include <utility>

#include "posix/fd.hpp"

namespace pararun::posix {

/// Owns such a descriptor, lets go of its lock and closes it. Children made by `_Fork`, or by a `clone` of the
/// program's own, do keep theirs.
class OwnFd {
 public:
  OwnFd() noexcept = default;
  OwnFd(OwnFd&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  OwnFd& operator=(OwnFd&& other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~OwnFd();

  /// Takes over the `Fd` that `open` returns, without a moment in which a child could get a copy to keep.
  template <class Open>
  static OwnFd from(Open open) {
    const ForkHeldBack held_back;
    return OwnFd(open());
  }

  /// Likewise, both ends of what is opened as a pair.
  template <class Open>
  static std::pair<OwnFd, OwnFd> pair_from(Open open) {
    const ForkHeldBack held_back;
    std::pair<Fd, Fd> ends = open();
    OwnFd first(std::move(ends.first));
    return {std::move(first), OwnFd(std::move(ends.second))};
  }

  /// While this lives, a child that this thread forks keeps its copy of one of them.
  class Inherited;

  /// Negative if there is none, and always in a forked child.
  int get() const noexcept;

 private:
  struct Entry;

  /// While this lives no other thread forks.
  class ForkHeldBack {
   public:
    ForkHeldBack();
    ~ForkHeldBack();
    ForkHeldBack(const ForkHeldBack&) = delete;
    ForkHeldBack& operator=(const ForkHeldBack&) = delete;
  };

  explicit OwnFd(Fd fd);

  Entry* entry_ = nullptr;
};

class OwnFd::Inherited {
 public:
  explicit Inherited(const OwnFd& fd) noexcept;
  ~Inherited();
  Inherited(const Inherited&) = delete;
  Inherited& operator=(const Inherited&) = delete;
};

}  // namespace pararun::posix
