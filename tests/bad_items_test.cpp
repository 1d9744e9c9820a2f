/// Items that cannot be given to the function: each is a failure of its own, and the input goes on behind it.
#include <pararun/error.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using Ids = std::vector<std::string>;

namespace {

const auto kNothing = [](const auto&) {};

pr::Options keeping(const std::filesystem::path& path) {
  return {.n_workers = 1, .cache_path = path, .retries = 2, .progress = pr::Progress::none};
}

struct Bad {
  pr::Report report;
  std::vector<pr::Json> failures;
};

/// Runs a job and looks at what all bad items have in common.
template <class Items>
Bad run(const TempDir& dir, Items&& items, pr::Options options) {
  options.cache_path = dir / "r.jsonl";
  Bad result{.report = pr::map(kNothing, std::forward<Items>(items), options),
             .failures = values_in(dir / "r.failed.jsonl")};
  check_sums(result.report);
  CHECK(result.report.failed == result.failures.size());
  for (const pr::Json& failure : result.failures) {
    CHECK(failure["id"].is_null());
    CHECK(failure["error"].get<std::string>("kind") == "bad_item");
    CHECK(failure.get<int>("attempts") == 0);
  }
  return result;
}

std::string message(const pr::Json& failure) { return failure["error"].get<std::string>("message"); }

pr::generator<pr::Json> reading(std::filesystem::path path) {
  for (pr::Json& item : pr::jsonl(path)) co_yield std::move(item);
}

}  // namespace

TEST_CASE("a malformed JSON line is told with its file and line, and the lines behind it follow") {
  const TempDir dir;
  const std::string input = (dir / "in.jsonl").string();
  write_file(input, "{\"id\":\"a\"}\n\n{\"id\":\n{\"id\":\"b\"}\n");
  pr::Options options = keeping({});
  options.batch = GENERATE(1U, 16U);
  const Bad bad = run(dir, pr::jsonl(input), options);
  CHECK(bad.report.seen == 3);
  CHECK(bad.report.exit_code() == 1);
  CHECK(ids_in(dir / "r.jsonl") == Ids{R"("a")", R"("b")"});
  REQUIRE(bad.failures.size() == 1);
  CHECK(bad.failures[0].get<std::string>("where") == input + ":3");
  CHECK(bad.failures[0].get<int>("index") == 1);
  CHECK(bad.failures[0]["error"].get<std::string>("type") == "pararun::BadItem");
}

TEST_CASE("an item without its key is told with its file and line") {
  const TempDir dir;
  const std::string input = (dir / "in.jsonl").string();
  write_file(input, R"({"id":"a"}
{"name":"b"}
{"id":null}
{"id":1.5}
{"id":["x"]}
[1]
7
{"id":2}
)");
  const Bad bad = run(dir, pr::jsonl(input), keeping({}));
  CHECK(ids_in(dir / "r.jsonl") == Ids{R"("a")", "2"});
  REQUIRE(bad.failures.size() == 6);
  for (std::size_t i = 0; i < bad.failures.size(); ++i) {
    CHECK(bad.failures[i].get<std::string>("where") == input + ":" + std::to_string(i + 2));
    CHECK(bad.failures[i].get<std::size_t>("index") == i + 1);
    CHECK_THAT(message(bad.failures[i]), Catch::Contains("id"));
  }
}

TEST_CASE("a key function that throws fails its item with what it threw") {
  const TempDir dir;
  const Bad bad = run(dir, std::vector<int>{1, 2, 3} | pr::keyed([](int item) {
                             if (item == 2) throw std::out_of_range("no key for 2");
                             return item;
                           }),
                      keeping({}));
  CHECK(ids_in(dir / "r.jsonl") == Ids{"1", "3"});
  REQUIRE(bad.failures.size() == 1);
  CHECK(message(bad.failures[0]) == "no key for 2");
  CHECK(bad.failures[0]["error"].get<std::string>("type") == "std::out_of_range");
  CHECK(bad.failures[0].get<int>("index") == 1);
  CHECK_FALSE(bad.failures[0].contains("where"));
}

TEST_CASE("a key function may throw anything") {
  const TempDir dir;
  const Bad bad = run(dir, std::vector<int>{1, 2, 3} | pr::keyed([](int item) { return item == 2 ? throw 17 : item; }),
                      keeping({}));
  CHECK(ids_in(dir / "r.jsonl") == Ids{"1", "3"});
  REQUIRE(bad.failures.size() == 1);
  CHECK(bad.failures[0]["error"].get<std::string>("type") == "int");
}

TEST_CASE("a key function may say itself where its bad item is") {
  const TempDir dir;
  const Bad bad =
      run(dir, std::vector<int>{1} | pr::keyed([](int) -> int { throw pr::BadItem("no", "table 3"); }), keeping({}));
  REQUIRE(bad.failures.size() == 1);
  CHECK(bad.failures[0].get<std::string>("where") == "table 3");
}

TEST_CASE("an id that is no UTF-8 cannot be written, so its item is bad") {
  const TempDir dir;
  const Bad bad = run(dir, std::vector<std::string>{"a", "b\xff", "c\xc3", "d\xed\xa0\x80"}, keeping({}));
  CHECK(ids_in(dir / "r.jsonl") == Ids{R"("a")"});
  REQUIRE(bad.failures.size() == 3);
  CHECK(bad.failures[0].get<int>("index") == 1);
  CHECK(message(bad.failures[0]) == "the id is not valid UTF-8: \"b\xef\xbf\xbd\"");
}

TEST_CASE("bad items are neither run nor retried, but tried again by the next run") {
  const TempDir dir;
  std::atomic<int> keys{0};
  std::atomic<bool> good{false};
  const auto items = std::vector<int>{1} | pr::keyed([&](int item) {
                       ++keys;
                       if (!good) throw std::runtime_error("not yet");
                       return item;
                     });
  CHECK(pr::map(kNothing, items, keeping(dir / "r.jsonl")).failed == 1);
  CHECK(keys == 1);
  good = true;
  CHECK(pr::map(kNothing, items, keeping(dir / "r.jsonl")).succeeded == 1);
}

TEST_CASE("bad items count for max_failures, and without a results file too") {
  const TempDir dir;
  write_file(dir / "in.jsonl", "oops\noops\noops\n{}\n");
  const pr::Report report =
      pr::map(kNothing, pr::jsonl(dir / "in.jsonl"),
              {.n_workers = 1, .max_failures = 1, .max_tokens = 1, .batch = 1, .progress = pr::Progress::none});
  CHECK(report.failed == 2);
  CHECK(report.stopped == pr::StopReason::too_many_failures);
}

TEST_CASE("an element that says it is bad when it is looked at fails alone") {
  const TempDir dir;
  const Bad bad = run(dir, std::views::iota(0, 4) | std::views::transform([](int i) {
                             if (i == 1) throw pr::BadItem("one is bad", "row 1");
                             return i;
                           }),
                      keeping({}));
  CHECK(ids_in(dir / "r.jsonl") == Ids{"0", "2", "3"});
  REQUIRE(bad.failures.size() == 1);
  CHECK(bad.failures[0].get<std::string>("where") == "row 1");
  CHECK(message(bad.failures[0]) == "one is bad");
}

TEST_CASE("a callable that says its item is bad is asked for the next one") {
  const TempDir dir;
  const Bad bad = run(
      dir,
      [next = 0]() mutable -> std::optional<int> {
        if (next == 4) return std::nullopt;
        if (next++ == 1) throw pr::BadItem("one is bad");
        return next - 1;
      },
      keeping({}));
  CHECK(ids_in(dir / "r.jsonl") == Ids{"0", "2", "3"});
  CHECK(bad.failures.size() == 1);
}

TEST_CASE("a generator that ends with a bad item cannot go on: it is an input that threw") {
  const TempDir dir;
  write_file(dir / "in.jsonl", "{\"id\":1}\noops\n{\"id\":3}\n");
  CHECK_THROWS_AS(pr::map(kNothing, reading(dir / "in.jsonl"), keeping(dir / "r.jsonl")), pr::BadItem);
  CHECK(ids_in(dir / "r.jsonl") == Ids{"1"});
  write_file(dir / "in.jsonl", "oops\n{\"id\":3}\n");
  CHECK_THROWS_AS(pr::map(kNothing, reading(dir / "in.jsonl"), keeping(dir / "r.jsonl")), pr::BadItem);
}
