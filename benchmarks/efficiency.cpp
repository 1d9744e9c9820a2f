/// How much of the workers' time goes to a function of 100 µs. The peer gives each of two plain threads half of the
/// calls before it starts: nothing can be faster, so it shows what the machine has to give at that moment.
#include <ctime>

#include <algorithm>
#include <limits>
#include <ranges>
#include <stdexcept>
#include <thread>

#include <pararun/map.hpp>

#include "bench.hpp"

namespace bench {
namespace {

constexpr std::size_t kWorkers = 2;
constexpr double kCallSeconds = 100e-6;

/// Arithmetic that takes its time, in proportion to `rounds`, and touches no memory.
std::uint64_t toil(std::uint64_t rounds) {
  std::uint64_t x = rounds;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  return x;
}

/// The compiler shall not leave out what makes `value`.
void keep(std::uint64_t value) { asm volatile("" : : "r"(value)); }

double thread_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// How many rounds take a call's time. The best of many tries is the one that nothing disturbed.
std::uint64_t calibrate() {
  constexpr std::uint64_t kRounds = 1'000'000;
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < 50; ++i) {
    const double start = thread_seconds();
    keep(toil(kRounds));
    best = std::min(best, thread_seconds() - start);
  }
  return static_cast<std::uint64_t>(static_cast<double>(kRounds) * kCallSeconds / best);
}

pr::Json run_pararun(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  const auto rounds = arguments.get<std::uint64_t>("rounds");
  const Stopwatch watch;
  const pr::Report report = pr::map(
      [rounds](const std::string&) { return toil(rounds); },
      std::views::iota(std::uint64_t{0}, items) | std::views::transform(file_name),
      {.n_workers = kWorkers, .cache_path = arguments.get<std::string>("path"), .progress = pr::Progress::none});
  if (report.succeeded != items) throw std::runtime_error("not every item succeeded");
  return watch.times();
}

pr::Json run_split(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  const auto rounds = arguments.get<std::uint64_t>("rounds");
  const Stopwatch watch;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kWorkers; ++i) {
      threads.emplace_back([&] {
        for (std::uint64_t n = 0; n < items / kWorkers; ++n) keep(toil(rounds));
      });
    }
  }
  return watch.times();
}

std::vector<Row> run(const Settings& settings) {
  const std::uint64_t items = settings.items(20'000, 500);
  const std::uint64_t rounds = calibrate();
  pr::Json ours = pr::Json::array(), split = pr::Json::array();
  // Short runs and many, since a pause of the machine spoils one of them.
  for (unsigned i = 0; i < 2 * settings.repetitions; ++i) {
    const FreshFile file(settings.directory / "efficiency.jsonl");
    const pr::Json arguments(pr::object("items", items, "rounds", rounds, "path", file.string()));
    ours.push_back(measure("efficiency/pararun", arguments));
    split.push_back(measure("efficiency/split", arguments));
  }
  const double ideal = static_cast<double>(items) * kCallSeconds / kWorkers;
  const auto efficiency = [&](const pr::Json& samples) {
    return number(100 * ideal / median(samples, "seconds"), 1) + " %";
  };
  const double ratio = median_ratio(split, ours, "seconds");
  return {{.what = "a 100 µs function, of work / n_workers",
           .ours = efficiency(ours),
           .peer = "two threads, calls split beforehand " + efficiency(split),
           .ratio = ratio,
           .budget = Budget{.kind = Budget::Kind::at_least, .limit = 0.98},
           .value = ratio,
           .samples = pr::Json(pr::object("ideal_seconds", ideal, "pararun", ours, "split", split))}};
}

}  // namespace

const Case& efficiency_case() {
  static const Case efficiency{
      "efficiency", {{"efficiency/pararun", run_pararun}, {"efficiency/split", run_split}}, run};
  return efficiency;
}

}  // namespace bench
