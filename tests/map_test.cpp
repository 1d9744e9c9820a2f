/// The functions that a job can run, and the least it does with them.
#include <pararun/map.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <ranges>
#include <sstream>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/counted.hpp"
#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using Ids = std::vector<std::string>;

namespace {

struct Page {
  int id;
  std::string text;

  std::size_t words() const { return text.size(); }
};

std::string twice(const std::string& item) { return item + item; }

pr::Options quiet(const std::filesystem::path& path) {
  return {.n_workers = 2, .cache_path = path, .progress = pr::Progress::none};
}

}  // namespace

TEST_CASE("every item is run once and its result is a line") {
  const TempDir dir;
  const std::vector<std::string> files{"a.txt", "b.txt", "c.txt"};
  const pr::Report report =
      pr::map([](const std::string& file) { return pr::object("status", "done", "bytes", file.size()); }, files,
              {.n_workers = 4, .cache_path = dir / "results.jsonl", .progress = pr::Progress::none});
  CHECK(report.seen == 3);
  CHECK(report.succeeded == 3);
  CHECK(report.stopped == pr::StopReason::finished);
  CHECK(report.exit_code() == 0);
  CHECK(report.elapsed.count() > 0);
  check_sums(report);
  CHECK(sorted(lines_in(dir / "results.jsonl")) ==
        std::vector<std::string>{R"({"id":"a.txt","status":"done","bytes":5})",
                                 R"({"id":"b.txt","status":"done","bytes":5})",
                                 R"({"id":"c.txt","status":"done","bytes":5})"});
}

TEST_CASE("run again, a job does only what is missing") {
  const TempDir dir;
  std::vector<std::string> items{"a", "b"};
  std::atomic<int> calls{0};
  const auto fn = [&](const std::string&) { ++calls; };
  CHECK(pr::map(fn, items, quiet(dir / "r.jsonl")).succeeded == 2);
  items.insert(items.begin(), "c");
  const pr::Report second = pr::map(fn, items, quiet(dir / "r.jsonl"));
  CHECK(calls == 3);
  CHECK(second.seen == 3);
  CHECK(second.skipped == 2);
  CHECK(second.succeeded == 1);
  CHECK(second.recovery.ids == 2);
  CHECK(ids_in(dir / "r.jsonl").back() == "\"c\"");
}

TEST_CASE("without a results file nothing is kept, skipped or taken for a duplicate") {
  const std::vector<std::string> items{"a", "a", "b"};
  std::atomic<int> calls{0};
  for (int run = 0; run < 2; ++run) {
    const pr::Report report = pr::map([&](const std::string&) { ++calls; }, items, {.progress = pr::Progress::none});
    CHECK(report.succeeded == 3);
    CHECK(report.duplicates + report.skipped == 0);
  }
  CHECK(calls == 6);
}

TEST_CASE("an empty input makes an empty job") {
  const TempDir dir;
  const pr::Report report = pr::map(twice, std::vector<std::string>{}, quiet(dir / "r.jsonl"));
  CHECK(report.seen == 0);
  CHECK(report.exit_code() == 0);
  CHECK(std::filesystem::file_size(dir / "r.jsonl") == 0);
}

TEST_CASE("a function may take its item by value or by const reference, and have any form") {
  const TempDir dir;
  const std::vector<std::string> items{"x", "y"};
  const pr::Options options = quiet(dir / "r.jsonl");
  SECTION("by value") {
    pr::map([](std::string item) { return item += item; }, items, options);
  }
  SECTION("by const reference") {
    pr::map([](const std::string& item) { return item + item; }, items, options);
  }
  SECTION("as a view of it") {
    pr::map([](std::string_view item) { return twice(std::string(item)); }, items, options);
  }
  SECTION("generic") {
    pr::map([](const auto& item) { return item + item; }, items, options);
  }
  SECTION("forwarding") {
    pr::map([](auto&& item) { return item + item; }, items, options);
  }
  SECTION("a function") { pr::map(twice, items, options); }
  SECTION("a pointer to a function") { pr::map(&twice, items, options); }
  SECTION("std::function") { pr::map(std::function<std::string(std::string)>(twice), items, options); }
  SECTION("a const object") {
    const auto fn = [](const std::string& item) { return item + item; };
    pr::map(fn, items, options);
  }
  SECTION("with a stop token") {
    pr::map([](const std::string& item, std::stop_token stop) { return stop.stop_possible() ? item + item : ""; },
            items, options);
  }
  SECTION("with a stop token that it need not be given") {
    pr::map([](const std::string& item,
               const std::stop_token& stop = {}) { return stop.stop_possible() ? item + item : ""; },
            items, options);
  }
  CHECK(sorted(lines_in(dir / "r.jsonl")) == Ids{R"({"id":"x","result":"xx"})", R"({"id":"y","result":"yy"})"});
}

TEST_CASE("a member function or a data member of the item is a function of it") {
  const TempDir dir;
  const std::vector<Page> pages{{1, "one"}, {2, "three"}};
  pr::map(&Page::words, pages, quiet(dir / "r.jsonl"));
  CHECK(sorted(lines_in(dir / "r.jsonl")) == Ids{R"({"id":1,"result":3})", R"({"id":2,"result":5})"});
  pr::map(&Page::text, pages, quiet(dir / "s.jsonl"));
  CHECK(sorted(lines_in(dir / "s.jsonl")) == Ids{R"({"id":1,"result":"one"})", R"({"id":2,"result":"three"})"});
}

TEST_CASE("a tuple-like item is unpacked when the function takes its elements") {
  const TempDir dir;
  const pr::Options options = quiet(dir / "r.jsonl");
  SECTION("pair") {
    const std::vector<std::pair<std::string, int>> items{{"a", 2}};
    pr::map([](const std::string& key, int count) { return key + std::to_string(count); }, items, options);
  }
  SECTION("tuple, with a stop token behind the elements") {
    const std::vector<std::tuple<std::string, int, char>> items{{"a", 2, 'c'}};
    pr::map([](std::string key, int count, char,
               std::stop_token stop) { return key + std::to_string(count) + (stop.stop_possible() ? "" : "?"); },
            items, options);
  }
  SECTION("array") {
    const std::vector<std::array<std::string, 2>> items{{"a", "2"}};
    pr::map([](const std::string& key, const std::string& count) { return key + count; }, items, options);
  }
  SECTION("whole, where the function takes it so") {
    const std::vector<std::pair<std::string, int>> items{{"a", 2}};
    pr::map([](const std::pair<std::string, int>& item) { return item.first + std::to_string(item.second); }, items,
            options);
  }
  SECTION("elements that can only be moved, of a container given away") {
    std::vector<std::pair<std::string, std::unique_ptr<int>>> items;
    items.emplace_back("a", std::make_unique<int>(2));
    pr::map([](const std::string& key, std::unique_ptr<int> count) { return key + std::to_string(*count); },
            std::move(items), options);
  }
  CHECK(lines_in(dir / "r.jsonl") == Ids{R"({"id":"a","result":"a2"})"});
}

TEST_CASE("items that can only be moved are lent to a function, or given to it where they are the job's") {
  std::vector<std::unique_ptr<int>> items;
  for (int i = 1; i <= 10; ++i) items.push_back(std::make_unique<int>(i));
  std::atomic<int> sum{0};
  const pr::Options options{.n_workers = 2, .progress = pr::Progress::none};
  pr::map([&](const std::unique_ptr<int>& item) { sum += *item; }, items, options);
  CHECK(sum == 55);
  CHECK(std::ranges::all_of(items, [](const auto& item) { return item != nullptr; }));
  pr::map([&](std::unique_ptr<int> item) { sum += *item; }, std::move(items), options);
  CHECK(sum == 110);
  const auto made = [](int count) -> pr::generator<std::unique_ptr<int>> {
    for (int i = 1; i <= count; ++i) co_yield std::make_unique<int>(i);
  };
  pr::map([&](std::unique_ptr<int> item) { sum += *item; }, made(10), options);
  CHECK(sum == 165);
}

TEST_CASE("a function object is neither copied nor moved: the caller's own is called") {
  struct Function {
    Function() = default;
    Function(Function&&) = delete;

    int operator()(int item) { return seen += item; }

    std::atomic<int> seen{0};
  };
  Function function;
  const std::vector<int> items{1, 2, 3};
  pr::map(function, items, {.n_workers = 2, .progress = pr::Progress::none});
  CHECK(function.seen == 6);
}

TEST_CASE("a function may hold what can only be moved, and change its own state") {
  const std::vector<int> items{1, 2, 3};
  int result = 0;
  const pr::Report report = pr::map(
      [count = std::make_unique<int>(0), &result](int item) mutable {
        *count += item;
        result = *count;
      },
      items, {.n_workers = 1, .progress = pr::Progress::none});
  CHECK(report.succeeded == 3);
  CHECK(result == 6);
}

TEST_CASE("an item of a generator reaches a function by value without a copy") {
  Counted::Census census;
  const auto items = [](Counted::Census& all) -> pr::generator<Counted> {
    for (int i = 0; i < 100; ++i) co_yield Counted(all, i);
  };
  std::atomic<int> sum{0};
  pr::map([&](Counted item) { sum += item.id; }, items(census), {.n_workers = 2, .progress = pr::Progress::none});
  CHECK(sum == 4950);
  CHECK(census.copies == 0);
  CHECK(census.alive == 0);
}

TEST_CASE("each item is called by one thread, and the caller's thread is one of the workers") {
  std::atomic<int> by_caller{0};
  std::vector<std::atomic<int>> calls(500);
  const std::thread::id caller = std::this_thread::get_id();
  pr::map(
      [&](int item) {
        ++calls[static_cast<std::size_t>(item)];
        if (std::this_thread::get_id() == caller) ++by_caller;
      },
      std::views::iota(0, 500), {.n_workers = 1, .progress = pr::Progress::none});
  CHECK(by_caller == 500);
  CHECK(std::ranges::all_of(calls, [](const auto& count) { return count == 1; }));
}

TEST_CASE("a report prints itself") {
  const pr::Report report = pr::map([](int) {}, std::vector{1, 2}, {.progress = pr::Progress::none});
  std::ostringstream out;
  out << report;
  CHECK(out.str().find("2 items in ") == 0);
}
