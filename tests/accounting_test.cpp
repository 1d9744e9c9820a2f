/// Whatever happens to a job, every item has exactly one fate, and the files say the same as the report.
#include <pararun/report.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <random>
#include <ranges>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/shared_counts.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t end) { return random() % end; }

/// What an item does in every run: its id decides.
enum class Nature { plain, fails_once, always_fails, bad_result, slow, asks_stop, spins };

Nature nature(int id) {
  switch (id % 23) {
    case 3:
      return Nature::fails_once;
    case 5:
      return Nature::always_fails;
    case 7:
      return Nature::bad_result;
    case 11:
      return Nature::slow;
    case 13:
      return Nature::asks_stop;
    default:
      return id % 97 == 50 ? Nature::spins : Nature::plain;
  }
}

pr::Options random_options(Random& random, const std::filesystem::path& path) {
  pr::Options options{.n_workers = 1 + below(random, 6), .progress = pr::Progress::none};
  if (below(random, 5) != 0) options.cache_path = path;
  if (below(random, 4) == 0) options.backend = pr::Backend::process;
  options.timeout = below(random, 3) == 0 ? std::chrono::milliseconds(1) : std::chrono::milliseconds(0);
  options.retries = static_cast<unsigned>(below(random, 3));
  options.retry_delay = std::chrono::microseconds(below(random, 2000));
  options.retry_failed = below(random, 2) == 0;
  if (below(random, 3) == 0) options.max_failures = below(random, 40);
  if (below(random, 3) == 0) options.drain_timeout = std::chrono::milliseconds(1 + below(random, 3));
  if (below(random, 4) == 0) options.time_budget = std::chrono::milliseconds(1 + below(random, 10));
  options.flush_interval = std::chrono::milliseconds(below(random, 3));
  options.order = below(random, 2) == 0 ? pr::Order::completion : pr::Order::input;
  options.max_tokens = below(random, 3) == 0 ? 1 + below(random, 20) : 0;
  options.batch = below(random, 2) == 0 ? 0 : 1 + below(random, 40);
  return options;
}

/// Ids of 0 to 399, in any order, some of them several times.
std::vector<int> random_items(Random& random) {
  std::vector<int> items(below(random, 800));
  for (int& item : items) item = static_cast<int>(below(random, 400));
  return items;
}

class RandomJob {
 public:
  RandomJob(Random& random, const std::filesystem::path& path)
      : random_(random), options_(random_options(random, path)) {
    if (below(random_, 3) == 0) stop_after_ = static_cast<int>(below(random_, 300));
    if (below(random_, 6) == 0) throw_at_ = static_cast<int>(below(random_, 300));
    options_.stop = stop_.get_token();
  }

  /// Nothing where the input threw.
  std::optional<pr::Report> run() {
    if (options_.backend == pr::Backend::thread) return run(*this);
    // A stop token takes a thread in each worker, which ThreadSanitizer refuses where earlier jobs have left threads.
    return run([this](int id) { return (*this)(id, std::stop_token()); });
  }

  double operator()(int id, const std::stop_token& stop) {
    // A worker process cannot: there it is asked for where the input is read.
    if (++calls_[0] == stop_after_ && options_.backend == pr::Backend::thread) stop_.request_stop();
    const int attempt = ++attempts_[static_cast<std::size_t>(id)];
    switch (nature(id)) {
      case Nature::fails_once:
        if (attempt == 1) throw std::runtime_error("once");
        break;
      case Nature::always_fails:
        throw std::runtime_error("always");
      case Nature::bad_result:
        return std::numeric_limits<double>::quiet_NaN();
      case Nature::slow:
        for (int i = 0; i < 20; ++i) std::this_thread::yield();
        break;
      case Nature::asks_stop:
        if (stop.stop_requested()) throw std::runtime_error("asked");
        break;
      case Nature::spins:
        for (const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
             std::chrono::steady_clock::now() < end && !stop.stop_requested();) {
        }
        break;
      case Nature::plain:
        break;
    }
    return id;
  }

  const pr::Options& options() const { return options_; }
  const std::vector<int>& items() const { return items_; }

 private:
  template <class F>
  std::optional<pr::Report> run(F&& fn) {
    items_ = random_items(random_);
    std::optional<pr::Report> report;
    try {
      switch (below(random_, 3)) {
        case 0:
          report = pr::map(fn, items_, options_);
          break;
        case 1:
          report = pr::map(fn, items_ | std::views::transform([this](int item) { return looked_at(item); }), options_);
          break;
        default:
          report = pr::map(
              fn,
              [this, next = std::size_t{0}]() mutable -> std::optional<int> {
                return next < items_.size() ? std::optional<int>(looked_at(items_[next++])) : std::nullopt;
              },
              options_);
      }
    } catch (const std::range_error&) {
    }
    return report;
  }

  int looked_at(int item) {
    if (stop_after_ > 0 && calls_[0] >= stop_after_) stop_.request_stop();
    if (looked_at_++ == throw_at_) throw std::range_error("the input is gone");
    return item;
  }

  Random& random_;
  pr::Options options_;
  std::stop_source stop_;
  std::vector<int> items_;
  int stop_after_ = -1;
  int throw_at_ = -1;
  int looked_at_ = 0;
  const SharedCounts calls_{1};
  const SharedCounts attempts_{400};
};

std::multiset<std::string> ids(const std::filesystem::path& path) {
  const auto found = ids_in(path);
  return {found.begin(), found.end()};
}

}  // namespace

TEST_CASE("in any sequence of random jobs the report adds up and the files agree with it") {
  const std::uint64_t seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{41}));
  CAPTURE(seed);
  Random random(seed);
  const TempDir dir;
  const auto results = dir / "r.jsonl", failures = dir / "r.failed.jsonl";
  for (int run = 0; run < 8; ++run) {
    CAPTURE(run);
    const std::size_t results_before = ids_in(results).size(), failures_before = ids_in(failures).size();
    RandomJob job(random, results);
    const std::optional<pr::Report> report = job.run();

    const std::multiset<std::string> done = ids(results);
    CHECK(std::set<std::string>(done.begin(), done.end()).size() == done.size());
    if (!report) continue;
    check_sums(*report);
    CHECK(report->seen <= job.items().size());
    if (report->stopped == pr::StopReason::finished) {
      CHECK(report->seen == job.items().size());
      CHECK(report->unfinished == 0);
    }
    if (job.options().cache_path.empty()) {
      CHECK(report->skipped + report->duplicates == 0);
      CHECK(done.size() == results_before);
      continue;
    }
    CHECK(done.size() == results_before + report->succeeded);
    CHECK(ids_in(failures).size() == failures_before + report->failed);
    if (report->exit_code() == 0) {
      for (const int item : job.items()) CHECK(done.count(std::to_string(item)) == 1);
    }
  }
}
