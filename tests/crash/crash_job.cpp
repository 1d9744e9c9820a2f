/// A job that is there to be killed. Its arguments say how it runs; on standard output it says, each on a line, what
/// it has been told is safe: `progress` whenever results were counted, and at its end `report` or `error`.
///
///     crash_job <results file> [name=value]...
///
///     engine        map: `pararun::map`; store: the store alone, whose every commit is reported
///     backend       thread, or process: the functions of `pararun::map` are called in worker processes
///     items, large_every, run, cost_us                  the items (items.hpp) and how long each takes at most
///     n_workers, batch, order, retries, retry_failed    as in `Options`
///     durability, flush_ms, strict
///     stop_after    asks for a stop with so many results
///     hold_after    no result after so many: the functions wait for ever, and `held` is said
///     paced         the store alone: each line is safe before the next one comes
///     no_input      standard input is closed
///     full_disk_ms  the store alone: how long it waits for room
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <pararun/pararun.hpp>

#include "crash/arguments.hpp"
#include "crash/items.hpp"
#include "store/results_store.hpp"
#include "support/shared_counts.hpp"

namespace {

using namespace pararun;
using namespace pararun::testing;

struct JobItem {
  std::uint64_t index;
  std::string id;
};
PARARUN_WIRE(JobItem, index, id)

/// One write, so that nothing of it is lost or mixed up when the process dies.
template <class... Words>
void say(const Words&... words) {
  std::ostringstream line;
  (line << ... << words) << '\n';
  const std::string text = line.str();
  const ssize_t written = TEMP_FAILURE_RETRY(::write(STDOUT_FILENO, text.data(), text.size()));
  if (written != static_cast<ssize_t>(text.size())) std::_Exit(71);
}

template <class Counts>
void say_progress(const Counts& counts) {
  say("progress succeeded=", counts.succeeded, " failed=", counts.failed);
}

void say_report(const Report& report) {
  const Recovery& found = report.recovery;
  say("report seen=", report.seen, " skipped=", report.skipped, " skipped_failed=", report.skipped_failed,
      " duplicates=", report.duplicates, " succeeded=", report.succeeded, " failed=", report.failed,
      " unfinished=", report.unfinished, " stopped=", name(report.stopped), " lines=", found.lines, " ids=", found.ids,
      " twice=", found.duplicates, " foreign=", found.foreign, " damaged=", found.damaged, " torn=", found.torn_bytes,
      " newline_added=", found.newline_added);
}

auto items_of(const Arguments& arguments) {
  return std::views::iota(std::uint64_t{0}, items_in_input(arguments.number("items"))) |
         std::views::transform([](std::uint64_t position) {
           const std::uint64_t index = index_at(position);
           return JobItem{index, item_id(index)};
         });
}

/// Results beyond a number are held back for ever, so that a job which is to be killed does not end before. It counts
/// what worker processes do as well.
class Gate {
 public:
  explicit Gate(const Arguments& arguments)
      : stop_after_(arguments.number("stop_after", UINT64_MAX)),
        hold_after_(arguments.number("hold_after", UINT64_MAX)) {}

  /// Before a result is returned.
  void pass() {
    const auto count = static_cast<std::uint64_t>(++count_[0]);
    if (count == stop_after_ && ::getpid() == process_) stop_.request_stop();
    if (count <= hold_after_) return;
    if (count == hold_after_ + 1) say("held");
    for (;;) ::pause();
  }

  /// Before an item is taken: from a worker process no stop can be asked for.
  void look() {
    if (static_cast<std::uint64_t>(count_[0]) >= stop_after_) stop_.request_stop();
  }

  std::stop_token stop() const { return stop_.get_token(); }

 private:
  const pid_t process_ = ::getpid();
  const std::uint64_t stop_after_;
  const std::uint64_t hold_after_;
  const SharedCounts count_{1};
  std::stop_source stop_;
};

Durability durability_of(const Arguments& arguments) {
  return arguments.text("durability") == "machine" ? Durability::machine : Durability::process;
}

int run_map(const std::string& path, const Arguments& arguments) {
  Gate gate(arguments);
  const std::uint64_t run = arguments.number("run"), cost = arguments.number("cost_us", 1),
                      large_every = arguments.number("large_every");
  const SharedCounts attempts(arguments.number("items"));

  const auto items = items_of(arguments) | std::views::transform([&](JobItem item) {
                       gate.look();
                       return item;
                     });
  const auto work = [&](const JobItem& item) -> Json {
    const auto attempt = static_cast<unsigned>(++attempts[item.index]);
    std::this_thread::sleep_for(std::chrono::microseconds(mixed(item.index + attempt) % cost));
    if (fails_always(item.index)) throw std::runtime_error("always");
    if (fails_in_run(item.index, run)) throw ItemFailure("in this run", object("run", run));
    if (attempt < attempts_needed(item.index)) throw attempt;
    gate.pass();
    if (gives_number(item.index)) return Json(item.index);
    return Json(object("index", item.index, "text", text_of(item.index, large_every)));
  };
  const Report report = map(work, items,
                            {.n_workers = arguments.number("n_workers", 1),
                             .cache_path = path,
                             .backend = arguments.text("backend") == "process" ? Backend::process : Backend::thread,
                             .retries = static_cast<unsigned>(arguments.number("retries")),
                             .retry_delay = std::chrono::milliseconds(1),
                             .retry_failed = arguments.number("retry_failed", 1) != 0,
                             .stop = gate.stop(),
                             .durability = durability_of(arguments),
                             .flush_interval = std::chrono::milliseconds(arguments.number("flush_ms")),
                             .strict = arguments.number("strict") != 0,
                             .order = arguments.text("order") == "input" ? Order::input : Order::completion,
                             .batch = arguments.number("batch"),
                             .progress = Progress::none,
                             .on_progress = [](const ProgressState& state) { say_progress(state); }});
  say_report(report);
  return report.exit_code();
}

/// What is safe, as the store says.
class Commits {
 public:
  void add(store::Settled settled) {
    {
      const std::lock_guard lock(mutex_);
      safe_ += settled;
      say_progress(safe_);
    }
    changed_.notify_all();
  }

  /// Waits until so much is safe, or never will be.
  template <class Failed>
  void wait_for(store::Settled wanted, Failed failed) {
    std::unique_lock lock(mutex_);
    // What has failed does not notify.
    while (safe_ != wanted && !failed()) changed_.wait_for(lock, std::chrono::milliseconds(1));
  }

  store::Settled safe() {
    const std::lock_guard lock(mutex_);
    return safe_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  store::Settled safe_;
};

int run_store(const std::string& path, const Arguments& arguments) {
  Gate gate(arguments);
  Commits commits;
  store::ResultsStore store({.path = path,
                             .durability = durability_of(arguments),
                             .flush_interval = std::chrono::milliseconds(arguments.number("flush_ms")),
                             .strict = arguments.number("strict") != 0,
                             .retry_failed = arguments.number("retry_failed", 1) != 0,
                             .full_disk_wait = std::chrono::milliseconds(arguments.number("full_disk_ms", 100))},
                            [&](store::Settled settled) { commits.add(settled); });
  Report report;
  report.recovery = store.recovery();
  const std::uint64_t run = arguments.number("run");
  const auto retries = static_cast<unsigned>(arguments.number("retries"));
  store::Settled given;
  detail::IdList ids;
  std::vector<store::Admission> verdicts;
  for (const JobItem& item : items_of(arguments)) {
    if (gate.stop().stop_requested()) {
      report.stopped = StopReason::stop_requested;
      break;
    }
    if (store.failed()) break;
    ids.clear();
    ids.add_string(item.id);
    store.admit(ids, verdicts);
    ++report.seen;
    report.skipped_failed += verdicts[0] == store::Admission::skipped_failed;
    report.skipped += verdicts[0] == store::Admission::skipped || verdicts[0] == store::Admission::skipped_failed;
    report.duplicates += verdicts[0] == store::Admission::duplicate;
    if (verdicts[0] != store::Admission::run) continue;
    if (given_up(item.index, run, retries)) {
      store.append("", failure_line(item.index, run, retries), {0, 1});
      ++given.failed;
    } else {
      gate.pass();
      store.append(result_line(item.index, arguments.number("large_every")), "", {1, 0});
      ++given.succeeded;
    }
    if (arguments.number("paced") != 0) commits.wait_for(given, [&] { return store.failed(); });
  }
  store.finish();
  report.succeeded = commits.safe().succeeded;
  report.failed = commits.safe().failed;
  say_report(report);
  return report.exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  // A job that waits for ever must not outlive the test.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    if (argc < 2) throw std::invalid_argument("no results file");
    const Arguments arguments(std::span(argv + 2, argv + argc));
    if (arguments.number("no_input") != 0) ::close(STDIN_FILENO);
    return arguments.text("engine") == "store" ? run_store(argv[1], arguments) : run_map(argv[1], arguments);
  } catch (const StoreError& error) {
    say("error kind=store errno=", error.error_number(), " path=", error.path().string(), " what=", error.what());
  } catch (const CacheDamaged& error) {
    say("error kind=damaged offset=", error.offset());
  } catch (const CacheLocked&) {
    say("error kind=locked");
  } catch (const std::exception& error) {
    say("error kind=other what=", error.what());
  }
  return 70;
}
