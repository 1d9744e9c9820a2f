/// Progress on real descriptors: pseudo-terminals, pipes, and what happens when nobody reads them.
#include "progress/display.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <termios.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <vector>

#include <catch2/catch.hpp>
#include <pararun/error.hpp>

#include "support/ends.hpp"

namespace {

using namespace std::chrono_literals;
using pararun::Progress;
using pararun::ProgressState;
using namespace pararun::progress;
using namespace pararun::testing;

const Environment kTerminal = environment({{"TERM", "xterm"}, {"LANG", "en_GB.UTF-8"}});
constexpr Intervals kQuick{.redraw = 100us, .json = 100us, .plain = 100us, .patience = 1ms};
constexpr Intervals kNever{.redraw = 1h, .json = 1h, .plain = 1h, .patience = 10s};

/// A job that does nothing but look as if it went on.
struct Job {
  std::atomic<std::uint64_t> snapshots = 0;
  std::atomic<int> errors = 0;
  std::string description = "clean";

  std::unique_ptr<Display> show(DisplayOptions options) {
    return std::make_unique<Display>(
        std::move(options), [this] { return snapshot(); }, [this](const std::exception_ptr&) { ++errors; });
  }
  ProgressState snapshot() {
    ProgressState state;
    const std::uint64_t number = ++snapshots;
    state.description = description;
    state.total = 1'000'000'000;
    state.seen = state.succeeded = number;
    state.elapsed = std::chrono::milliseconds(number);
    return state;
  }
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
  return found;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    result.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return result;
}

/// What stood on a terminal's line at one time or another.
std::vector<std::string> drawings(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t at = text.find('\r'); at != std::string::npos;) {
    const std::size_t end = text.find("\x1b[K", at);
    if (end == std::string::npos) break;
    result.push_back(text.substr(at + 1, end - at - 1));
    at = text.find('\r', end);
  }
  return result;
}

TEST_CASE("a terminal gets a bar that is drawn over itself and left on its own line") {
  Ends terminal = Ends::terminal(60);
  Job job;
  auto display = job.show({.fd = terminal.writer(), .intervals = kQuick, .environment = kTerminal});
  std::string text = terminal.read_until("it/s]");
  CHECK(count(text, "\n") == 0);
  display->finish();
  text += terminal.read_until("\n");
  CHECK(count(text, "\n") == 1);
  CHECK(text.ends_with("]\x1b[K\n"));
  // Nor has it colours that a user might not want (NO_COLOR).
  CHECK(count(text, "\x1b") == count(text, "\x1b[K"));
  for (const std::string& line : drawings(text)) {
    CHECK(columns(line) == 59);
    CHECK(line.starts_with("clean: 0%|"));
  }
  display->finish();
  display.reset();
  CHECK(terminal.read_now().empty());
}

TEST_CASE("the bar is drawn, and on_progress called, at most ten times a second, and once at the end") {
  Ends terminal = Ends::terminal(60);
  Job job;
  std::atomic<int> calls{0};
  const auto begun = std::chrono::steady_clock::now();
  auto display = job.show(
      {.on_progress = [&](const ProgressState&) { ++calls; }, .fd = terminal.writer(), .environment = kTerminal});
  std::string text;
  CHECK(eventually([&] {
    text += terminal.read_now();
    return calls >= 4 && drawings(text).size() >= 3;
  }));
  display->finish();
  text += terminal.read_until("\n");
  const auto most = (std::chrono::steady_clock::now() - begun) / 100ms + 1;
  CHECK(calls <= most);
  CHECK(static_cast<long>(drawings(text).size()) <= most);
}

TEST_CASE("the bar follows the window as it is resized") {
  Ends terminal = Ends::terminal(100);
  Job job;
  auto display = job.show({.fd = terminal.writer(), .intervals = kQuick, .environment = kTerminal});
  for (const int width : {60, 20, 120, 1, 80}) {
    terminal.resize(width);
    CHECK(eventually([&] {
      const auto drawn = drawings(terminal.read_now());
      return !drawn.empty() && columns(drawn.back()) == static_cast<std::size_t>(width - 1);
    }));
  }
}

TEST_CASE("a pipe gets nothing but whole plain lines") {
  Ends pipe = Ends::of(Ends::Kind::pipe);
  Job job;
  auto display = job.show({.fd = pipe.writer(), .intervals = kQuick, .environment = kTerminal});
  std::string text = pipe.read_until("it/s]\n");
  display->finish();
  text += pipe.read_now();
  CHECK(lines(text).size() >= 2);
  for (const std::string& line : lines(text)) CHECK(line.starts_with("clean: 0% "));
  CHECK(text.find('\r') == std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("a job that is shorter than the interval shows its end and nothing else") {
  const Progress mode = GENERATE(Progress::bar, Progress::plain, Progress::json);
  Ends pipe = Ends::of(Ends::Kind::pipe);
  Job job;
  auto display = job.show({.mode = mode, .fd = pipe.writer(), .intervals = kNever, .environment = kTerminal});
  display->finish();
  CHECK(lines(pipe.read_now()).size() == 1);
}

TEST_CASE("JSON is one object a line, of which the last says that it is the last") {
  Ends pipe = Ends::of(Ends::Kind::pipe);
  Job job;
  auto display = job.show({.mode = Progress::json, .fd = pipe.writer(), .intervals = kQuick});
  std::string text = pipe.read_until("\n");
  display->finish();
  text += pipe.read_now();
  for (const std::string& line : lines(text)) {
    CHECK(line.starts_with(R"({"description":"clean","total":1000000000,"seen":)"));
    CHECK(line.ends_with("}"));
  }
  CHECK(count(text, R"("finished":true)") == 1);
  CHECK(lines(text).back().ends_with(R"("finished":true})"));
}

TEST_CASE("while one job draws a bar the next one writes lines over it") {
  Ends terminal = Ends::terminal(80);
  Job first, second;
  auto bar = first.show({.fd = terminal.writer(), .intervals = kQuick, .environment = kTerminal});
  auto other = second.show({.fd = terminal.writer(), .intervals = kNever, .environment = kTerminal});
  other->finish();
  CHECK(terminal.read_until("\n").find("\r\x1b[Kclean: 0% 2/1000000000 [00:00<") != std::string::npos);
  bar->finish();
  bar.reset();
  terminal.read_until("\n");
  auto third = second.show({.fd = terminal.writer(), .intervals = kNever, .environment = kTerminal});
  third->finish();
  CHECK(terminal.read_until("\n").find("%|") != std::string::npos);
}

TEST_CASE("nobody waits for a reader that does not read") {
  const auto kind = GENERATE(Ends::Kind::pipe, Ends::Kind::socket, Ends::Kind::terminal);
  Ends ends = Ends::of(kind);
  Job job;
  job.description.assign(400, 'x');  // so that a terminal's buffer has room for a part of the last line
  std::atomic<int> calls = 0;
  auto display = job.show({.mode = Progress::json,
                           .on_progress = [&](const ProgressState&) { ++calls; },
                           .fd = ends.writer(),
                           .intervals = kQuick});
  CHECK(eventually([&] { return calls > 1500; }));  // far more than any buffer holds
  std::string text = ends.read_until("\n");
  const int before = calls;
  CHECK(eventually([&] { return calls > before + 2; }));
  text += ends.read_now();
  display->finish();
  text += ends.read_now();
  for (const std::string& line : lines(text.substr(0, text.rfind('\n') + 1))) {
    CHECK(line.starts_with("{\"description\""));
    CHECK(count(line, "{") == 1);
    CHECK(line.ends_with("}"));
  }
}

TEST_CASE("a terminal stopped with ^S stops the bar and not the job") {
  Ends terminal = Ends::terminal(80);
  Job job;
  auto display = job.show({.fd = terminal.writer(), .intervals = kQuick, .environment = kTerminal});
  terminal.read_until("it/s]");
  REQUIRE(::tcflow(terminal.writer(), TCOOFF) == 0);
  const std::uint64_t before = job.snapshots;
  CHECK(eventually([&] { return job.snapshots > before + 50; }));
  terminal.read_now();
  REQUIRE(::tcflow(terminal.writer(), TCOON) == 0);
  terminal.read_until("it/s]");
  REQUIRE(::tcflow(terminal.writer(), TCOOFF) == 0);
  display->finish();
}

TEST_CASE("a reader that is gone harms nobody") {
  const auto kind = GENERATE(Ends::Kind::pipe, Ends::Kind::socket, Ends::Kind::terminal);
  Ends ends = Ends::of(kind);
  Job job;
  ends.close_reader();
  std::atomic<bool> pending = false;
  auto display = job.show({.mode = Progress::json,
                           .on_progress =
                               [&](const ProgressState&) {
                                 sigset_t signals;
                                 ::sigpending(&signals);
                                 if (::sigismember(&signals, SIGPIPE) == 1) pending = true;
                               },
                           .fd = ends.writer(),
                           .intervals = kQuick});
  CHECK(eventually([&] { return job.snapshots > 20; }));
  display->finish();
  CHECK_FALSE(pending);
  CHECK(job.errors == 0);
}

TEST_CASE("the descriptor is left as it was, and may be closed or used otherwise at any time") {
  const auto kind = GENERATE(Ends::Kind::pipe, Ends::Kind::socket, Ends::Kind::terminal);
  Ends ends = Ends::of(kind);
  const int flags = ::fcntl(ends.writer(), F_GETFL);
  Job job;
  auto display = job.show({.mode = Progress::plain, .fd = ends.writer(), .intervals = kNever});
  CHECK(::fcntl(ends.writer(), F_GETFL) == flags);
  ends.close_writer();
  display->finish();
  CHECK(ends.read_until("\n").starts_with("clean: "));

  Ends closed = Ends::of(Ends::Kind::pipe);
  const int number = closed.writer();
  closed.close_writer();
  job.show({.mode = Progress::plain, .fd = number, .intervals = kNever})->finish();
}

TEST_CASE("on_progress: called on one other thread, at last with the finished state") {
  Job job;
  std::vector<ProgressState> states;  // unguarded: a second thread would be a race
  std::atomic<int> calls = 0;
  std::thread::id thread;
  sigset_t blocked{};
  auto display = job.show({.mode = Progress::none,
                           .on_progress =
                               [&](const ProgressState& state) {
                                 states.push_back(state);
                                 thread = std::this_thread::get_id();
                                 ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
                                 ++calls;
                               },
                           .intervals = kQuick});
  CHECK(eventually([&] { return calls > 3; }));
  display->finish();
  CHECK(thread != std::this_thread::get_id());
  CHECK(::sigismember(&blocked, SIGINT) == 1);
  CHECK(::sigismember(&blocked, SIGPIPE) == 1);
  CHECK(std::count_if(states.begin(), states.end(), [](const auto& state) { return state.finished; }) == 1);
  REQUIRE(states.back().finished);
  CHECK(states.back().succeeded == job.snapshots);
  CHECK(states.back().rate == Approx(1000));
  REQUIRE(states.back().remaining);
  CHECK(states.back().remaining->count() == Approx(1e6).epsilon(0.01));
}

TEST_CASE("on_progress: its first exception is handed on, and it is not called again") {
  Ends pipe = Ends::of(Ends::Kind::pipe);
  Job job;
  std::atomic<int> calls = 0;
  auto display = job.show({.mode = Progress::plain,
                           .on_progress =
                               [&](const ProgressState&) {
                                 ++calls;
                                 throw std::runtime_error("no");
                               },
                           .fd = pipe.writer(),
                           .intervals = kQuick});
  CHECK(eventually([&] { return job.errors > 0 && job.snapshots > 20; }));
  display->finish();
  CHECK(calls == 1);
  CHECK(job.errors == 1);
  CHECK(lines(pipe.read_now()).back().starts_with("clean: 0% " + std::to_string(job.snapshots)));
}

TEST_CASE("with nothing to draw and nothing to call the job is not even looked at") {
  Job job;
  auto display = job.show({.mode = Progress::none, .intervals = kQuick});
  display->finish();
  CHECK(job.snapshots == 0);
}

TEST_CASE("a display that is not finished shows no last state, but leaves a clean line") {
  Ends terminal = Ends::terminal(60);
  Job job;
  int finished = 0;
  auto display = job.show({.on_progress = [&](const ProgressState& state) { finished += state.finished; },
                           .fd = terminal.writer(),
                           .intervals = kQuick,
                           .environment = kTerminal});
  std::string text = terminal.read_until("it/s]");
  display.reset();
  text += terminal.read_until("\n");
  CHECK(text.ends_with("it/s]\x1b[K\n"));
  CHECK(finished == 0);

  job.show({.fd = terminal.writer(), .intervals = kNever, .environment = kTerminal}).reset();
  CHECK(terminal.read_now().empty());
}

TEST_CASE("a job is described by the name of its results file, or by that of the program") {
  CHECK(describe("/data/clean.jsonl") == "clean");
  CHECK(describe("clean.failed.jsonl") == "clean");
  CHECK(describe("clean") == "clean");
  CHECK(describe("v1.2.jsonl") == "v1.2");
  CHECK(describe("") == program_invocation_short_name);
}

}  // namespace
