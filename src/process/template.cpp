#include "process/template.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "posix/oom.hpp"
#include "process/child.hpp"

namespace pararun::process {
namespace {

using namespace std::chrono_literals;

// An idle worker is gone at once. What is left after this long is not idle.
constexpr auto kLeaving = 1s;
// Only a process that hangs in the kernel lives longer than this after SIGKILL; nobody can end it.
constexpr auto kDying = 5s;

void do_nothing(int) {}

class Template {
 public:
  Template(const posix::OwnFd& line, Area* areas, std::size_t places, Service& service)
      : line_(line), areas_(areas), workers_(places), service_(service), pid_(::getpid()) {
    // What would end it is for the parent to heed. Not ignored, for workers ignore what they find ignored.
    struct sigaction action {};
    action.sa_handler = do_nothing;
    for (const int signal : {SIGCHLD, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::sigaction(signal, &action, nullptr);
    ::sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    // Only while it waits: so none is missed in between.
    ::pthread_sigmask(SIG_BLOCK, &child, &mask_);
  }

  void run() {
    const char at_work = 0;
    ::send(line_.get(), &at_work, sizeof at_work, MSG_NOSIGNAL);
    bool patient = false;
    for (bool more = true; more;) {
      reap();
      if (!wait(nullptr)) continue;
      Order order;
      const ::ssize_t length = ::recv(line_.get(), &order, sizeof order, 0);
      if (length < 0 && errno == EINTR) continue;
      more = length == sizeof order && order.what != Order::What::leave;
      if (more) {
        follow(order);
      } else {
        patient = length > 0;
      }
    }
    end_all(patient);
  }

 private:
  struct Worker {
    ::pid_t pid = 0;
    bool told_to_end = false;
    std::uint64_t ooms = 0;  ///< when it was started
  };

  /// Whether there is an order, or the end of them; false if a child has ended or the time is up.
  bool wait(const ::timespec* limit) noexcept {
    ::pollfd entry{.fd = line_.get(), .events = POLLIN, .revents = 0};
    return ::ppoll(&entry, 1, limit, &mask_) > 0;
  }

  void follow(const Order& order) noexcept {
    if (order.place >= workers_.size()) return;
    Worker& worker = workers_[order.place];
    if (order.what == Order::What::start && worker.pid == 0) {
      start(order.place);
    } else if (order.what == Order::What::signal && worker.pid != 0) {
      worker.told_to_end = true;
      ::kill(-worker.pid, order.signal);
    }
  }

  void start(std::size_t place) noexcept {
    Area& area = areas_[place];
    const std::uint64_t ooms = posix::oom_kills().value_or(0);
    ::sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    const ::pid_t pid = ::fork();
    if (pid == 0) {
      area.pid.store(::getpid());
      become_child("pararun-worker");
      become_worker(pid_);
      run_worker(area, service_);
    }
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) {
      tell(area, {Death::How::not_born, error});
      return;
    }
    ::setpgid(pid, pid);  // both do it, for either may be the first who needs it
    workers_[place] = {.pid = pid, .ooms = ooms};
  }

  void tell(Area& area, Death death) noexcept {
    area.set_death(death);
    area.bell.ring();
  }

  void reap() noexcept {
    for (;;) {
      ::siginfo_t info{};
      // Left as it is for a moment, so that nobody else can get the number of its process group.
      if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
      const ::pid_t pid = info.si_pid;
      ::kill(-pid, SIGKILL);
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
      for (std::size_t place = 0; place < workers_.size(); ++place) {
        if (workers_[place].pid != pid) continue;
        tell(areas_[place], death_of(info, std::exchange(workers_[place], {})));
      }
    }
  }

  Death death_of(const ::siginfo_t& info, const Worker& worker) noexcept {
    if (info.si_code == CLD_EXITED) return {Death::How::exited, info.si_status};
    if (info.si_status == SIGKILL && !worker.told_to_end) {
      // Each of the kernel's kills explains one death, of a worker that lived then.
      explained_ = std::max(explained_, worker.ooms);
      if (posix::oom_kills().value_or(0) > explained_) {
        ++explained_;
        return {Death::How::no_memory, info.si_status};
      }
    }
    return {Death::How::killed, info.si_status};
  }

  void end_all(bool patient) noexcept {
    for (std::size_t place = 0; place < workers_.size(); ++place) {
      areas_[place].leave.store(true);
      areas_[place].worker_bell.ring();
    }
    if (patient) {
      do reap_until(Clock::now() + kLeaving);
      while (anyone_prints() && parent_lives());
    }
    for (const Worker& worker : workers_) {
      if (worker.pid != 0) ::kill(-worker.pid, SIGKILL);
    }
    reap_until(Clock::now() + kDying);
  }

  bool parent_lives() const noexcept {
    ::pollfd entry{.fd = line_.get(), .events = 0, .revents = 0};
    return ::poll(&entry, 1, 0) == 0;
  }

  bool anyone_prints() const noexcept {
    for (std::size_t place = 0; place < workers_.size(); ++place) {
      if (workers_[place].pid != 0 && areas_[place].printing.load()) return true;
    }
    return false;
  }

  void reap_until(Clock::time_point deadline) noexcept {
    for (;;) {
      reap();
      bool any = false;
      for (const Worker& worker : workers_) any = any || worker.pid != 0;
      if (!any || Clock::now() >= deadline) return;
      const ::timespec tick{.tv_sec = 0, .tv_nsec = 20'000'000};
      ::ppoll(nullptr, 0, &tick, &mask_);
    }
  }

  const posix::OwnFd& line_;
  Area* areas_;
  std::vector<Worker> workers_;
  Service& service_;
  const ::pid_t pid_;
  ::sigset_t mask_{};
  std::uint64_t explained_ = 0;  // so many of the kernel's kills for want of memory
};

}  // namespace

void run_template(const posix::OwnFd& line, Area* areas, std::size_t places, Service& service) noexcept {
  become_child("pararun-template");
  try {
    Template(line, areas, places, service).run();
  } catch (...) {
    leave(1);
  }
  leave(0);
}

}  // namespace pararun::process
