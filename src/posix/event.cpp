#include "posix/event.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <pararun/error.hpp>

namespace pararun::posix {

Event::Event()
    : fd_(OwnFd::from([] {
        Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!fd) throw Error("cannot make an eventfd: " + std::generic_category().message(errno));
        return fd;
      })) {}

void Event::ring() noexcept {
  const int saved = errno;
  const std::uint64_t once = 1;
  // It can only fail when the bell has been ringing for ever already.
  [[maybe_unused]] const ::ssize_t written = ::write(fd_.get(), &once, sizeof once);
  errno = saved;
}

bool Event::wait(std::chrono::steady_clock::time_point until) noexcept {
  using namespace std::chrono;
  const auto now = steady_clock::now();
  const nanoseconds left = std::clamp<nanoseconds>(until <= now ? 0ns : until - now, 0ns, hours(1));
  const ::timespec timeout{.tv_sec = static_cast<::time_t>(left.count() / 1'000'000'000),
                           .tv_nsec = static_cast<long>(left.count() % 1'000'000'000)};
  ::pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (::ppoll(&poll, 1, &timeout, nullptr) <= 0) return false;
  std::uint64_t rings = 0;
  return ::read(fd_.get(), &rings, sizeof rings) == sizeof rings;
}

}  // namespace pararun::posix
