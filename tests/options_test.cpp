#include <pararun/options.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace {

/// Runs a job with bad options. Checks that the error names `field`, that no item was pulled and no file was made.
std::string refusal_of(const std::string& field, const std::function<void(pr::Options&)>& change) {
  const TempDir dir;
  std::atomic<int> pulled{0};
  pr::Options options{.cache_path = dir / "r.jsonl", .progress = pr::Progress::none};
  change(options);
  const auto error = thrown<pr::OptionsError>([&] {
    pr::map([](int) {},
            [&]() -> std::optional<int> { return ++pulled < 10 ? std::optional<int>(pulled) : std::nullopt; }, options);
  });
  REQUIRE(error);
  CHECK(error->field() == field);
  CHECK(std::string(error->what()).find("options: " + field + ": ") == 0);
  CHECK(pulled == 0);
  CHECK(std::filesystem::is_empty(dir.path()));
  return error->what();
}

bool accepted(const std::function<void(pr::Options&)>& change) {
  const TempDir dir;
  pr::Options options{.cache_path = dir / "r.jsonl", .progress = pr::Progress::none};
  change(options);
  return pr::map([](int) {}, std::vector{1, 2, 3}, options).succeeded == 3;
}

}  // namespace

TEST_CASE("options are an aggregate whose fields may be named in order, any of them left out") {
  static_assert(std::is_aggregate_v<pr::Options>);
  const pr::Options options{.n_workers = 4,
                            .cache_path = "r.jsonl",
                            .key_field = "url",
                            .backend = pr::Backend::thread,
                            .total = 100,
                            .timeout = 30s,
                            .retries = 2,
                            .retry_delay = 1s,
                            .retry_failed = false,
                            .max_failures = 10,
                            .stop = {},
                            .handle_signals = true,
                            .drain_timeout = 1min,
                            .time_budget = 1h,
                            .durability = pr::Durability::machine,
                            .flush_interval = 10ms,
                            .strict = true,
                            .order = pr::Order::input,
                            .max_tokens = 16,
                            .batch = 8,
                            .progress = pr::Progress::json,
                            .on_progress = [](const pr::ProgressState&) {}};
  CHECK(options.retries == 2);
}

TEST_CASE("the defaults are those that are promised") {
  const pr::Options options;
  CHECK(options.n_workers == 0);
  CHECK(options.cache_path.empty());
  CHECK(options.key_field == "id");
  CHECK(options.backend == pr::Backend::thread);
  CHECK_FALSE(options.total);
  CHECK(options.timeout == 0ns);
  CHECK(options.retries == 0);
  CHECK(options.retry_delay == 100ms);
  CHECK(options.retry_failed);
  CHECK_FALSE(options.max_failures);
  CHECK_FALSE(options.stop.stop_possible());
  CHECK_FALSE(options.handle_signals);
  CHECK(options.drain_timeout == 0ns);
  CHECK(options.time_budget == 0ns);
  CHECK(options.durability == pr::Durability::process);
  CHECK(options.flush_interval == 50ms);
  CHECK_FALSE(options.strict);
  CHECK(options.order == pr::Order::completion);
  CHECK(options.max_tokens == 0);
  CHECK(options.batch == 0);
  CHECK(options.progress == pr::Progress::automatic);
  CHECK_FALSE(options.on_progress);
}

TEST_CASE("a value that makes no sense is refused by the name of its field") {
  refusal_of("n_workers", [](pr::Options& o) { o.n_workers = 1'000'000; });
  refusal_of("n_workers", [](pr::Options& o) { o.n_workers = static_cast<std::size_t>(-1); });
  refusal_of("key_field", [](pr::Options& o) { o.key_field = ""; });
  refusal_of("key_field", [](pr::Options& o) { o.key_field = "caf\xe9"; });
  refusal_of("key_field", [](pr::Options& o) { o.key_field = "result"; });
  refusal_of("key_field", [](pr::Options& o) { o.key_field = "error"; });
  refusal_of("timeout", [](pr::Options& o) { o.timeout = -1ns; });
  refusal_of("retry_delay", [](pr::Options& o) { o.retry_delay = -1s; });
  refusal_of("drain_timeout", [](pr::Options& o) { o.drain_timeout = -1ns; });
  refusal_of("time_budget", [](pr::Options& o) { o.time_budget = -1h; });
  refusal_of("flush_interval", [](pr::Options& o) { o.flush_interval = -1ms; });
  refusal_of("max_tokens", [](pr::Options& o) { o.max_tokens = 1'000'001; });
  refusal_of("batch", [](pr::Options& o) { o.batch = 257; });
}

TEST_CASE("the extreme values that make sense are accepted") {
  CHECK(accepted([](pr::Options& o) { o.n_workers = 256; }));
  CHECK(accepted([](pr::Options& o) { o.max_tokens = 1'000'000; }));
  CHECK(accepted([](pr::Options& o) { o.batch = 256; }));
  CHECK(accepted([](pr::Options& o) { o.flush_interval = 0ms; }));
  CHECK(accepted([](pr::Options& o) { o.retries = 4294967295U; }));
  CHECK(accepted([](pr::Options& o) { o.retry_delay = std::chrono::nanoseconds::max(); }));
  CHECK(accepted([](pr::Options& o) { o.total = 0; }));
  CHECK(accepted([](pr::Options& o) { o.key_field = "the \"key\""; }));
  CHECK(accepted([](pr::Options& o) { o.max_failures = 18446744073709551615U; }));
}

TEST_CASE("a results file whose directory is missing is an error with the path, before any item is pulled") {
  const TempDir dir;
  std::atomic<int> pulled{0};
  const auto error = thrown<pr::StoreError>([&] {
    pr::map([](int) {}, [&]() -> std::optional<int> { return ++pulled; },
            {.cache_path = dir / "missing" / "r.jsonl", .progress = pr::Progress::none});
  });
  REQUIRE(error);
  CHECK(error->path() == dir / "missing" / "r.jsonl");
  CHECK(pulled == 0);
}

TEST_CASE("a file is not read and written by the same job, under whatever name") {
  const TempDir dir;
  const std::string content = "{\"id\":1,\"text\":\"a\"}\n{\"id\":2}";
  write_file(dir / "in.jsonl", content);
  std::filesystem::create_symlink("in.jsonl", dir / "results.jsonl");
  std::filesystem::create_hard_link(dir / "in.jsonl", dir / "other.failed.jsonl");
  const std::string name = GENERATE("in.jsonl", "results.jsonl", "other.jsonl");
  const pr::Options options{.cache_path = dir / name, .progress = pr::Progress::none};
  const auto field = [&](auto input) {
    const auto error = thrown<pr::OptionsError>([&] { pr::map([](const auto&) {}, input, options); });
    return error ? error->field() : "none";
  };
  CHECK(field(pr::lines(dir / "in.jsonl")) == "cache_path");
  CHECK(field(pr::jsonl(dir / "in.jsonl")) == "cache_path");
  CHECK(read_file(dir / "in.jsonl") == content);
}

TEST_CASE("a damaged results file is refused where strict is set") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":1}\nnonsense\n");
  pr::Options options{.cache_path = dir / "r.jsonl", .strict = true, .progress = pr::Progress::none};
  CHECK_THROWS_AS(pr::map([](int) {}, std::vector{1, 2}, options), pr::CacheDamaged);
  options.strict = false;
  const pr::Report report = pr::map([](int) {}, std::vector{1, 2}, options);
  CHECK(report.skipped == 1);
  CHECK(report.succeeded == 1);
  CHECK(report.recovery.damaged == 1);
}

TEST_CASE("results that survive power loss are counted and written like others") {
  const TempDir dir;
  const pr::Report report =
      pr::map([](int) {}, std::vector{1, 2},
              {.cache_path = dir / "r.jsonl", .durability = pr::Durability::machine, .progress = pr::Progress::none});
  CHECK(report.succeeded == 2);
  CHECK(ids_in(dir / "r.jsonl").size() == 2);
}

TEST_CASE("a results file in the current directory may be given by its bare name") {
  const TempDir dir;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  const pr::Report report =
      pr::map([](int) {}, std::vector{1}, {.cache_path = "r.jsonl", .progress = pr::Progress::none});
  std::filesystem::current_path(before);
  CHECK(report.succeeded == 1);
  CHECK(std::filesystem::exists(dir / "r.jsonl"));
}
