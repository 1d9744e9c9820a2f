/// What is written for a result, and which results cannot be recorded.
#include <pararun/json_writer.hpp>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using Lines = std::vector<std::string>;

namespace shop {

struct Price {
  std::string currency;
  double amount = 0;
};
PARARUN_JSON(Price, currency, amount)

struct Stocked {
  std::string id;
  int count = 0;
};
PARARUN_JSON(Stocked, id, count)

struct Pinned {
  Pinned() = default;
  Pinned(const Pinned&) = delete;
  int n = 1;
};
PARARUN_JSON(Pinned, n)

struct Cells {};
void write_json(pr::JsonWriter& json, const Cells&) { json.begin_array().value(1).value(2).end_array(); }

/// Its write_json does whatever the test says.
struct Careless {
  void (*write)(pr::JsonWriter&);
};
void write_json(pr::JsonWriter& json, const Careless& careless) { careless.write(json); }

}  // namespace shop

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

pr::Options keeping(const std::filesystem::path& path) {
  return {.n_workers = 1, .cache_path = path, .retries = 2, .progress = pr::Progress::none};
}

/// The line that a function's result becomes, for the item "a".
template <class F>
std::string line_of(F fn) {
  const TempDir dir;
  pr::map([&](const std::string&) { return fn(); }, std::vector<std::string>{"a"}, keeping(dir / "r.jsonl"));
  CHECK(lines_in(dir / "r.failed.jsonl").empty());
  const Lines lines = lines_in(dir / "r.jsonl");
  REQUIRE(lines.size() == 1);
  return lines[0];
}

/// The message of the failure that a function's result is. Checks that it is not retried, and that nothing of it gets
/// into the results file.
template <class F>
std::string refusal_of(F fn) {
  const TempDir dir;
  std::atomic<int> calls{0};
  const pr::Report report = pr::map(
      [&](const std::string& item) {
        ++calls;
        if (item == "a") return fn();
        throw std::runtime_error("another item, so that what was begun for the first one could show");
      },
      std::vector<std::string>{"a"}, keeping(dir / "r.jsonl"));
  CHECK(calls == 1);
  CHECK(report.failed == 1);
  check_sums(report);
  CHECK(lines_in(dir / "r.jsonl").empty());
  const std::vector<pr::Json> failures = values_in(dir / "r.failed.jsonl");
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].get<std::string>("id") == "a");
  CHECK(failures[0].get<int>("attempts") == 1);
  CHECK(failures[0]["error"].get<std::string>("kind") == "bad_result");
  CHECK(failures[0]["error"].get<std::string>("type") == "pararun::BadResult");
  return failures[0]["error"].get<std::string>("message");
}

template <class F>
std::string refusal_of_writing(F write) {
  return refusal_of([=] { return shop::Careless{write}; });
}

}  // namespace

TEST_CASE("an object without the key gets it first") {
  CHECK(line_of([] { return pr::object("n", 1, "deep", pr::object("id", "other")); }) ==
        R"({"id":"a","n":1,"deep":{"id":"other"}})");
  CHECK(line_of([] { return shop::Price{"EUR", 2}; }) == R"({"id":"a","currency":"EUR","amount":2.0})");
  CHECK(line_of([] { return pr::Json::parse(R"({"x":[1,2]})"); }) == R"({"id":"a","x":[1,2]})");
  CHECK(line_of([] { return std::map<std::string, int>{{"x", 1}}; }) == R"({"id":"a","x":1})");
  CHECK(line_of([] { return pr::object(); }) == R"({"id":"a"})");
}

TEST_CASE("an object that holds the item's id is written as it is") {
  CHECK(line_of([] { return pr::object("n", 1, "id", "a"); }) == R"({"n":1,"id":"a"})");
  CHECK(line_of([] { return shop::Stocked{"a", 3}; }) == R"({"id":"a","count":3})");
  CHECK(line_of([] { return pr::Json::parse(R"({"n":1e2, "\u0069d":"\u0061"})"); }) == R"({"n":1e2,"id":"a"})");
}

TEST_CASE("any other result stands beside the id") {
  CHECK(line_of([] { return 3.5; }) == R"({"id":"a","result":3.5})");
  CHECK(line_of([] { return -7; }) == R"({"id":"a","result":-7})");
  CHECK(line_of([] { return true; }) == R"({"id":"a","result":true})");
  CHECK(line_of([] { return "text"; }) == R"({"id":"a","result":"text"})");
  CHECK(line_of([] { return std::string("\"\n\x01é"); }) == "{\"id\":\"a\",\"result\":\"\\\"\\n\\u0001é\"}");
  CHECK(line_of([] { return std::filesystem::path("/tmp/x"); }) == R"({"id":"a","result":"/tmp/x"})");
  CHECK(line_of([] { return std::optional<int>(); }) == R"({"id":"a","result":null})");
  CHECK(line_of([] { return std::vector<std::vector<int>>{{1}, {}}; }) == R"({"id":"a","result":[[1],[]]})");
  CHECK(line_of([] { return std::tuple(1, "x", nullptr); }) == R"({"id":"a","result":[1,"x",null]})");
  CHECK(line_of([] { return shop::Cells(); }) == R"({"id":"a","result":[1,2]})");
  CHECK(line_of([] { return pr::Json(); }) == R"({"id":"a","result":null})");
  CHECK(line_of([] { return pr::Json::parse("[{}]"); }) == R"({"id":"a","result":[{}]})");
}

TEST_CASE("an optional object is an object where there is one") {
  CHECK(line_of([] { return std::optional(shop::Price{"EUR", 2}); }) == R"({"id":"a","currency":"EUR","amount":2.0})");
}

TEST_CASE("no result is a line with the id alone") {
  CHECK(line_of([] {}) == R"({"id":"a"})");
}

TEST_CASE("a result by reference is written, not copied") {
  const TempDir dir;
  const shop::Pinned result;
  pr::map([&](int) -> const shop::Pinned& { return result; }, std::vector{1}, keeping(dir / "r.jsonl"));
  CHECK(lines_in(dir / "r.jsonl") == Lines{R"({"id":1,"n":1})"});
}

TEST_CASE("doubles keep every bit") {
  const double value = GENERATE(0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345680.0);
  const pr::Json line = pr::Json::parse(line_of([&] { return value; }));
  CHECK(line.get<double>("result") == value);
  CHECK(std::signbit(line.get<double>("result")) == std::signbit(value));
}

TEST_CASE("text that looks like the frame of a line does not disturb it") {
  const TempDir dir;
  const std::string id = R"(","result":{)";
  pr::Options options = keeping(dir / "r.jsonl");
  options.key_field = R"(k","result":)";
  pr::map([&](const std::string&) { return pr::object(id, id); }, std::vector<std::string>{id}, options);
  const std::vector<pr::Json> lines = values_in(dir / "r.jsonl");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].size() == 2);
  CHECK(lines[0].get<std::string>(options.key_field) == id);
  CHECK(lines[0].get<std::string>(id) == id);
  CHECK(pr::map([](const std::string&) { return 1; }, std::vector<std::string>{id}, options).skipped == 1);
}

TEST_CASE("a result whose key differs from the item's id could never be resumed, so it is a failure") {
  CHECK_THAT(refusal_of([] { return pr::object("id", "b"); }), Catch::Contains(R"("b")") && Catch::Contains(R"("a")"));
  refusal_of([] { return pr::object("id", 1); });
  refusal_of([] { return pr::object("id", nullptr); });
  refusal_of([] { return pr::object("id", std::vector{"a"}); });
  refusal_of([] { return pr::object("n", 1, "id", pr::object("id", "a")); });
}

TEST_CASE("a string is not the integer that it spells, in a result either") {
  const TempDir dir;
  const auto run = [&](auto item, auto own) {
    return pr::map([&](auto) { return pr::object("id", own); }, std::vector{item}, keeping(dir / "r.jsonl"));
  };
  CHECK(run(1, 1).succeeded == 1);
  CHECK(run(2, "2").failed == 1);
  CHECK(run(std::string("3"), 3).failed == 1);
  CHECK(run(4, 4.0).failed == 1);
}

TEST_CASE("without a results file there is no id that a result could differ from") {
  const pr::Report report = pr::map([](const std::string&) { return pr::object("id", "other"); },
                                    std::vector<std::string>{"a"}, {.progress = pr::Progress::none});
  CHECK(report.succeeded == 1);
}

TEST_CASE("what JSON cannot hold is a failure that names the place, with and without a results file") {
  refusal_of([] { return kNaN; });
  refusal_of([] { return -kInfinity; });
  refusal_of([] { return std::numeric_limits<float>::quiet_NaN(); });
  CHECK_THAT(refusal_of([] { return pr::object("good", 1, "score", kNaN); }), Catch::Contains(R"("score")"));
  CHECK_THAT(refusal_of([] { return pr::object("text", "\xff"); }), Catch::Contains(R"("text")"));
  refusal_of([] { return std::string("\xc0\x80"); });
  refusal_of([] { return std::string("\xed\xa0\x80"); });
  refusal_of([] { return std::filesystem::path("caf\xe9"); });
  const pr::Report report =
      pr::map([](int) { return kNaN; }, std::vector{1}, {.retries = 5, .progress = pr::Progress::none});
  CHECK(report.failed == 1);
}

TEST_CASE("a function that makes a bad JSON value has a bad result, too") {
  refusal_of([] { return pr::Json(kNaN); });
}

TEST_CASE("a write_json of the user's that writes no whole value is a failure") {
  refusal_of_writing([](pr::JsonWriter&) {});
  refusal_of_writing([](pr::JsonWriter& json) { json.begin_object().key("x").value(1); });
  refusal_of_writing([](pr::JsonWriter& json) { json.begin_object().key("x"); });
  refusal_of_writing([](pr::JsonWriter& json) { json.value(1).value(2); });
  refusal_of_writing(
      [](pr::JsonWriter& json) { json.begin_object().member("id", "a").member("id", "a").end_object(); });
}

namespace shop {

/// Puts something else in place of what is refused, too late.
struct Patched {
  friend void write_json(pr::JsonWriter& json, const Patched&) {
    json.begin_array();
    for (const char* text : {"a", "\xff"}) {
      try {
        json.string(text);
      } catch (const pr::BadResult&) {
      }
    }
    try {
      json.null().end_array();
    } catch (const pr::BadResult&) {
    }
  }
};

}  // namespace shop

TEST_CASE("a write_json of the user's that swallows a refusal is one as well, wherever it runs") {
  const TempDir dir;
  const pr::Report report = pr::map([](int) { return shop::Patched(); }, std::vector{1},
                                    {.n_workers = 1,
                                     .cache_path = dir / "r.jsonl",
                                     .backend = GENERATE(pr::Backend::thread, pr::Backend::process),
                                     .progress = pr::Progress::none});
  CHECK(report.failed == 1);
  CHECK(lines_in(dir / "r.jsonl").empty());
  CHECK(values_in(report.failures_path).at(0)["error"].get<std::string>("kind") == "bad_result");
}

TEST_CASE("what a write_json of the user's throws is the result's fault, and told with its type") {
  const TempDir dir;
  pr::map(
      [](int) {
        return shop::Careless{[](pr::JsonWriter& json) {
          json.begin_array();
          throw std::logic_error("cannot be written");
        }};
      },
      std::vector{1}, keeping(dir / "r.jsonl"));
  const std::vector<pr::Json> failures = values_in(dir / "r.failed.jsonl");
  REQUIRE(failures.size() == 1);
  CHECK(failures[0]["error"].get<std::string>("kind") == "bad_result");
  CHECK(failures[0]["error"].get<std::string>("type") == "std::logic_error");
  CHECK(failures[0]["error"].get<std::string>("message") == "cannot be written");
}

TEST_CASE("what else a write_json of the user's throws leaves nothing of the result behind either") {
  const TempDir dir;
  const pr::Report report = pr::map(
      [](int item) {
        return shop::Careless{item != 2 ? [](pr::JsonWriter& json) { json.value("good"); } : [](pr::JsonWriter& json) {
          json.begin_object().key("x");
          throw 17;
        }};
      },
      std::vector{1, 2, 3}, keeping(dir / "r.jsonl"));
  CHECK(report.succeeded == 2);
  CHECK(lines_in(dir / "r.jsonl") == Lines{R"({"id":1,"result":"good"})", R"({"id":3,"result":"good"})"});
  const std::vector<pr::Json> failures = values_in(dir / "r.failed.jsonl");
  REQUIRE(failures.size() == 1);
  CHECK(failures[0]["error"].get<std::string>("kind") == "bad_result");
  CHECK(failures[0]["error"].get<std::string>("type") == "int");
}

TEST_CASE("a key field of another name stands first under that name") {
  const TempDir dir;
  pr::Options options = keeping(dir / "r.jsonl");
  options.key_field =
      GENERATE(as<std::string>(), "url", "naïve \"key\"", "index", "at", "attempts", "seconds", "where");
  pr::map(
      [](const std::string& item) {
        if (item == "b") throw std::runtime_error("no");
        return pr::object("id", 17);
      },
      std::vector<std::string>{"a", "b"}, options);
  CHECK(ids_in(dir / "r.jsonl", options.key_field) == Lines{R"("a")"});
  CHECK(ids_in(dir / "r.failed.jsonl", options.key_field) == Lines{R"("b")"});
  options.retry_failed = false;
  const pr::Report report = pr::map([](const std::string&) { return 1; }, std::vector<std::string>{"a", "b"}, options);
  CHECK(report.skipped == 2);
  CHECK(report.skipped_failed == 1);
}

TEST_CASE("a large result is written whole") {
  const std::string text(3'000'000, 'x');
  CHECK(line_of([&] { return text; }).size() == text.size() + std::string(R"({"id":"a","result":""})").size());
}
