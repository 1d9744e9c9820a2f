/// SIGINT and SIGTERM while jobs run. Every job runs in a child process.
#include <pararun/options.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/rendezvous.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;
using Parent = Child::Parent;

namespace {

const pr::Options kHandling{.n_workers = 2, .handle_signals = true, .progress = pr::Progress::none};

auto endless() {
  return [next = 0]() mutable -> std::optional<int> { return next++; };
}

/// False if that takes too long.
bool wait_for_stop(const std::stop_token& stop) {
  return eventually([&] { return stop.stop_requested(); });
}

bool has_default_action(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

void ignore_it(int) {}

bool is_locked(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  const bool looked = ::fcntl(fd, F_OFD_GETLK, &lock) == 0;
  ::close(fd);
  return looked && lock.l_type != F_UNLCK;
}

bool is_pending(int signal) {
  sigset_t pending;
  return ::sigpending(&pending) == 0 && sigismember(&pending, signal) == 1;
}

}  // namespace

TEST_CASE("a signal that comes while the results file is opened drains the job") {
  const TempDir dir;
  const auto path = dir / "r.jsonl";
  std::string lines;
  for (int i = 0; i < 500'000; ++i) lines += "{\"id\":" + std::to_string(i) + "}\n";
  write_file(path, lines);
  Child child([&](const Parent&) {
    pr::Options options = kHandling;
    options.cache_path = path;
    const pr::Report report = pr::map([](int) {}, endless(), options);
    return report.stopped == pr::StopReason::signal && report.succeeded == 0 ? report.exit_code() : 1;
  });
  // The first thing that is done to it.
  REQUIRE(eventually([&] { return is_locked(path); }));
  child.send(SIGTERM);
  CHECK(child.end() == 75);
}

TEST_CASE("the first signal drains the job: what is in flight is finished, undisturbed, and it exits with 75") {
  const TempDir dir;
  const int signal = GENERATE(SIGINT, SIGTERM);
  Child child([&](const Parent& parent) {
    pr::Options options = kHandling;
    options.n_workers = 1;
    options.cache_path = dir / "r.jsonl";
    const pr::Report report = pr::map(
        [&](int item, const std::stop_token& stop) {
          if (item != 2) return;
          parent.tell('r');
          // The signal arrives during this read, on this thread, which is the only one that takes signals.
          if (!parent.hear('g')) throw 1;
          if (eventually([&] { return stop.stop_requested(); }, 20ms)) throw 2;
        },
        endless(), options);
    if (report.stopped != pr::StopReason::signal) return 1;
    if (report.failed != 0 || report.unfinished != 0) return 2;
    return report.exit_code();
  });
  child.await('r');
  child.send(signal);
  child.tell('g');
  CHECK(child.end() == 75);
  CHECK(count_lines(dir / "r.jsonl") >= 3);
  CHECK(child.printed().empty());
}

TEST_CASE("the second signal asks the items in flight to stop") {
  const TempDir dir;
  Child child([&](const Parent& parent) {
    pr::Options options = kHandling;
    options.cache_path = dir / "r.jsonl";
    Rendezvous both(2);
    std::atomic<int> asked{0};
    const pr::Report report = pr::map(
        [&](int item, const std::stop_token& stop) {
          both.meet();
          if (item == 0) parent.tell('r');
          asked += wait_for_stop(stop);
        },
        endless(), options);
    if (report.stopped != pr::StopReason::signal || asked < 2) return 1;
    if (report.unfinished != report.seen) return 2;
    return report.exit_code();
  });
  child.await('r');
  child.send(SIGINT);
  child.send(SIGTERM);
  CHECK(child.end() == 75);
  CHECK(count_lines(dir / "r.jsonl") == 0);
}

TEST_CASE("the third signal has its default action, and what was counted before is in the file") {
  const TempDir dir;
  const int third = GENERATE(SIGINT, SIGTERM);
  Child child([&](const Parent& parent) {
    pr::Options options = kHandling;
    options.n_workers = 1;
    options.cache_path = dir / "r.jsonl";
    options.flush_interval = 1ms;
    pr::map(
        [&](int item, const std::stop_token& stop) {
          if (item < 10) return;
          parent.tell('r');
          if (!wait_for_stop(stop)) return;
          parent.tell('s');
          for (;;) ::pause();  // an item that does not listen
        },
        endless(), options);
    return 0;
  });
  child.await('r');
  CHECK(eventually([&] { return count_lines(dir / "r.jsonl") == 10; }));
  child.send(SIGINT);
  child.send(SIGTERM);
  child.await('s');
  child.send(third);
  CHECK(child.end() == -third);
  CHECK(count_lines(dir / "r.jsonl") == 10);
}

TEST_CASE("a signal ends the wait of an input") {
  Ends pipe = Ends::of(Ends::Kind::pipe);
  REQUIRE(::write(pipe.writer(), "a\n", 2) == 2);
  Child child([&](const Parent& parent) {
    const pr::Report report = pr::map([&](const std::string&) { parent.tell('r'); },
                                      pr::lines("/proc/self/fd/" + std::to_string(pipe.reader())), kHandling);
    return report.stopped == pr::StopReason::signal && report.succeeded == 1 ? report.exit_code() : 1;
  });
  child.await('r');
  child.send(SIGTERM);
  CHECK(child.end() == 75);
}

TEST_CASE("what the program had in place of the handlers is back after the job, also after one that throws") {
  Child child([](const Parent&) {
    ::signal(SIGINT, ignore_it);
    for (int round = 0; round < 3; ++round) {
      std::atomic<bool> ours{false};
      try {
        pr::map([&](int) { ours = !has_default_action(SIGTERM); },
                [&, next = 0]() mutable -> std::optional<int> {
                  if (next == 1 && round == 1) throw std::runtime_error("the input is gone");
                  return next < 1 ? std::optional<int>(next++) : std::nullopt;
                },
                kHandling);
      } catch (const std::runtime_error&) {
      }
      struct sigaction action {};
      ::sigaction(SIGINT, nullptr, &action);
      if (!ours || action.sa_handler != ignore_it || !has_default_action(SIGTERM)) return 1;
    }
    return 0;
  });
  CHECK(child.end() == 0);
}

TEST_CASE("a job that is not to handle signals leaves them alone") {
  Child child([](const Parent&) {
    std::atomic<bool> untouched{false};
    pr::map([&](int) { untouched = has_default_action(SIGINT) && has_default_action(SIGTERM); }, std::vector{1},
            {.n_workers = 1, .progress = pr::Progress::none});
    return untouched ? 0 : 1;
  });
  CHECK(child.end() == 0);
}

TEST_CASE("a signal that was ignored counts while the job runs, and is ignored again afterwards") {
  Child child([](const Parent&) {
    ::signal(SIGINT, SIG_IGN);  // as a shell does for what it runs in the background
    const pr::Report report = pr::map(
        [](int item) {
          if (item == 5) ::raise(SIGINT);
        },
        endless(), kHandling);
    struct sigaction action {};
    ::sigaction(SIGINT, nullptr, &action);
    return report.stopped == pr::StopReason::signal && report.seen >= 6 && action.sa_handler == SIG_IGN ? 0 : 1;
  });
  CHECK(child.end() == 0);
}

TEST_CASE("a signal drains all jobs that handle signals, and no other") {
  Child child([](const Parent& parent) {
    Rendezvous running(3);
    const auto run = [&](bool handles) {
      pr::Options options = kHandling;
      options.handle_signals = handles;
      options.n_workers = 1;
      return pr::map(
          [&](int item) {
            if (item != 0) return;
            running.meet();
            if (!handles) parent.tell('r');
          },
          [&, next = 0]() mutable -> std::optional<int> {
            if (next < 50'000 || handles) return next++;
            return std::nullopt;
          },
          options);
    };
    pr::Report first, second, other;
    {
      const std::jthread a([&] { first = run(true); });
      const std::jthread b([&] { second = run(true); });
      const std::jthread c([&] { other = run(false); });
    }
    if (first.stopped != pr::StopReason::signal || second.stopped != pr::StopReason::signal) return 1;
    return other.stopped == pr::StopReason::finished && other.succeeded == 50'000 ? 0 : 2;
  });
  child.await('r');
  child.send(SIGINT);
  CHECK(child.end() == 0);
}

TEST_CASE("functions find signals as the program has them, on whatever thread they run and whoever has started it") {
  for (int round = 0; round < 20; ++round) {
    Child child([](const Parent&) {
      Rendezvous all(32);
      std::atomic<int> strange{0};
      pr::map(
          [&](int) {
            all.meet();
            ::sigset_t mask;
            ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
            std::array<char, 16> name{};
            ::pthread_getname_np(::pthread_self(), name.data(), name.size());
            strange += ::sigismember(&mask, SIGINT) == 1 || std::string(name.data()).starts_with("pararun-");
          },
          std::views::iota(0, 32), {.n_workers = 32, .progress = pr::Progress::none});
      return strange.load();
    });
    CHECK(child.end() == 0);
  }
}

TEST_CASE("signals count until everything is written, not only while items are run") {
  const TempDir dir;
  Child child([&](const Parent&) {
    pr::Options options = kHandling;
    options.cache_path = dir / "r.jsonl";
    options.on_progress = [](const pr::ProgressState& state) {
      if (!state.finished) return;
      ::kill(::getpid(), SIGINT);
      ::kill(::getpid(), SIGTERM);
      if (!eventually([] { return !is_pending(SIGINT) && !is_pending(SIGTERM); })) throw std::runtime_error("pending");
    };
    return pr::map([](int) {}, std::vector{1, 2, 3}, options).exit_code();
  });
  CHECK(child.end() == 0);
}

TEST_CASE("a signal that an earlier job has heeded does not stop the next one") {
  Child child([](const Parent&) {
    const auto stopped = pr::map(
        [](int item) {
          if (item == 3) ::raise(SIGINT);
        },
        endless(), kHandling);
    const auto next = pr::map([](int) {}, std::vector{1, 2, 3}, kHandling);
    return stopped.stopped == pr::StopReason::signal && next.succeeded == 3 ? 0 : 1;
  });
  CHECK(child.end() == 0);
}
