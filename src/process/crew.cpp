#include "process/crew.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <pararun/error.hpp>

#include "posix/signals.hpp"
#include "process/template.hpp"

namespace pararun::process {
namespace {

using namespace std::chrono_literals;

// Longer than any line that can be read again. Nobody sends more, unless its memory is full of nonsense.
constexpr ReplySize kLongestReply = ReplySize{1} << 36;

// Of which only so much is believed before it comes.
constexpr std::size_t kMostReserved = 1 << 26;

// Only a process that hangs in the kernel lives longer than this after SIGKILL.
constexpr auto kDying = 5s;

// So many workers in a row may end before they begin.
constexpr unsigned kMostBarren = 10;

// A template that is not at work after so long hangs.
constexpr auto kAwakening = 10s;

// Nor does one that follows orders need so long to end all its workers.
constexpr auto kLeaving = 10s;

[[noreturn]] void fail_to_start(int error) {
  throw Error("cannot start worker processes: " + std::generic_category().message(error));
}

Area* make_areas(std::size_t size, std::size_t places) {
  // Pages that are never touched, those of places that are never taken, cost nothing.
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail_to_start(errno);
  Area* areas = static_cast<Area*>(memory);
  for (std::size_t place = 0; place < places; ++place) ::new (static_cast<void*>(areas + place)) Area;
  return areas;
}

std::pair<posix::OwnFd, posix::OwnFd> make_line() {
  return posix::OwnFd::pair_from([] {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) fail_to_start(errno);
    return std::pair(posix::Fd(ends[0]), posix::Fd(ends[1]));
  });
}

void send_order(int line, Order order) noexcept {
  // It can only fail when there is nobody left to follow it.
  while (::send(line, &order, sizeof order, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

}  // namespace

bool BarrenStarts::may_go_on(const Death& death) {
  if (count_ == kMostBarren) return false;
  if (death.how == Death::How::not_born) std::this_thread::sleep_for(2ms * (1U << count_));
  ++count_;
  return true;
}

void Worker::open(std::string& message, std::uint16_t parts) noexcept {
  area_.replies.begin_receiving();
  area_.requests.begin_sending();
  area_.claims.open(++round_, parts);
  const MessageHead head{.size = message.size() - sizeof head, .round = round_};
  std::memcpy(message.data(), &head, sizeof head);
  unsent_ = message;
  reply_size_.reset();
}

Worker::Event Worker::send(Clock::time_point until) noexcept {
  for (;;) {
    const std::size_t sent = area_.requests.put(unsent_);
    unsent_.remove_prefix(sent);
    area_.worker_bell.ring();
    if (unsent_.empty()) return Event::ready;
    if (sent > 0) continue;
    const bool may_go_on = wait([&] { return area_.requests.room() > 0 || area_.death(); }, until);
    if (area_.death()) return Event::ended;
    if (!may_go_on) return Event::time;
  }
}

Worker::Event Worker::receive(Clock::time_point until) {
  if (!reply_size_) {
    if (const Event event = await(sizeof(ReplySize), until); event != Event::ready) return event;
    const auto size = area_.replies.take_plain<ReplySize>();
    if (size > kLongestReply) return Event::garbled;
    reply_size_ = size;
    reply_.clear();
    reply_.reserve(std::min<std::size_t>(size, kMostReserved));
  }
  while (reply_.size() < *reply_size_) {
    if (const Event event = await(1, until); event != Event::ready) return event;
    area_.replies.take_into(reply_, *reply_size_);
    area_.worker_bell.ring();  // it may wait for room
  }
  reply_size_.reset();
  return Event::ready;
}

/// Waits for `size` bytes, at most as many as the pipe holds.
Worker::Event Worker::await(std::size_t size, Clock::time_point until) noexcept {
  const auto come = [&] { return area_.replies.available() >= size; };
  if (come()) return Event::ready;
  if (!wait([&] { return come() || area_.death(); }, until)) return Event::time;
  // What it sent before it died has come, whichever was seen first.
  return come() ? Event::ready : Event::ended;
}

/// What `ready` says at the end.
bool Worker::wait(auto ready, Clock::time_point until) noexcept {
  if (until == Clock::time_point::min()) return ready();
  area_.bell.wait([&] { return ready() || interrupted_.load(); }, until);
  interrupted_.store(false);
  return ready();
}

void Worker::interrupt() noexcept {
  interrupted_.store(true);
  area_.bell.ring();
}

void Crew::Unmap::operator()(Area* areas) const noexcept { ::munmap(areas, size); }

Crew::Crew(std::size_t places, Service& service)
    : areas_(make_areas(places * sizeof(Area), places), Unmap{places * sizeof(Area)}), owner_(::getpid()) {
  workers_.reserve(places);
  idle_.reserve(places);
  for (std::size_t place = places; place-- > 0;) {
    workers_.push_back(std::unique_ptr<Worker>(new Worker(areas_[place], static_cast<std::uint16_t>(place))));
    idle_.push_back(workers_.back().get());
  }
  auto [ours, its] = make_line();
  int error = 0;
  {
    // No handler of the program's shall run in a child that is not what it was written for.
    const posix::AllSignalsBlocked blocked;
    {
      const posix::OwnFd::Inherited inherited(its);
      forked_ = Clock::now();
      template_ = ::fork();
      error = errno;
    }
    if (template_ == 0) run_template(its, areas_.get(), places, service);
  }
  if (template_ < 0) fail_to_start(error);
  line_ = std::move(ours);
}

void Crew::end_all() noexcept {
  if (::getpid() != owner_) return;
  const std::lock_guard one_at_a_time(ending_);
  posix::OwnFd line;
  {
    const std::lock_guard lock(mutex_);
    line = std::move(line_);
  }
  if (line.get() < 0) return;
  send_order(line.get(), {.what = Order::What::leave});
  Clock::time_point deadline = Clock::now() + kLeaving;
  while (state_of(line.get()) == Template::works && Clock::now() < deadline) {
    ::pollfd entry{.fd = line.get(), .events = 0, .revents = 0};
    ::poll(&entry, 1, static_cast<int>(kTick.count()));
    if (anyone_prints()) deadline = Clock::now() + kLeaving;
  }
  if (state_of(line.get()) != Template::gone) ::kill(template_, SIGKILL);  // which ends its workers too
  while (::waitpid(template_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Worker* Crew::hire() {
  Worker* worker = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    worker = idle_.back();
    idle_.pop_back();
  }
  if (!worker->started_ || worker->death()) start(*worker);
  return worker;
}

void Crew::start(Worker& worker) noexcept {
  worker.area_.clear();
  worker.started_ = true;
  send_order(line_.get(), {.what = Order::What::start, .place = worker.place_});
}

void Crew::dismiss(Worker& worker) noexcept {
  const std::lock_guard lock(mutex_);
  // One that must be forked again is the last to be taken.
  idle_.insert(worker.death() ? idle_.begin() : idle_.end(), &worker);
}

void Crew::signal(const Worker& worker, int signal) noexcept {
  send_order(line_.get(),
             {.what = Order::What::signal, .signal = static_cast<std::uint8_t>(signal), .place = worker.place_});
}

bool Crew::end(Worker& worker, std::chrono::nanoseconds grace) noexcept {
  const auto dead_by = [&](Clock::time_point deadline) {
    const auto dead = [&] { return static_cast<bool>(worker.death()); };
    while (!dead() && !lost() && Clock::now() < deadline) {
      worker.area_.bell.wait(dead, std::min(deadline, Clock::now() + kTick));
    }
    return dead() || lost();
  };
  worker.claims().withdraw(0);
  worker.area_.leave.store(true);  // should it heed the signal by coming to an end of what it does
  if (grace.count() > 0) {
    signal(worker, SIGTERM);
    if (dead_by(Clock::now() + grace)) return true;
  }
  signal(worker, SIGKILL);
  return dead_by(Clock::now() + kDying);
}

std::size_t Crew::idle() {
  const std::lock_guard lock(mutex_);
  if (line_.get() < 0) return 0;
  return static_cast<std::size_t>(std::count_if(
      idle_.begin(), idle_.end(), [](const Worker* worker) { return worker->started_ && !worker->death(); }));
}

bool Crew::lost() const noexcept { return state_of(line_.get()) != Template::works; }

Crew::Template Crew::state_of(int line) const noexcept {
  // What it says when it begins stays unread.
  ::pollfd entry{.fd = line, .events = POLLIN, .revents = 0};
  ::poll(&entry, 1, 0);
  if ((entry.revents & (POLLHUP | POLLERR)) != 0) return Template::gone;
  if ((entry.revents & POLLIN) != 0 || Clock::now() < forked_ + kAwakening) return Template::works;
  return Template::hangs;
}

bool Crew::anyone_prints() const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
    return worker->started_ && !worker->death() && worker->area_.printing.load();
  });
}

}  // namespace pararun::process
