/// What becomes of an item that fails: its line in the failures file, and the next run.
#include <pararun/failure.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <limits>
#include <new>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "store/lock.hpp"
#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using Strings = std::vector<std::string>;

namespace shop {

class Closed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Surprise {};

struct Speechless : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

/// Two standard exceptions at once are, as far as `catch` is concerned, none.
struct TwoFaced : std::runtime_error, std::logic_error {
  TwoFaced() : std::runtime_error("one"), std::logic_error("the other") {}
};

/// Its words are not `std::exception`'s, and are not asked for.
struct Bomb {
  [[noreturn]] const char* what() const { throw Bomb(); }
};

}  // namespace shop

namespace {

pr::Options keeping(const std::filesystem::path& path) {
  return {.n_workers = 1, .cache_path = path, .progress = pr::Progress::none};
}

/// The failure of an item whose function does this.
template <class F>
pr::Json failure_of(F fn) {
  const TempDir dir;
  const pr::Report report = pr::map([&](const std::string&) { fn(); }, Strings{"a"}, keeping(dir / "r.jsonl"));
  CHECK(report.failed == 1);
  CHECK(report.exit_code() == 1);
  CHECK(report.failures_path == dir / "r.failed.jsonl");
  check_sums(report);
  const std::vector<pr::Json> failures = values_in(report.failures_path);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].get<std::string>("id") == "a");
  return failures[0];
}

template <class F>
Strings kind_type_message(F fn) {
  const pr::Json failure = failure_of(fn);
  const pr::Json& error = failure["error"];
  CHECK_FALSE(error.contains("details"));
  return {error.get<std::string>("kind"), error.get<std::string>("type"), error.get<std::string>("message")};
}

pr::Report run(const std::filesystem::path& path, const Strings& items, const Strings& failing,
               bool retry_failed = true) {
  pr::Options options = keeping(path);
  options.retry_failed = retry_failed;
  const pr::Report report = pr::map(
      [&](const std::string& item) {
        if (std::ranges::count(failing, item) != 0) throw std::runtime_error("not today");
      },
      items, options);
  check_sums(report);
  return report;
}

}  // namespace

TEST_CASE("a failed item is one line of the failures file, exactly so") {
  const TempDir dir;
  pr::map([](const std::string&) { throw std::runtime_error("bad header"); }, Strings{"a.txt"},
          {.n_workers = 1,
           .cache_path = dir / "r.jsonl",
           .retries = 2,
           .retry_delay = std::chrono::nanoseconds(1),
           .progress = pr::Progress::none});
  const Strings lines = lines_in(dir / "r.failed.jsonl");
  REQUIRE(lines.size() == 1);
  CHECK(std::regex_match(
      lines[0],
      std::regex(R"(\{"id":"a\.txt","error":\{"kind":"exception","type":"std::runtime_error","message":"bad header"\},)"
                 R"("attempts":3,"seconds":[0-9.e-]+,"at":"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\})")));
  CHECK(lines_in(dir / "r.jsonl").empty());
}

TEST_CASE("a bad item's line has no id but says where the item is, exactly so") {
  const TempDir dir;
  const std::string input = (dir / "in.jsonl").string();
  write_file(input, "\n{\"n\":1}\n");
  pr::map([](const pr::Json&) {}, pr::jsonl(input), keeping(dir / "r.jsonl"));
  const Strings lines = lines_in(dir / "r.failed.jsonl");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find(R"({"id":null,"index":0,"where":")" + input +
                      R"(:2","error":{"kind":"bad_item","type":"pararun::BadItem","message":")") == 0);
  CHECK(lines[0].find(R"("},"attempts":0,"seconds":0.0,"at":"2)") != std::string::npos);
}

TEST_CASE("the failures file stands beside the results file, with .failed before the extension") {
  const TempDir dir;
  const auto [results, failures] = GENERATE(table<std::string, std::string>(
      {{"r.jsonl", "r.failed.jsonl"}, {"r", "r.failed"}, {"a.b.txt", "a.b.failed.txt"}}));
  run(dir / results, {"x"}, {"x"});
  CHECK(ids_in(dir / failures) == Strings{R"("x")"});
}

TEST_CASE("an exception is told with its own type and message") {
  CHECK(kind_type_message([] { throw shop::Closed("for today"); }) ==
        Strings{"exception", "shop::Closed", "for today"});
  CHECK(kind_type_message([] { throw std::system_error(ENOENT, std::generic_category(), "x"); }) ==
        Strings{"exception", "std::system_error", "x: No such file or directory"});
  CHECK(kind_type_message([] { throw std::bad_alloc(); }) == Strings{"exception", "std::bad_alloc", "std::bad_alloc"});
}

TEST_CASE("whatever is thrown becomes its item's failure") {
  CHECK(kind_type_message([] { throw 42; }) == Strings{"exception", "int", ""});
  CHECK(kind_type_message([] { throw std::string("words"); }) == Strings{"exception", "std::string", ""});
  CHECK(kind_type_message([] { throw shop::Surprise(); }) == Strings{"exception", "shop::Surprise", ""});
  CHECK(kind_type_message([] { throw nullptr; }) == Strings{"exception", "decltype(nullptr)", ""});
  CHECK(kind_type_message([] { throw shop::Speechless(); }) == Strings{"exception", "shop::Speechless", ""});
  CHECK(kind_type_message([] { throw shop::TwoFaced(); }) == Strings{"exception", "shop::TwoFaced", ""});
  CHECK(kind_type_message([] { throw shop::Bomb(); }) == Strings{"exception", "shop::Bomb", ""});
}

TEST_CASE("a message is kept readable: control characters escaped, no UTF-8 mended, a book cut short") {
  CHECK(kind_type_message([] { throw shop::Closed("a\nb\x01\"c\""); })[2] == "a\nb\x01\"c\"");
  CHECK(kind_type_message([] { throw shop::Closed("caf\xe9!"); })[2] == "caf\xef\xbf\xbd!");
  const std::string cut = kind_type_message([] {
    std::string book = "x";
    for (int i = 0; i < 50'000; ++i) book += "é";
    throw shop::Closed(book);
  })[2];
  CHECK(cut.size() < 20'000);
  CHECK(cut.substr(cut.size() - 5) == "é...");
}

TEST_CASE("a function fails its item on purpose, with data of its own") {
  const pr::Json failure =
      failure_of([] { throw pr::ItemFailure("bad header", pr::object("line", 17, "text", "\"x\"")); });
  const pr::Json& error = failure["error"];
  CHECK(error.get<std::string>("kind") == "exception");
  CHECK(error.get<std::string>("type") == "pararun::ItemFailure");
  CHECK(error.get<std::string>("message") == "bad header");
  CHECK(error["details"].dump() == R"({"line":17,"text":"\"x\""})");
  CHECK(failure_of([] { throw pr::ItemFailure("m", 3.5); })["error"]["details"].dump() == "3.5");
  CHECK_FALSE(failure_of([] { throw pr::ItemFailure("m"); })["error"].contains("details"));
  CHECK_THROWS_AS(pr::ItemFailure("m", std::numeric_limits<double>::infinity()), pr::BadResult);
}

TEST_CASE("a function may say that it timed out, or that its item is bad, which is not retried") {
  CHECK(kind_type_message([] { throw pr::TimeoutError("the server is slow"); }) ==
        Strings{"timeout", "pararun::TimeoutError", "the server is slow"});
  const TempDir dir;
  std::atomic<int> calls{0};
  pr::Options options = keeping(dir / "r.jsonl");
  options.retries = 5;
  pr::map(
      [&](const std::string&) {
        ++calls;
        throw pr::BadItem("no header");
      },
      Strings{"a"}, options);
  CHECK(calls == 1);
  CHECK(ids_in(dir / "r.failed.jsonl") == Strings{R"("a")"});
  CHECK(values_in(dir / "r.failed.jsonl")[0]["error"].get<std::string>("kind") == "bad_item");
}

TEST_CASE("a failure ends nothing but its item") {
  const TempDir dir;
  Strings items;
  for (int i = 0; i < 300; ++i) items.push_back(std::to_string(i));
  const pr::Report report = pr::map(
      [](const std::string& item) {
        if (item.back() == '7') throw std::runtime_error(item);
        return item.size();
      },
      items, {.n_workers = 4, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  CHECK(report.succeeded == 270);
  CHECK(report.failed == 30);
  CHECK(report.stopped == pr::StopReason::finished);
  CHECK(report.exit_code() == 1);
  check_sums(report);
  for (const pr::Json& failure : values_in(dir / "r.failed.jsonl")) {
    CHECK(failure["error"].get<std::string>("message") == failure.get<std::string>("id"));
  }
  CHECK(lines_in(dir / "r.failed.jsonl").size() == 30);
  CHECK(lines_in(dir / "r.jsonl").size() == 270);
}

TEST_CASE("without a results file a failure is counted and written nowhere") {
  const pr::Report report = pr::map(
      [](int item) {
        if (item == 1) throw 1;
      },
      std::vector{1, 2}, {.progress = pr::Progress::none});
  CHECK(report.failed == 1);
  CHECK(report.succeeded == 1);
  CHECK(report.exit_code() == 1);
}

TEST_CASE("the next run tries a failed item again, and each run that fails it adds one line") {
  const TempDir dir;
  const auto path = dir / "r.jsonl";
  CHECK(run(path, {"a", "b"}, {"a"}).failed == 1);
  const pr::Report second = run(path, {"a", "b"}, {"a"});
  CHECK(second.failed == 1);
  CHECK(second.skipped == 1);
  CHECK(ids_in(dir / "r.failed.jsonl") == Strings{R"("a")", R"("a")"});
  const pr::Report third = run(path, {"a", "b"}, {});
  CHECK(third.succeeded == 1);
  CHECK(third.exit_code() == 0);
  CHECK(run(path, {"a", "b"}, {}).skipped == 2);
  CHECK(lines_in(dir / "r.failed.jsonl").size() == 2);
}

TEST_CASE("with retry_failed off an item that failed earlier is skipped, and the job still exits with 1") {
  const TempDir dir;
  const auto path = dir / "r.jsonl";
  run(path, {"a", "b"}, {"a"});
  const pr::Report report = run(path, {"a", "b", "c", "a"}, {}, false);
  CHECK(report.skipped == 3);
  CHECK(report.skipped_failed == 2);
  CHECK(report.succeeded == 1);
  CHECK(report.duplicates == 0);
  CHECK(report.exit_code() == 1);
  CHECK(run(path, {"a"}, {}, true).succeeded == 1);
}

TEST_CASE("a result supersedes every failure of its id") {
  const TempDir dir;
  const auto path = dir / "r.jsonl";
  run(path, {"a", "b"}, {"a"});
  run(path, {"a"}, {});
  const pr::Report report = run(path, {"a", "b"}, {}, false);
  CHECK(report.skipped == 2);
  CHECK(report.skipped_failed == 0);
  CHECK(report.exit_code() == 0);
}

TEST_CASE("when the results file is empty or gone, old failures are ignored") {
  const TempDir dir;
  const auto path = dir / "r.jsonl";
  run(path, {"a", "b"}, {"a"});
  SECTION("empty") { write_file(path, ""); }
  SECTION("gone") { std::filesystem::remove(path); }
  const pr::Report report = run(path, {"a", "b"}, {}, false);
  CHECK(report.skipped_failed == 0);
  CHECK(report.succeeded == 2);
}

TEST_CASE("both files are locked together") {
  const TempDir dir;
  const auto path = dir / GENERATE("r.jsonl", "r.failed.jsonl");
  const auto held = pr::store::open_locked(path);
  std::atomic<int> calls{0};
  const auto error = thrown<pr::CacheLocked>(
      [&] { pr::map([&](const std::string&) { ++calls; }, Strings{"a"}, keeping(dir / "r.jsonl")); });
  REQUIRE(error);
  CHECK(error->path() == path);
  CHECK(error->holder() == ::getpid());
  CHECK(calls == 0);
}

TEST_CASE("a job that runs keeps another off its file, and nothing of the first is lost") {
  const TempDir dir;
  std::atomic<bool> refused{false};
  const pr::Report report = pr::map(
      [&](const std::string&) {
        refused = thrown<pr::CacheLocked>([&] { run(dir / "r.jsonl", {"b"}, {}); }).has_value();
      },
      Strings{"a"}, keeping(dir / "r.jsonl"));
  CHECK(refused);
  CHECK(report.succeeded == 1);
  CHECK(ids_in(dir / "r.jsonl") == Strings{R"("a")"});
}
