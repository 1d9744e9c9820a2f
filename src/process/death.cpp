#include "process/death.hpp"

#include <cstring>
#include <system_error>

namespace pararun::process {
namespace {

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

}  // namespace

std::string describe(const Death& death) {
  switch (death.how) {
    case Death::How::exited:
      return "the worker process ended itself with exit code " + std::to_string(death.value);
    case Death::How::killed:
      return "the worker process was killed by " + signal_name(death.value);
    case Death::How::no_memory:
      return "the worker process was killed by the kernel, for want of memory";
    case Death::How::not_born:
      return "no worker process could be started: " + std::generic_category().message(death.value);
    case Death::How::asleep:
      return "the worker process was stopped, and did not begin";
    case Death::How::none:
      break;
  }
  return "the worker process lives";
}

}  // namespace pararun::process
