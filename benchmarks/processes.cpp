/// What worker processes cost: small items in batches, single calls, large values, and the workers themselves. Peers
/// are Python's multiprocessing.Pool, and two processes that have nothing between them but a socketpair.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ranges>
#include <stdexcept>

#include <pararun/map.hpp>
#include <pararun/process.hpp>

#include "bench.hpp"
#include "line_checksum.hpp"

namespace bench {
namespace {

constexpr std::size_t kWorkers = 2;
constexpr std::size_t kSmall = 64;
constexpr std::size_t kLarge = 1 << 20;

pr::Options in_processes() {
  return {.n_workers = kWorkers, .backend = pr::Backend::process, .progress = pr::Progress::none};
}

pr::Json run_small(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  pr::Options options = in_processes();
  options.cache_path = arguments.get<std::string>("path");
  const Stopwatch watch;
  const pr::Report report =
      pr::map([](std::uint64_t item) { return item * 2; }, std::views::iota(std::uint64_t{0}, items), options);
  if (report.succeeded != items) throw std::runtime_error("not every item succeeded");
  return watch.times();
}

std::string echo(std::string text) { return text; }

/// Calls with a text of `bytes`, sent there and back.
pr::Json run_calls(const pr::Json& arguments) {
  const auto calls = arguments.get<std::uint64_t>("calls");
  const std::string text(arguments.get<std::size_t>("bytes"), 'x');
  pr::WorkerPool pool({.max_workers = 1});
  for (int i = 0; i < 100; ++i) pool.run(echo, text);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < calls; ++i) {
    if (pool.run(echo, text).size() != text.size()) throw std::runtime_error("a wrong result");
  }
  return watch.times();
}

void send_all(int fd, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ::ssize_t count = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (count <= 0) throw std::runtime_error("cannot send");
    done += static_cast<std::size_t>(count);
  }
}

/// False at the end.
bool receive_all(int fd, std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ::ssize_t count = ::recv(fd, bytes.data() + done, bytes.size() - done, 0);
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

/// The same through a socketpair. The bytes are copied once at each end, as they are for whoever wants to keep them.
pr::Json run_socketpair(const pr::Json& arguments) {
  const auto calls = arguments.get<std::uint64_t>("calls");
  const std::string text(arguments.get<std::size_t>("bytes"), 'x');
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) throw std::runtime_error("no socketpair");
  const ::pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  std::string received(text.size(), '\0');
  if (child == 0) {
    ::close(ends[0]);
    while (receive_all(ends[1], received)) send_all(ends[1], std::string(received));
    ::_exit(0);
  }
  ::close(ends[1]);
  const auto call = [&] {
    send_all(ends[0], std::string(text));
    if (!receive_all(ends[0], received)) throw std::runtime_error("the other end has died");
  };
  for (int i = 0; i < 100; ++i) call();
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < calls; ++i) call();
  pr::Json times = watch.times();
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return times;
}

/// A job of two items, from its beginning to its end.
pr::Json run_start(const pr::Json&) {
  const std::array items{1, 2};
  pr::Options options = in_processes();
  options.batch = 1;
  const Stopwatch watch;
  if (pr::map([](int item) { return item; }, items, options).succeeded != 2) throw std::runtime_error("a job failed");
  return watch.times();
}

/// A single worker that dies of every item.
pr::Json run_crashes(const pr::Json& arguments) {
  const auto crashes = arguments.get<std::uint64_t>("crashes");
  pr::Options options = in_processes();
  options.n_workers = 1;
  const Stopwatch watch;
  const pr::Report report =
      pr::map([](std::uint64_t) { ::kill(::getpid(), SIGKILL); }, std::views::iota(std::uint64_t{0}, crashes), options);
  if (report.failed != crashes) throw std::runtime_error("an item has survived");
  return watch.times();
}

struct Samples {
  pr::Json ours = pr::Json::array(), peer = pr::Json::array();

  pr::Json both() const { return pr::Json(pr::object("pararun", ours, "peer", peer)); }
};

Samples measure_both(const Settings& settings, std::string_view part, std::string_view peer,
                     const pr::Json& arguments) {
  Samples samples;
  for (unsigned i = 0; i < settings.repetitions; ++i) {
    samples.ours.push_back(measure(part, arguments));
    samples.peer.push_back(measure(peer, arguments));
  }
  return samples;
}

Row small_items(const Settings& settings) {
  const std::uint64_t items = settings.items(2'000'000, 20'000);
  pr::Json samples = pr::Json::array();
  std::vector<double> theirs;
  for (unsigned i = 0; i < settings.repetitions; ++i) {
    std::optional<LineChecksum> ours;
    {
      const FreshFile file(settings.directory / "processes.jsonl");
      samples.push_back(measure("processes/small", pr::Json(pr::object("items", items, "path", file.string()))));
      ours = checksum_lines(file.path());
    }
    const FreshFile file(settings.directory / "processes.jsonl");
    const Stopwatch watch;
    const auto ran = output_of({"python3", PARARUN_BENCHMARKS_DIR "/imap_unordered.py", std::to_string(items),
                                file.string(), "256", "--double"});
    if (!ran) continue;
    theirs.push_back(watch.seconds());
    if (checksum_lines(file.path()) != *ours) throw std::runtime_error("processes: Python has written different lines");
  }
  const double each = median(samples, "seconds") / static_cast<double>(items) * 1e9;
  Row row{.what = "an integer doubled in worker processes, JSONL",
          .ours = number(each) + " ns",
          .peer = "Python's Pool.imap_unordered, chunksize 256: not installed",
          .budget = Budget{.limit = 1000, .unit = " ns"},
          .value = each,
          .samples = samples};
  if (!theirs.empty()) {
    const double their_each = median(theirs) / static_cast<double>(items) * 1e9;
    row.peer = "Python's Pool.imap_unordered, chunksize 256 " + number(their_each) + " ns";
    row.ratio = each / their_each;
  }
  return row;
}

Row single_calls(const Settings& settings) {
  const std::uint64_t calls = settings.items(50'000, 500);
  const Samples samples = measure_both(settings, "processes/calls", "processes/socketpair",
                                       pr::Json(pr::object("calls", calls, "bytes", kSmall)));
  const auto each = [&](const pr::Json& all) {
    return number(median(all, "seconds") / static_cast<double>(calls) * 1e6, 1) + " us";
  };
  const double ratio = median_ratio(samples.ours, samples.peer, "seconds");
  return {.what = "a call in a worker process, 64 bytes there and back",
          .ours = each(samples.ours),
          .peer = "bare socketpair " + each(samples.peer),
          .ratio = ratio,
          .budget = Budget{.limit = 1.5},
          .value = ratio,
          .samples = samples.both()};
}

Row large_values(const Settings& settings) {
  const std::uint64_t calls = settings.items(1'000, 10);
  const Samples samples = measure_both(settings, "processes/calls", "processes/socketpair",
                                       pr::Json(pr::object("calls", calls, "bytes", kLarge)));
  const auto rate = [&](const pr::Json& all) {
    const double bytes = 2.0 * static_cast<double>(kLarge) * static_cast<double>(calls);
    return number(bytes / median(all, "seconds") / 1e9, 2) + " GB/s";
  };
  const double ratio = median_ratio(samples.ours, samples.peer, "seconds");
  return {.what = "the same with 1 MiB",
          .ours = rate(samples.ours),
          .peer = "bare socketpair " + rate(samples.peer),
          .ratio = ratio,
          .budget = Budget{.limit = 2},
          .value = ratio,
          .samples = samples.both()};
}

Row starts(const Settings& settings) {
  pr::Json samples = pr::Json::array();
  for (unsigned i = 0; i < 4 * settings.repetitions; ++i) samples.push_back(measure("processes/start", pr::Json()));
  const double milliseconds = median(samples, "seconds") * 1e3;
  return {.what = "a job with two worker processes, from start to end",
          .ours = number(milliseconds, 1) + " ms",
          .budget = Budget{.limit = 10, .unit = " ms"},
          .value = milliseconds,
          .samples = samples};
}

Row crashes(const Settings& settings) {
  const std::uint64_t crashes = settings.items(500, 10);
  pr::Json samples = pr::Json::array();
  for (unsigned i = 0; i < settings.repetitions; ++i) {
    samples.push_back(measure("processes/crashes", pr::Json(pr::object("crashes", crashes))));
  }
  const double each = median(samples, "seconds") / static_cast<double>(crashes) * 1e3;
  return {.what = "a crash, noticed, written down, its worker replaced",
          .ours = number(each, 2) + " ms",
          .budget = Budget{.limit = 5, .unit = " ms"},
          .value = each,
          .samples = samples};
}

std::vector<Row> run(const Settings& settings) {
  return {small_items(settings), single_calls(settings), large_values(settings), starts(settings), crashes(settings)};
}

}  // namespace

const Case& processes_case() {
  static const Case processes{"processes",
                              {{"processes/small", run_small},
                               {"processes/calls", run_calls},
                               {"processes/socketpair", run_socketpair},
                               {"processes/start", run_start},
                               {"processes/crashes", run_crashes}},
                              run};
  return processes;
}

}  // namespace bench
