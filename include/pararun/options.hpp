/// How a job runs. One aggregate; designated initialisers are its interface:
///
///     pr::map(clean, files, {.n_workers = 4, .cache_path = "clean.jsonl", .retries = 2});
///
/// The language wants them in the order of the members below. Where a compiler only says that no `map` matches, declare
/// `pr::Options options{...}` by itself: then it names the field.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <pararun/progress.hpp>

namespace pararun {

/// Where the function runs.
enum class Backend {
  thread,   ///< on threads of this process: cheapest; a crash or an endless loop takes the job with it
  process,  ///< in worker processes that may crash or be killed without harm
};

/// What a counted result survives.
enum class Durability {
  process,  ///< the end of the process, kill -9 included: the result has been handed to the kernel
  machine,  ///< power loss: the result has been synced to the disk
};

/// The order of the lines in the results file.
enum class Order {
  completion,  ///< as results are ready: nothing ever waits
  input,       ///< as the items came: a slow, retried or failing item holds back the lines behind it
};

/// How progress is shown on stderr. The environment variable `PARARUN_PROGRESS` (none, bar, plain or
/// json) decides in place of `automatic`.
enum class Progress {
  automatic,  ///< a bar on a terminal, plain lines elsewhere
  none,
  bar,
  plain,  ///< one line now and then: for log files
  json,   ///< one JSON object a line: for programs
};

/// Bad values throw `OptionsError`, which names the field, before any item is pulled.
struct Options {
  /// Calls in progress at once. 0: the CPUs this process may use (affinity mask, cgroup v1 or v2 quota,
  /// `SLURM_CPUS_PER_TASK`; the smallest counts). More than there are cores is fine for work that waits; at most 256,
  /// or as many as those CPUs.
  std::size_t n_workers = 0;

  /// The results file, JSON Lines, created if missing, for its owner alone to read; its directory must exist. It
  /// must not be what the items are read from. Items whose ids are in it are not run. Failures go beside it, `.failed`
  /// before the extension: one line for each run that gave an item up,
  /// `{"id":…,"error":{"kind":…,"type":…,"message":…},"attempts":…,"seconds":…,"at":…}`, where the kind is `exception`,
  /// `timeout`, `crash`, `bad_result` or `bad_item`, and the seconds are those of the last attempt. No line is ever
  /// taken out: the last one of an id counts, unless the results file has that id. Empty: nothing is kept or skipped.
  std::filesystem::path cache_path{};

  /// The member of a result line that holds the item's id. Not `result` or `error`, which pararun adds itself.
  std::string key_field = "id";

  /// Threads, or worker processes: see `map.hpp` for what differs. Items must be able to cross (`wire.hpp`).
  Backend backend = Backend::thread;

  /// How many items there are, for the bar. Taken from ranges that know their size.
  std::optional<std::uint64_t> total{};

  /// The longest an attempt may take; 0: no limit. A thread cannot be ended: the function's stop token is
  /// requested and a result that comes later is a failure all the same. A worker process is sent SIGTERM, with what it
  /// has started, and SIGKILL a second later.
  std::chrono::nanoseconds timeout{0};

  /// Further attempts after one that threw, took too long or ended its process. A result that cannot be recorded
  /// (`BadResult`) is not tried again.
  unsigned retries = 0;

  /// The wait before the first retry. It doubles for each further one, up to a minute, and each wait is
  /// drawn at random between half of that and all of it, so that items which failed together do not
  /// return together. A waiting item holds its token, not a worker.
  std::chrono::nanoseconds retry_delay = std::chrono::milliseconds(100);

  /// Whether items that failed in an earlier run are tried again; otherwise they count as skipped.
  bool retry_failed = true;

  /// Stop taking items once more than this many have failed.
  std::optional<std::uint64_t> max_failures{};

  /// When requested: take no more items, finish those in flight, return.
  std::stop_token stop{};

  /// Catch SIGINT and SIGTERM while the job runs: the first drains, the second asks the items in flight to
  /// stop through their stop tokens and ends worker processes, the third has its default action. A results file that is
  /// being opened is read to its end all the same. Process-wide while any job asks for it.
  bool handle_signals = false;

  /// How long a drain may take before it acts like a second signal; 0: for ever.
  std::chrono::nanoseconds drain_timeout{0};

  /// Stop taking items this long after the call; 0: never. Leave room for the items in flight.
  std::chrono::nanoseconds time_budget{0};

  Durability durability = Durability::process;

  /// A finished result is handed to the kernel at most about this much later. Smaller: fresher files,
  /// more system calls.
  std::chrono::milliseconds flush_interval{50};

  /// Refuse a damaged results file (`CacheDamaged`) instead of skipping and counting the damaged lines.
  bool strict = false;

  Order order = Order::completion;

  /// Tokens alive in the pipeline at once, which bounds memory. 0: `n_workers * 2`.
  std::size_t max_tokens = 0;

  /// Items a token carries. 0: measured, one unless the items are so cheap that a token's own cost shows,
  /// and always one from sources that may block between two items. At most 256.
  std::size_t batch = 0;

  Progress progress = Progress::automatic;

  /// Called on a thread of pararun's, never by two threads at once, at most ten times a second and once at
  /// the end. An exception from it ends the intake and is rethrown after the drain.
  std::function<void(const ProgressState&)> on_progress{};
};

}  // namespace pararun
