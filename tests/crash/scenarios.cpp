#include "crash/scenarios.hpp"

#include <string_view>
#include <utility>

#include "crash/arguments.hpp"
#include "crash/items.hpp"
#include "support/temp_dir.hpp"

namespace pararun::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kItems = 12;
constexpr const char* kTorn = "{\"id\":\"item-11\",\"text\":\"cut sho";

fs::path beside(const fs::path& results, const std::string& name) { return results.parent_path() / name; }

std::string results_of(std::uint64_t begin, std::uint64_t end) {
  std::string lines;
  for (std::uint64_t index = begin; index < end; ++index) lines += result_line(index);
  return lines;
}

/// Files with such contents.
auto files(std::string results, std::string failures = {}) {
  return [results = std::move(results), failures = std::move(failures)](const fs::path& path) {
    write_file(path, results);
    if (!failures.empty()) write_file(beside(path, "r.failed.jsonl"), failures);
  };
}

void nothing(const fs::path&) {}

class Scenarios {
 public:
  using Words = std::vector<std::string>;

  Scenario& add(const std::string& name, const Words& words, std::function<void(const fs::path&)> prepare = nothing,
                std::uint64_t items = kItems) {
    Scenario scenario{.name = name, .arguments = words, .items = items, .prepare = std::move(prepare)};
    const Arguments arguments(words);
    scenario.machine = arguments.text("durability") == "machine";
    scenario.by_map = arguments.text("engine") != "store";
    scenario.arguments.push_back("items=" + std::to_string(items));
    scenario.arguments.push_back("full_disk_ms=20");
    all_.push_back(std::move(scenario));
    return all_.back();
  }

  /// Once with each durability.
  void add_twice(const std::string& name, Words words, const std::function<void(const fs::path&)>& prepare = nothing,
                 std::uint64_t items = kItems) {
    add(name, words, prepare, items);
    words.push_back("durability=machine");
    add(name + ", for the machine", words, prepare, items);
  }

  std::vector<Scenario> take() { return std::move(all_); }

 private:
  std::vector<Scenario> all_;
};

void add_of_the_store(Scenarios& all) {
  const std::vector<std::string> line_by_line{"engine=store", "paced=1", "retries=1"};
  all.add_twice("a fresh run", line_by_line);
  all.add_twice("a run resumed", line_by_line, files(results_of(0, 5)));
  all.add_twice(
      "nothing left to do", line_by_line, [](const fs::path& path) { write_file(path, results_of(0, 3)); }, 3);
  all.add_twice("a torn line", line_by_line, files(results_of(0, 5) + kTorn));
  all.add("a torn line alone", line_by_line, files(kTorn));
  all.add("a torn line, others torn before", line_by_line, [](const fs::path& path) {
    write_file(path, results_of(0, 5) + kTorn);
    write_file(beside(path, "r.torn.jsonl"), "{\"id\":\"torn befo");
  });
  all.add_twice("a line without its newline", line_by_line,
                [](const fs::path& path) { write_file(path, results_of(0, 4) + "{\"id\":\"item-7\"}"); });
  all.add("both files torn", line_by_line, files(results_of(0, 5) + kTorn, failure_line(7) + kTorn));
  all.add("NUL bytes behind the last line", line_by_line, files(results_of(0, 5) + std::string(5'000, '\0')));
  all.add("a megabyte of a torn line", line_by_line,
          files(results_of(0, 5) + "{\"text\":\"" + std::string(std::size_t{1} << 20, 'x')));
  all.add("damage in the middle", line_by_line,
          files("\xEF\xBB\xBF{\"id\":\"item-1\"}\r\n{\"id\":\"item-2\",\n\n" + results_of(5, 8) + "{}\n"));
  all.add_twice("failures", {"engine=store", "paced=1"}, nothing, 30);
  all.add("failures not to be tried again", {"engine=store", "paced=1", "retry_failed=0"},
          files(results_of(0, 2), failure_line(3) + failure_line(26)), 30);
  all.add_twice("groups of large lines", {"engine=store", "retries=1", "large_every=3", "flush_ms=2"});
  all.add("no standard input", {"engine=store", "paced=1", "retries=1", "no_input=1"}, files(results_of(0, 5) + kTorn));
  all.add("a stop", {"engine=store", "paced=1", "retries=1", "stop_after=5"});
  all.add("a results file kept elsewhere", line_by_line, [](const fs::path& path) {
    fs::create_directory(beside(path, "disk"));
    write_file(beside(path, "disk/kept.jsonl"), results_of(0, 5) + kTorn);
    fs::create_symlink("disk/kept.jsonl", path);
  });
  all.add("a full disk", line_by_line).room = 500;
  all.add("a full disk in the second run", line_by_line, files(results_of(0, 5) + kTorn)).room = 200;
  all.add("no room for the torn line", line_by_line, files(results_of(0, 5) + kTorn)).room = 10;
  all.add("no room for failures", {"engine=store", "paced=1"}, nothing, 30).room = 1'000;
  all.add("no room for large lines", {"engine=store", "retries=1", "large_every=3"}).room = 10'000;
}

void add_of_jobs(Scenarios& all) {
  all.add_twice("a job", {"retries=1"});
  all.add("a job in order", {"retries=1", "order=input", "n_workers=3"});
  all.add("a job in order, for the machine", {"retries=1", "order=input", "n_workers=3", "durability=machine"},
          files(results_of(0, 3) + kTorn));
  all.add("a job of three workers", {"retries=1", "n_workers=3", "cost_us=200"}, files(results_of(2, 5)), 30);
  all.add("a job in batches", {"retries=2", "n_workers=2", "batch=7", "large_every=5", "flush_ms=2"}, nothing, 30);
  all.add("a job with failures", {"n_workers=2", "retry_failed=0", "run=6"}, files(results_of(0, 2), failure_line(3)),
          40);
  all.add("a job in worker processes", {"retries=1", "n_workers=2", "backend=process"}, files(results_of(2, 5)), 30);
  all.add("a job that is stopped", {"retries=1", "stop_after=6", "n_workers=2"});
}

}  // namespace

std::vector<Scenario> all_scenarios() {
  Scenarios all;
  add_of_the_store(all);
  add_of_jobs(all);
  return all.take();
}

}  // namespace pararun::testing
