/// What a forked process must do to be on its own: a copy of a program, with other people's signal handlers, half of
/// its locks taken, and a buffer of output that its parent will write as well.
#pragma once

#include <sys/types.h>

#include "posix/event.hpp"

namespace pararun::process {

/// To be called first in a child that was forked with all signals blocked. Names it, gives it a process group of its
/// own, and forgets handlers, mask and buffered standard output. SIGINT is ignored: at a terminal it is for the parent
/// to decide what becomes of it.
void become_child(const char* name) noexcept;

/// For a worker, after `become_child`: dies with its parent `parent`. A SIGTERM from anybody but the parent and itself
/// is ignored: a batch system sends one to every process of the job that it wants to end, and how a job ends is for the
/// process to decide that runs it. Is the first to be killed when memory runs out. Leaves no core behind.
void become_worker(::pid_t parent) noexcept;

/// From now on the parent's SIGTERM rings this bell, and ends nothing. Of a worker, which keeps the bell for ever.
void ring_at_terminate(posix::Event& bell) noexcept;

/// Writes what the worker's functions have printed.
void flush_output() noexcept;

/// Ends this process without running what is to be run at the end of the parent's.
[[noreturn]] void leave(int code) noexcept;

}  // namespace pararun::process
