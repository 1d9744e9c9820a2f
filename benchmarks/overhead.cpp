/// What a job costs beside the user's function: string ids formatted, checked to be new, and a line written for each,
/// by two workers. The peer is a bare oneTBB pipeline that carries one item a token, writes the same lines and checks
/// no ids; a second one does check them, with what the standard library has for that.
#include <array>
#include <ranges>
#include <stdexcept>

#include <pararun/map.hpp>

#include "bare_pipeline.hpp"
#include "bench.hpp"
#include "line_checksum.hpp"

namespace bench {
namespace {

constexpr std::size_t kWorkers = 2;

std::size_t work(const std::string& id) { return id.size(); }

auto names(std::uint64_t items) { return std::views::iota(std::uint64_t{0}, items) | std::views::transform(file_name); }

pr::Json run_pararun(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  const Stopwatch watch;
  const pr::Report report = pr::map(
      work, names(items),
      {.n_workers = kWorkers, .cache_path = arguments.get<std::string>("path"), .progress = pr::Progress::none});
  if (report.succeeded != items) throw std::runtime_error("not every item succeeded");
  return watch.times();
}

template <bool checks_ids>
pr::Json run_bare(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  const Stopwatch watch;
  run_bare_pipeline(items,
                    {.n_workers = kWorkers, .path = arguments.get<std::string>("path"), .checks_ids = checks_ids},
                    file_name, work);
  return watch.times();
}

struct Engine {
  const char* part;
  pr::Json samples = pr::Json::array();
};

/// Whether all engines have written the same lines, in whatever order.
void compare(std::optional<LineChecksum>& expected, const FreshFile& file) {
  const LineChecksum found = checksum_lines(file.path());
  if (!expected) expected = found;
  if (found != *expected) throw std::runtime_error("overhead: pararun and its peers have written different lines");
}

std::vector<Row> compare_engines(const Settings& settings, std::uint64_t items) {
  std::array engines{Engine{"overhead/pararun"}, Engine{"overhead/bare"}, Engine{"overhead/bare_set"}};
  std::optional<LineChecksum> expected;
  for (unsigned i = 0; i < settings.repetitions; ++i) {
    for (Engine& engine : engines) {
      const FreshFile file(settings.directory / "overhead.jsonl");
      engine.samples.push_back(measure(engine.part, pr::Json(pr::object("items", items, "path", file.string()))));
      compare(expected, file);
    }
  }
  const auto each = [&](const Engine& engine) {
    return number(median(engine.samples, "seconds") / static_cast<double>(items) * 1e9) + " ns";
  };
  const auto& [ours, bare, bare_set] = engines;
  const double ratio = median_ratio(ours.samples, bare.samples, "seconds");
  const double ratio_to_set = median_ratio(ours.samples, bare_set.samples, "seconds");
  const std::string what = "a trivial function, " + count(items) + " string ids, JSONL";
  return {{.what = what,
           .ours = each(ours),
           .peer = "bare TBB pipeline " + each(bare),
           .ratio = ratio,
           .budget = Budget{.limit = 0.5},
           .value = ratio,
           .samples = pr::Json(pr::object("pararun", ours.samples, "bare", bare.samples))},
          {.what = "",
           .ours = each(ours),
           .peer = "with std::unordered_set " + each(bare_set),
           .ratio = ratio_to_set,
           .samples = pr::Json(pr::object("bare_set", bare_set.samples))}};
}

std::vector<Row> run(const Settings& settings) {
  std::vector<Row> rows;
  for (const std::uint64_t items : {settings.items(1'000'000, 20'000), settings.items(10'000'000, 50'000)}) {
    for (Row& row : compare_engines(settings, items)) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

const Case& overhead_case() {
  static const Case overhead{
      "overhead",
      {{"overhead/pararun", run_pararun}, {"overhead/bare", run_bare<false>}, {"overhead/bare_set", run_bare<true>}},
      run};
  return overhead;
}

}  // namespace bench
