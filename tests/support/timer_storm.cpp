/// A thousand signals a second, for programs that are run with PARARUN_TIMER_STORM set: every system call of the main
/// thread that can be interrupted is, sooner or later. Linked into all tests.
#include <pthread.h>
#include <sys/time.h>

#include <csignal>
#include <cstdlib>

namespace {

void do_nothing(int) {}

// A forked process does not inherit the timer.
void start_timer() {
  const itimerval every_millisecond{{0, 1000}, {0, 1000}};
  ::setitimer(ITIMER_REAL, &every_millisecond, nullptr);
}

[[gnu::constructor]] void begin_storm() {
  if (std::getenv("PARARUN_TIMER_STORM") == nullptr) return;
  struct sigaction action {};
  action.sa_handler = do_nothing;  // and no SA_RESTART
  ::sigaction(SIGALRM, &action, nullptr);
  ::pthread_atfork(nullptr, nullptr, start_timer);
  start_timer();
}

}  // namespace
