#include "posix/stop_signals.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <thread>

#include <pararun/error.hpp>

namespace pararun::posix {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM};
constexpr std::size_t kMostListeners = 64;

// A signal handler can reach nothing but such globals.
std::array<std::atomic<Event*>, kMostListeners> listeners{};
std::atomic<int> signals{0};
std::atomic<int> in_handler{0};

std::mutex registry;
std::size_t registered = 0;                  // guarded by registry
std::array<struct sigaction, 2> previous{};  // guarded by registry

void on_signal(int signal) noexcept {
  const int count = signals.fetch_add(1) + 1;
  if (count >= 3) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);
    ::raise(signal);  // takes effect when this handler returns
    return;
  }
  ++in_handler;
  for (const std::atomic<Event*>& listener : listeners) {
    if (Event* event = listener.load()) event->ring();
  }
  --in_handler;
}

void install() {
  signals = 0;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigfillset(&action.sa_mask);
    action.sa_flags = SA_RESTART;  // a signal to the job is no reason for an item's read to fail
    ::sigaction(kSignals[i], &action, &previous[i]);
  }
}

void restore() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &previous[i], nullptr);
  }
}

}  // namespace

StopSignals::StopSignals(Event& event) : place_(-1), before_(0) {
  const std::lock_guard lock(registry);
  if (registered == 0) install();
  before_ = signals.load();
  for (std::size_t i = 0; i < listeners.size() && place_ < 0; ++i) {
    if (listeners[i].load() == nullptr) {
      listeners[i].store(&event);
      place_ = static_cast<int>(i);
    }
  }
  if (place_ < 0) throw Error("more than 64 jobs want to handle signals at once");
  ++registered;
}

StopSignals::~StopSignals() {
  const std::lock_guard lock(registry);
  if (--registered == 0) restore();
  listeners[static_cast<std::size_t>(place_)].store(nullptr);
  // A handler on another thread may still hold the event; its descriptor may soon be somebody else's file.
  while (in_handler.load() != 0) std::this_thread::yield();
}

int StopSignals::count() const noexcept { return signals.load() - before_; }

}  // namespace pararun::posix
