#include "process/child.hpp"

#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>

namespace pararun::process {
namespace {

// A signal handler can reach nothing but such globals.
std::atomic<::pid_t> parent_of_worker{0};
std::atomic<posix::Event*> bell_of_worker{nullptr};

void on_terminate(int signal, ::siginfo_t* info, void*) noexcept {
  if (info->si_pid != parent_of_worker && info->si_pid != ::getpid()) return;
  if (posix::Event* bell = bell_of_worker.load()) return bell->ring();
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  ::kill(::getpid(), signal);  // takes effect when this handler returns
}

void set_action(int signal, void (*handler)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

void be_killed_first() noexcept {
  constexpr int kMore = 300, kMost = 1000;
  const int fd = ::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  std::array<char, 16> text{};
  const ::ssize_t length = ::read(fd, text.data(), text.size());
  int score = 0;
  if (length > 0) std::from_chars(text.data(), text.data() + length, score);
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), std::min(score + kMore, kMost));
  [[maybe_unused]] const ::ssize_t written = ::pwrite(fd, text.data(), static_cast<std::size_t>(end - text.data()), 0);
  ::close(fd);
}

}  // namespace

void become_child(const char* name) noexcept {
  ::prctl(PR_SET_NAME, name);
  ::setpgid(0, 0);
  // Timers are not inherited, but a profiler's own handler of forks may have started them anew: without a handler for
  // their signals they would end the process.
  for (const auto timer : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    const ::itimerval none{};
    ::setitimer(timer, &none, nullptr);
  }
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    // What is ignored stays so, as it does in a program that is executed.
    if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    set_action(signal, SIG_IGN);  // which forgets the one that may have come already
    set_action(signal, SIG_DFL);
  }
  set_action(SIGINT, SIG_IGN);
  set_action(SIGCHLD, SIG_DFL);
  // Not being in the terminal's foreground any more, it would be stopped for ever when it reads from the terminal.
  set_action(SIGTTIN, SIG_IGN);
  set_action(SIGTTOU, SIG_IGN);
  // The parent will write this too.
  ::__fpurge(stdout);
  ::sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void become_worker(::pid_t parent) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) leave(0);  // it ended before it could be noticed
  parent_of_worker = parent;
  struct sigaction action {};
  action.sa_sigaction = on_terminate;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigaction(SIGTERM, &action, nullptr);
  be_killed_first();
  struct rlimit core {};
  if (::getrlimit(RLIMIT_CORE, &core) == 0) {
    core.rlim_cur = 0;
    ::setrlimit(RLIMIT_CORE, &core);
  }
}

void ring_at_terminate(posix::Event& bell) noexcept { bell_of_worker.store(&bell); }

void flush_output() noexcept {
  if (::__fpending(stdout) > 0) std::fflush(stdout);
}

void leave(int code) noexcept { ::_exit(code); }

}  // namespace pararun::process
