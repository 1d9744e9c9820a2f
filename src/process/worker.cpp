#include "process/worker.hpp"

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
  const auto head = area_.requests.take_plain<MessageHead>();
  round_ = head.round;
  message.clear();
  message.reserve(head.size);
  while (message.size() < head.size) {
    area_.worker_bell.wait([&] { return area_.requests.available() > 0; });
    area_.requests.take_into(message, head.size);
    area_.bell.ring();  // there is room again
  }
  area_.requests.begin_receiving();
  area_.replies.begin_sending();
  return true;
}

void Port::send(std::string& reply) noexcept {
  const ReplySize size = reply.size() - sizeof size;
  std::memcpy(reply.data(), &size, sizeof size);
  for (std::string_view bytes = reply;;) {
    const std::size_t sent = area_.replies.put(bytes);
    bytes.remove_prefix(sent);
    if (bytes.empty()) return;
    area_.bell.ring();
    if (sent == 0) area_.worker_bell.wait([&] { return area_.replies.room() > 0; });
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
      area.printing.store(true);
      flush_output();
      area.printing.store(false);
      port.wake();
      if (!service.goes_on()) break;
    }
  } catch (...) {
    leave(kServiceFailed);
  }
  leave(0);
}

}  // namespace pararun::process
