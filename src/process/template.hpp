/// The template: a process with one thread, forked before a job has threads of its own, that forks the job's workers
/// and sees to it that none of them outlives the job. It ends, and they with it, when its parent closes the line to it
/// or ends in whatever way.
#pragma once

#include <cstdint>

#include "posix/own_fds.hpp"
#include "process/area.hpp"
#include "process/worker.hpp"

namespace pararun::process {

/// What the parent tells the template, each in a message of its own.
struct Order {
  enum class What : std::uint8_t {
    start,   ///< fork a worker for a place that has none
    signal,  ///< send a signal to the process group of a place's worker, if that still lives
    leave,   ///< let the workers end as soon as they are idle, and end
  };
  What what = What::leave;
  std::uint8_t signal = 0;
  std::uint16_t place = 0;
};

/// Is the template from now on. `line` is its end of a SOCK_SEQPACKET pair.
[[noreturn]] void run_template(const posix::OwnFd& line, Area* areas, std::size_t places, Service& service) noexcept;

}  // namespace pararun::process
