#include "posix/own_fds.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <mutex>
#include <new>

namespace pararun::posix {
namespace {

/// A child that has just been forked, or has yet to execute its program, holds a copy for another moment.
void let_go_of_lock(int fd) {
  struct flock whole {};
  whole.l_type = F_UNLCK;
  whole.l_whence = SEEK_SET;
  ::fcntl(fd, F_OFD_SETLK, &whole);
}

}  // namespace

/// Where a descriptor is known to the handlers of `fork`.
struct OwnFd::Entry {
  int fd;
  Entry* previous;
  Entry* next;

  static std::mutex mutex;  ///< held while forking; guards the list
  static Entry* first;
  static thread_local Entry* inherited;  ///< by a child of this thread

  static void before_fork() { mutex.lock(); }
  static void after_fork() { mutex.unlock(); }

  /// Here nothing may be allocated or freed: the memory is a copy of another process's, in which anything may be amiss.
  static void in_child() {
    for (Entry* entry = first; entry != nullptr; entry = entry->next) {
      if (entry == inherited) continue;
      if (entry->fd >= 0) ::close(entry->fd);
      // The number will soon be another file's: whoever has a copy of this object must not meddle with that.
      entry->fd = -1;
    }
    mutex.unlock();
  }
};

// Without destructors, for there are forks after those of a program's other objects have run.
constinit std::mutex OwnFd::Entry::mutex;
constinit OwnFd::Entry* OwnFd::Entry::first = nullptr;
constinit thread_local OwnFd::Entry* OwnFd::Entry::inherited = nullptr;

OwnFd::OwnFd(Fd fd) : entry_(new Entry{fd.get(), nullptr, Entry::first}) {
  if (Entry::first != nullptr) Entry::first->previous = entry_;
  Entry::first = entry_;
  fd.release();
}

OwnFd::~OwnFd() {
  if (entry_ == nullptr) return;
  {
    // A child forked after the entry has gone but before the descriptor has would keep it.
    const ForkHeldBack held_back;
    if (entry_->fd >= 0) let_go_of_lock(entry_->fd);
    Fd(entry_->fd).reset();
    (entry_->previous != nullptr ? entry_->previous->next : Entry::first) = entry_->next;
    if (entry_->next != nullptr) entry_->next->previous = entry_->previous;
  }
  delete entry_;
}

int OwnFd::get() const noexcept { return entry_ != nullptr ? entry_->fd : -1; }

OwnFd::Inherited::Inherited(const OwnFd& fd) noexcept { Entry::inherited = fd.entry_; }

OwnFd::Inherited::~Inherited() { Entry::inherited = nullptr; }

OwnFd::ForkHeldBack::ForkHeldBack() {
  static const int failed = ::pthread_atfork(Entry::before_fork, Entry::after_fork, Entry::in_child);
  if (failed != 0) throw std::bad_alloc();
  Entry::mutex.lock();
}

OwnFd::ForkHeldBack::~ForkHeldBack() { Entry::mutex.unlock(); }

}  // namespace pararun::posix
