#include "process/worker.hpp"

#include <array>
#include <cstring>

#include "process/child.hpp"

namespace pararun::process {
namespace {

// What does not happen to a service: one of somebody's that throws in `begin`, say.
constexpr int kServiceFailed = 70;

}  // namespace

bool Port::next(std::string& message, Clock::time_point until) {
  area_.worker_bell.wait([&] { return area_.requests.available() >= sizeof(MessageHead) || area_.leave.load(); },
                         until);
  if (area_.requests.available() < sizeof(MessageHead)) return false;
  MessageHead head{};
  std::array<char, sizeof head> bytes{};
  char* to = bytes.data();
  area_.requests.take(bytes.size(), [&](std::string_view piece) { to = std::copy(piece.begin(), piece.end(), to); });
  std::memcpy(&head, bytes.data(), sizeof head);
  round_ = head.round;
  message.clear();
  while (message.size() < head.size) {
    const std::size_t left = head.size - message.size();
    area_.worker_bell.wait([&] { return area_.requests.available() > 0; });
    area_.requests.take(std::min(left, area_.requests.available()), [&](std::string_view piece) { message += piece; });
    area_.bell.ring();  // there is room again
  }
  return true;
}

void Port::send(std::string& reply) noexcept {
  const ReplySize size = reply.size() - sizeof size;
  std::memcpy(reply.data(), &size, sizeof size);
  for (std::string_view bytes = reply;;) {
    bytes.remove_prefix(area_.replies.put(bytes));
    if (bytes.empty()) return;
    area_.bell.ring();
    area_.worker_bell.wait([&] { return area_.replies.room() > 0; });
  }
}

void run_worker(Area& area, Service& service) noexcept {
  Port port(area);
  try {
    service.begin();
    std::string message;
    const auto patience = service.patience();
    const auto until = [&] {
      const auto now = Clock::now();
      return patience < Clock::time_point::max() - now ? now + patience : Clock::time_point::max();
    };
    while (port.next(message, until())) {
      service.serve(message, port);
      flush_output();
      port.wake();
      if (!service.goes_on()) break;
    }
  } catch (...) {
    leave(kServiceFailed);
  }
  leave(0);
}

}  // namespace pararun::process
