/// Memory that is not to be had, wherever in a job it is asked for with `operator new`: in the user's function, items
/// and results, or in the library. What oneTBB takes for itself it does not take that way.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <new>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/plain_reader.hpp"
#include "support/scarce_memory.hpp"
#include "support/tally.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace pararun;
using namespace pararun::testing;
namespace fs = std::filesystem;

constexpr std::uint64_t kItems = 24;

std::string id_of(std::uint64_t index) { return "long enough for a string to take memory: " + std::to_string(index); }
std::uint64_t index_of(const std::string& item) { return std::stoull(item.substr(item.rfind(' ') + 1)); }

bool never_works(std::uint64_t index) { return index % 7 == 6; }

/// Every seventh item fails whenever it is tried, every fifth at its first attempt.
class Function {
 public:
  Json operator()(const std::string& item, std::stop_token) {
    const std::uint64_t index = index_of(item);
    if (never_works(index)) throw std::runtime_error("this one never works, whatever is done with it");
    if (++attempts_[index] == 1 && index % 5 == 4)
      throw ItemFailure("not at the first attempt", object("index", index));
    return Json(object("text", std::string(40 + index, 'x'), "list", std::vector<std::uint64_t>(3, index)));
  }

 private:
  std::vector<std::atomic<int>> attempts_ = std::vector<std::atomic<int>>(kItems);
};

Report run_counted(const Options& options) {
  Function function;
  std::uint64_t next = 0;
  const auto items = [&next]() -> std::optional<std::string> {
    if (next == kItems) return std::nullopt;
    return id_of(next++);
  };
  return map(function, items, options);
}

Report run_generated(const Options& options) {
  Function function;
  const auto items = []() -> generator<std::string> {
    for (std::uint64_t index = 0; index < kItems; ++index) co_yield id_of(index);
  };
  return map(function, items(), options);
}

/// Of structs that are made on the way, with ids that are.
Report run_range(const Options& options) {
  Function function;
  auto items = std::views::iota(std::uint64_t{0}, kItems) | std::views::transform(id_of);
  return map(function, items | keyed([](const std::string& item) { return item; }), options);
}

Report run_lines(const Options& options) {
  Function function;
  const fs::path path = options.cache_path.parent_path() / "items.jsonl";
  return map([&](const Json& item, std::stop_token stop) { return function(item["id"].get<std::string>(), stop); },
             jsonl(path), options);
}

struct Scenario {
  std::string name;
  Report (*run)(const Options&);
  Options options;
  std::string results{}, failures{};  ///< that earlier runs have left
};

std::string result_line(std::uint64_t index) { return "{\"id\":\"" + id_of(index) + "\"}\n"; }
std::string failure_line(std::uint64_t index) { return "{\"id\":\"" + id_of(index) + "\",\"error\":{}}\n"; }

std::vector<Scenario> all_scenarios() {
  using namespace std::chrono_literals;
  const std::string earlier = result_line(0) + result_line(3), torn = "{\"id\":\"long enou";
  return {
      {"one worker", run_counted, {.n_workers = 1, .flush_interval = 0ms}},
      {"retries", run_counted, {.n_workers = 2, .retries = 1, .retry_delay = 1us, .flush_interval = 0ms}},
      {"in order, in batches",
       run_range,
       {.n_workers = 3, .retries = 1, .retry_delay = 1us, .flush_interval = 0ms, .order = Order::input, .batch = 5}},
      {"in order, one by one",
       run_generated,
       {.n_workers = 2, .flush_interval = 0ms, .order = Order::input, .batch = 1}},
      {"batches as measured", run_range, {.n_workers = 2, .flush_interval = 1ms}},
      {"timeouts", run_range, {.n_workers = 2, .timeout = 1h, .flush_interval = 0ms}},
      {"a stop after failures", run_counted, {.n_workers = 2, .max_failures = 1, .flush_interval = 0ms}},
      {"resumed, both files torn",
       run_lines,
       {.n_workers = 2, .flush_interval = 0ms},
       earlier + torn,
       failure_line(9) + torn},
      {"resumed, failures skipped",
       run_counted,
       {.n_workers = 2, .retry_failed = false, .flush_interval = 0ms},
       earlier,
       failure_line(9)},
      {"damage", run_counted, {.n_workers = 2, .flush_interval = 0ms}, earlier + "{]\n\n{}\n" + result_line(5)},
      {"for the machine", run_counted, {.n_workers = 2, .durability = Durability::machine, .flush_interval = 0ms}},
      {"shown", run_counted, {.n_workers = 2, .flush_interval = 0ms, .progress = Progress::json}},
      {"no results file", run_generated, {.n_workers = 2, .retries = 1, .retry_delay = 1us}}};
}

struct Content {
  std::map<std::string, int> ids;  ///< and how often each is there
  std::uint64_t lines = 0;         ///< with an id or without
  bool ends_whole = true;
};

Content content_of(const fs::path& path) {
  const PlainFile file = read_plain_file(read_file(path));
  Content content{.ids = {}, .lines = file.lines.size(), .ends_whole = file.tail.empty()};
  for (const PlainLine& line : file.lines) {
    if (line.kind == PlainLine::Kind::id) ++content.ids[line.id];
  }
  return content;
}

/// Keeps standard error to itself.
class Unseen {
 public:
  Unseen() : kept_(::dup(STDERR_FILENO)) {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDERR_FILENO);
    ::close(nowhere);
  }
  ~Unseen() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  int kept_;
};

/// Runs without that memory, then with it. Returns whether it was asked for.
bool try_without(const Scenario& scenario, std::uint64_t k, bool for_ever) {
  const TempDir dir;
  const fs::path path = dir / "r.jsonl", failures_path = dir / "r.failed.jsonl";
  INFO("scenario: " << scenario.name << "; allocation " << k << (for_ever ? " and all that follow" : ""));
  if (!scenario.results.empty()) write_file(path, scenario.results);
  if (!scenario.failures.empty()) write_file(failures_path, scenario.failures);
  std::string lines;
  for (std::uint64_t index = 0; index < kItems; ++index) lines += result_line(index);
  write_file(dir / "items.jsonl", lines);

  const bool stores = scenario.name != "no results file";
  Options options = scenario.options;
  if (stores) options.cache_path = path;
  if (options.progress == Progress::automatic) options.progress = Progress::none;
  const std::uint64_t lines_before = content_of(path).lines, failures_before = content_of(failures_path).lines;
  std::atomic<std::uint64_t> told_succeeded{0}, told_failed{0};
  options.on_progress = [&](const ProgressState& state) {
    told_succeeded = state.succeeded;
    told_failed = state.failed;
  };
  std::optional<Report> report;
  bool happened = false;
  {
    const Unseen unseen;
    const ScarceMemory scarce(k, for_ever);
    try {
      report = scenario.run(options);
    } catch (const std::bad_alloc&) {
    } catch (const Error&) {
    }
    happened = scarce.was_noticed();
  }
  CHECK((report || happened));
  if (report) {
    CHECK(report->seen ==
          report->skipped + report->duplicates + report->succeeded + report->failed + report->unfinished);
    told_succeeded = report->succeeded;
    told_failed = report->failed;
  }
  if (!stores) return happened;

  const Content kept = content_of(path), failed = content_of(failures_path);
  for (const auto& [id, count] : kept.ids) CHECK(count == 1);
  CHECK(kept.lines - lines_before >= told_succeeded);
  CHECK(failed.lines - failures_before >= told_failed);
  if (report) {
    CHECK(kept.ends_whole);
    CHECK(failed.ends_whole);
    CHECK(kept.lines - lines_before == told_succeeded);
    CHECK(failed.lines - failures_before == told_failed);
  }

  options.on_progress = nullptr;
  options.progress = Progress::none;
  options.max_failures = std::nullopt;
  options.retries = 1;
  options.retry_delay = std::chrono::microseconds(1);
  options.retry_failed = true;
  const Report last = scenario.run(options);
  CHECK(last.seen == kItems);
  CHECK(last.skipped == kept.ids.size());
  const Content complete = content_of(path);
  for (std::uint64_t index = 0; index < kItems; ++index) {
    if (!never_works(index)) CHECK(complete.ids.contains(id_of(index)));
  }
  for (const auto& [id, count] : complete.ids) CHECK(count == 1);
  return happened;
}

void try_without_memory(std::uint64_t step, bool for_ever) {
  Tally tally(for_ever ? "no memory from some allocation on" : "no memory for an allocation");
  for (const Scenario& scenario : all_scenarios()) {
    std::uint64_t k = Catch::rngSeed() % step;
    for (bool happened = true; happened; k += step) {
      tally.begin();
      happened = try_without(scenario, k, for_ever);
      happened ? tally.end() : tally.call_off();
    }
  }
}

std::string grown(std::uint64_t k) { return std::string(100 * (k + 1), 'x'); }

/// A result for which allocation number `k` of its serialiser fails, which is noted.
struct Demanding {
  std::uint64_t k;
  std::vector<bool>* failed;
};

void write_json(JsonWriter& out, const Demanding& result) {
  const ScarceMemory scarce(result.k, false, ScarceMemory::Whose::this_thread);
  (*result.failed)[result.k] = true;
  out.begin_object().member("a", grown(result.k)).member("b", grown(2 * result.k)).end_object();
  (*result.failed)[result.k] = false;
}

}  // namespace

TEST_CASE("memory that a function or its result's serialiser cannot have is that item's failure alone") {
  constexpr std::uint64_t kDemands = 12;
  const auto is_in_serialiser = GENERATE(false, true);
  const TempDir dir;
  std::vector<bool> failed(kDemands);
  const auto items = std::views::iota(std::uint64_t{0}, kDemands) | std::views::transform(id_of);
  const Options options{.n_workers = 1, .cache_path = dir / "r.jsonl", .progress = Progress::none};
  const Report report = is_in_serialiser ? map(
                                               [&](const std::string& item) {
                                                 return Demanding{index_of(item), &failed};
                                               },
                                               items, options)
                                         : map(
                                               [&](const std::string& item) {
                                                 const std::uint64_t k = index_of(item);
                                                 const ScarceMemory scarce(k, false, ScarceMemory::Whose::this_thread);
                                                 failed[k] = true;
                                                 const std::vector<std::string> made{grown(1), grown(2), grown(k)};
                                                 failed[k] = false;
                                                 return made.size();
                                               },
                                               items, options);
  const auto failures = static_cast<std::uint64_t>(std::count(failed.begin(), failed.end(), true));
  CHECK(failures >= 2);
  CHECK(report.failed == failures);
  CHECK(report.succeeded == kDemands - failures);
  CHECK(content_of(dir / "r.jsonl").ids.size() == report.succeeded);
  const std::string lines = read_file(dir / "r.failed.jsonl");
  const PlainFile file = read_plain_file(lines);
  REQUIRE(file.lines.size() == failures);
  for (const PlainLine& line : file.lines) {
    const std::string_view text = std::string_view(lines).substr(line.offset, line.length);
    CHECK(failed[index_of(line.id)]);
    CHECK(text.find("\"std::bad_alloc\"") != text.npos);
    CHECK(text.find(is_in_serialiser ? "\"bad_result\"" : "\"exception\"") != text.npos);
  }
}

TEST_CASE("a job for which an allocation fails loses nothing that it has counted") { try_without_memory(7, false); }

TEST_CASE("a job for which all allocations fail from some moment on loses nothing that it has counted") {
  try_without_memory(7, true);
}

TEST_CASE("a job for which any single allocation fails loses nothing that it has counted", "[long]") {
  try_without_memory(1, false);
}

TEST_CASE("a job for which all allocations fail from any moment on loses nothing that it has counted", "[long]") {
  try_without_memory(1, true);
}
