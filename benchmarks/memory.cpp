/// How much memory a job takes: none that grows with its items, unless there are ids to remember. Each figure is the
/// most that a process of its own ever held. The worst number of ids is looked for in the set itself, since a table is
/// at its largest for what it holds just when it has grown.
#include <algorithm>
#include <array>
#include <cstdint>
#include <ranges>
#include <stdexcept>
#include <utility>

#include <pararun/generator.hpp>
#include <pararun/map.hpp>

#include "bench.hpp"
#include "store/seen_set.hpp"

namespace bench {
namespace {

constexpr std::size_t kWorkers = 2;
constexpr double kMebibyte = 1 << 20;

pr::generator<std::uint64_t> integers(std::uint64_t count) {
  for (std::uint64_t n = 0; n < count; ++n) co_yield n;
}

/// Integers from a generator, and no file. One item a token, as they come from there unless asked otherwise, would take
/// minutes.
pr::Json run_generator(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  const Stopwatch watch;
  const pr::Report report = pr::map([](std::uint64_t n) { return n; }, integers(items),
                                    {.n_workers = kWorkers, .batch = 256, .progress = pr::Progress::none});
  if (report.succeeded != items) throw std::runtime_error("not every item succeeded");
  return watch.times();
}

template <bool sized>
pr::Json run_remembering(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  const Stopwatch watch;
  const auto names = std::views::iota(std::uint64_t{0}, items) | std::views::transform(file_name);
  const auto run = [&](auto&& input) {
    return pr::map([](const std::string& id) { return id.size(); }, std::forward<decltype(input)>(input),
                   {.n_workers = kWorkers,
                    .cache_path = arguments.get<std::string>("path"),
                    .batch = 256,
                    .progress = pr::Progress::none});
  };
  // A filter does not know how many it will let through: the ids' tables have to grow.
  const pr::Report report = sized ? run(names) : run(names | std::views::filter([](const auto&) { return true; }));
  if (report.succeeded != items) throw std::runtime_error("not every item succeeded");
  return watch.times();
}

/// Counts what the set has at once, also while a table is moved.
class CountingMemory final : public pr::store::TableMemory {
 public:
  void* enlarge(void* memory, std::size_t bytes, std::size_t larger) override {
    void* const enlarged = TableMemory::enlarge(memory, bytes, larger);
    peak_ = std::max(peak_, held_ + larger);
    held_ += larger - bytes;
    grown_ = true;
    return enlarged;
  }
  void release(void* memory, std::size_t bytes) noexcept override {
    held_ -= bytes;
    TableMemory::release(memory, bytes);
  }

  std::size_t peak() const { return peak_; }
  bool grown_since_asked() { return std::exchange(grown_, false); }

 private:
  std::size_t held_ = 0;
  std::size_t peak_ = 0;
  bool grown_ = false;
};

/// The number of ids, of those from `least` to `most`, for which the set takes the most bytes each.
pr::Json find_worst(const pr::Json& arguments) {
  const auto least = arguments.get<std::uint64_t>("least"), most = arguments.get<std::uint64_t>("most");
  CountingMemory memory;
  pr::store::SeenSet set(memory);
  std::uint64_t state = 1, worst = least;
  double worst_bytes = 0;
  const auto random = [&] {  // Vigna's SplitMix64
    std::uint64_t x = state += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  };
  for (std::uint64_t ids = 1; ids <= most; ++ids) {
    const pr::store::IdHash hash{random() | 1, random() & ~std::uint64_t{1}};
    pr::store::SeenSet::Found found{};
    set.insert({&hash, 1}, {&found, 1});
    if (ids < least || !(memory.grown_since_asked() || ids == least)) continue;
    const double bytes = static_cast<double>(memory.peak()) / static_cast<double>(ids);
    if (bytes > worst_bytes) {
      worst_bytes = bytes;
      worst = ids;
    }
  }
  return pr::Json(pr::object("ids", worst, "bytes_each", worst_bytes));
}

std::vector<Row> without_file(const Settings& settings) {
  std::array<double, 3> peaks{};
  const std::array items{settings.items(1'000'000, 10'000), settings.items(10'000'000, 20'000),
                         settings.items(100'000'000, 50'000)};
  pr::Json samples = pr::Json::array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    samples.push_back(measure("memory/generator", pr::Json(pr::object("items", items[i]))));
    peaks[i] = samples[i].get<double>("peak_bytes") / kMebibyte;
  }
  const double more = peaks[2] - peaks[0];
  return {{.what = "memory for " + count(items[0]) + ", " + count(items[1]) + ", " + count(items[2]) + " integers",
           .ours = number(peaks[0], 1) + ", " + number(peaks[1], 1) + ", " + number(peaks[2], 1) + " MiB",
           .peer = {},
           .ratio = {},
           .budget = Budget{.limit = 1, .unit = " MiB more"},
           .value = more,
           .samples = std::move(samples)}};
}

/// Of a part at that many items, beyond what it takes for none to speak of.
double bytes_each(const Settings& settings, std::string_view part, std::uint64_t items, pr::Json& samples) {
  const auto peak = [&](std::uint64_t n) {
    const FreshFile file(settings.directory / "memory.jsonl");
    samples.push_back(measure(part, pr::Json(pr::object("items", n, "path", file.string()))));
    return samples[samples.size() - 1].get<double>("peak_bytes");
  };
  constexpr std::uint64_t kFew = 1000;
  const double few = peak(kFew);
  return (peak(items) - few) / static_cast<double>(items);
}

std::vector<Row> with_file(const Settings& settings) {
  const std::uint64_t items = settings.items(10'000'000, 20'000);
  pr::Json samples = pr::Json::array(), peer_samples = pr::Json::array();
  const double ours = bytes_each(settings, "memory/remembering", items, samples);
  const double peer = bytes_each(settings, "overhead/bare_set", items, peer_samples);
  const pr::Json worst = measure("memory/worst", pr::Json(pr::object("least", settings.items(1'000'000, 10'000), "most",
                                                                     settings.items(20'000'000, 40'000))));
  const auto worst_items = worst.get<std::uint64_t>("ids");
  const double at_worst = bytes_each(settings, "memory/remembering_unsized", worst_items, samples);
  return {{.what = "memory a remembered id, " + count(items),
           .ours = number(ours, 1) + " bytes",
           .peer = "std::unordered_set " + number(peer, 1) + " bytes",
           .ratio = ours / peer,
           .budget = Budget{.limit = 32, .unit = " bytes"},
           .value = ours,
           .samples = pr::Json(pr::object("pararun", samples, "bare_set", peer_samples))},
          {.what = "memory a remembered id at the worst number, " + count(worst_items),
           .ours = number(at_worst, 1) + " bytes",
           .peer = "the set alone " + number(worst.get<double>("bytes_each"), 1) + " bytes",
           .ratio = {},
           .budget = Budget{.limit = 44, .unit = " bytes"},
           .value = at_worst,
           .samples = worst}};
}

std::vector<Row> run(const Settings& settings) {
  std::vector<Row> rows = without_file(settings);
  for (Row& row : with_file(settings)) rows.push_back(std::move(row));
  return rows;
}

}  // namespace

const Case& memory_case() {
  static const Case memory{"memory",
                           {{"memory/generator", run_generator},
                            {"memory/remembering", run_remembering<true>},
                            {"memory/remembering_unsized", run_remembering<false>},
                            {"memory/worst", find_worst}},
                           run};
  return memory;
}

}  // namespace bench
