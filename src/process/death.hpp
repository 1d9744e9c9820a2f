/// How a worker process ended.
#pragma once

#include <cstdint>
#include <string>

namespace pararun::process {

struct Death {
  enum class How : std::uint8_t {
    none,       ///< it has not
    exited,     ///< value: the exit code
    killed,     ///< value: the signal
    no_memory,  ///< killed by the kernel for want of memory; value: the signal
    not_born,   ///< it could not be forked; value: the error
    asleep,     ///< it was ended, for somebody had stopped it before it began
  };
  How how = How::none;
  int value = 0;

  explicit operator bool() const noexcept { return how != How::none; }
};

/// `the worker process was killed by SIGSEGV` and so on.
std::string describe(const Death& death);

}  // namespace pararun::process
