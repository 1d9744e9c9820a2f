/// The id of an item, and what a job does with ids: skip, count duplicates, keep strings and integers apart.
#include <pararun/key.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using Ids = std::vector<std::string>;

namespace shop {

struct Page {
  std::string id;
  int size = 0;
};

struct Row {
  std::string name;
  int year = 0;
};
std::string pararun_key(const Row& row) { return row.name + "/" + std::to_string(row.year); }

struct Numbered {
  int id = 0;
};
std::uint64_t pararun_key(const Numbered& item) { return 1000U + static_cast<std::uint64_t>(item.id); }

struct Anonymous {
  int value = 0;
};

}  // namespace shop

namespace {

const auto kNothing = [](const auto&) {};

pr::Options keeping(const std::filesystem::path& path) {
  return {.n_workers = 1, .cache_path = path, .progress = pr::Progress::none};
}

/// The ids that a job writes for these items.
template <class Items>
Ids ids_of(Items&& items) {
  const TempDir dir;
  const pr::Report report = pr::map(kNothing, std::forward<Items>(items), keeping(dir / "r.jsonl"));
  check_sums(report);
  return ids_in(dir / "r.jsonl");
}

template <class T>
Ids ids_of_extremes() {
  return ids_of(std::vector<T>{std::numeric_limits<T>::min(), std::numeric_limits<T>::max()});
}

std::string refusal_of(auto&& items) {
  const TempDir dir;
  const auto error = thrown<pr::OptionsError>([&] { pr::map(kNothing, items, keeping(dir / "r.jsonl")); });
  REQUIRE(error);
  CHECK(error->field() == "cache_path");
  CHECK_FALSE(std::filesystem::exists(dir / "r.jsonl"));
  return error->what();
}

}  // namespace

TEST_CASE("a string of any kind is its own id") {
  CHECK(ids_of(std::vector<std::string>{"a", "", "naïve \"quoted\"\n"}) ==
        Ids{R"("a")", R"("")", R"("naïve \"quoted\"\n")"});
  CHECK(ids_of(std::vector<std::string_view>{"a"}) == Ids{R"("a")"});
  CHECK(ids_of(std::vector<const char*>{"a"}) == Ids{R"("a")"});
}

TEST_CASE("a path is its own id, as it is spelled") {
  CHECK(ids_of(std::vector<std::filesystem::path>{"dir/../a.txt"}) == Ids{R"("dir/../a.txt")"});
}

TEST_CASE("an integer of any width is its own id") {
  CHECK(ids_of_extremes<std::int8_t>() == Ids{"-128", "127"});
  CHECK(ids_of_extremes<std::uint8_t>() == Ids{"0", "255"});
  CHECK(ids_of_extremes<std::int16_t>() == Ids{"-32768", "32767"});
  CHECK(ids_of_extremes<std::uint16_t>() == Ids{"0", "65535"});
  CHECK(ids_of_extremes<std::int32_t>() == Ids{"-2147483648", "2147483647"});
  CHECK(ids_of_extremes<std::uint32_t>() == Ids{"0", "4294967295"});
  CHECK(ids_of_extremes<long>() == Ids{"-9223372036854775808", "9223372036854775807"});
  CHECK(ids_of_extremes<long long>() == Ids{"-9223372036854775808", "9223372036854775807"});
  CHECK(ids_of_extremes<unsigned long long>() == Ids{"0", "18446744073709551615"});
}

TEST_CASE("the first element of a pair, tuple or array is the id") {
  CHECK(ids_of(std::vector<std::pair<std::string, double>>{{"a", 1.5}}) == Ids{R"("a")"});
  CHECK(ids_of(std::vector<std::pair<int, std::string>>{{7, "a"}}) == Ids{"7"});
  CHECK(ids_of(std::vector<std::tuple<std::filesystem::path, int, int>>{{"p", 1, 2}}) == Ids{R"("p")"});
  CHECK(ids_of(std::vector<std::tuple<int>>{{3}}) == Ids{"3"});
  CHECK(ids_of(std::vector<std::array<int, 2>>{{5, 6}}) == Ids{"5"});
}

TEST_CASE("a JSON object gives its key field, a string or an integer") {
  const TempDir dir;
  std::vector<pr::Json> items{pr::Json::parse(R"({"text":"x","id":"a"})"),
                              pr::Json::parse(R"({"id":12345678901234567890123})"), pr::Json::parse(R"({"id":-0})")};
  CHECK(ids_of(items) == Ids{R"("a")", "12345678901234567890123", "0"});
  pr::Options options = keeping(dir / "r.jsonl");
  options.key_field = "text";
  pr::map(kNothing, std::vector{items[0]}, options);
  CHECK(lines_in(dir / "r.jsonl") == Ids{R"({"text":"x"})"});
}

TEST_CASE("a struct gives its member id, or what pararun_key returns for it") {
  CHECK(ids_of(std::vector<shop::Page>{{"front", 3}}) == Ids{R"("front")"});
  CHECK(ids_of(std::vector<shop::Row>{{"a", 2026}}) == Ids{R"("a/2026")"});
  CHECK(ids_of(std::vector<shop::Numbered>{{7}}) == Ids{"1007"});
}

TEST_CASE("keyed overrides every other rule, with a function, a member or a member function") {
  const std::vector<std::string> names{"a", "bb"};
  CHECK(ids_of(names | pr::keyed(&std::string::size)) == Ids{"1", "2"});
  CHECK(ids_of(names | pr::keyed([](const std::string& name) { return "<" + name + ">"; })) ==
        Ids{R"("<a>")", R"("<bb>")"});
  CHECK(ids_of(std::vector<shop::Page>{{"front", 3}} | pr::keyed(&shop::Page::size)) == Ids{"3"});
  CHECK(ids_of(std::vector<shop::Numbered>{{7}} | pr::keyed(&shop::Numbered::id)) == Ids{"7"});
  CHECK(ids_of(std::vector<shop::Anonymous>{{7}} | pr::keyed(&shop::Anonymous::value)) == Ids{"7"});
  auto holding = [scale = std::make_unique<int>(10)](const shop::Anonymous& item) { return item.value * *scale; };
  CHECK(ids_of(std::vector<shop::Anonymous>{{7}} | pr::keyed(std::move(holding))) == Ids{"70"});
}

TEST_CASE("any kind of input can be keyed") {
  const auto made = [](int count) -> pr::generator<shop::Anonymous> {
    for (int i = 0; i < count; ++i) co_yield shop::Anonymous{i};
  };
  CHECK(ids_of(made(2) | pr::keyed(&shop::Anonymous::value)) == Ids{"0", "1"});
  CHECK(ids_of([left = 2]() mutable -> std::optional<shop::Anonymous> {
          if (left == 0) return std::nullopt;
          return shop::Anonymous{left--};
        } | pr::keyed(&shop::Anonymous::value)) == Ids{"2", "1"});
  const shop::Anonymous array[] = {{4}, {3}};
  CHECK(ids_of(array | pr::keyed(&shop::Anonymous::value)) == Ids{"4", "3"});
  CHECK(ids_of(std::views::iota(5, 7) | std::views::transform([](int i) { return i * 0.5; }) | pr::numbered()) ==
        Ids{"0", "1"});
}

TEST_CASE("numbered gives each item its position") {
  CHECK(ids_of(std::vector<shop::Anonymous>(3) | pr::numbered()) == Ids{"0", "1", "2"});
  CHECK(ids_of(std::vector<std::string>{"x", "x"} | pr::numbered()) == Ids{"0", "1"});
}

TEST_CASE("keyed items that the caller keeps can be run again") {
  const TempDir dir;
  const std::vector<shop::Anonymous> items(3);
  auto numbered = items | pr::numbered();
  CHECK(pr::map(kNothing, numbered, keeping(dir / "r.jsonl")).succeeded == 3);
  CHECK(pr::map(kNothing, numbered, keeping(dir / "r.jsonl")).skipped == 3);
}

TEST_CASE("positions count every item of the input, also those that are bad") {
  const TempDir dir;
  write_file(dir / "in.jsonl", "{\"n\":0}\noops\n{\"n\":2}\n");
  pr::map([](const pr::Json& item) { return item["n"]; }, pr::jsonl(dir / "in.jsonl") | pr::numbered(),
          keeping(dir / "r.jsonl"));
  CHECK(lines_in(dir / "r.jsonl") == Ids{R"({"id":0,"result":0})", R"({"id":2,"result":2})"});
}

TEST_CASE("a type without an id and a results file is refused with the ways out") {
  const std::string message = refusal_of(std::vector<shop::Anonymous>(1));
  CHECK_THAT(message, Catch::Contains("shop::Anonymous"));
  for (const char* way : {"`id`", "pararun_key", "keyed", "numbered"}) CHECK_THAT(message, Catch::Contains(way));
  refusal_of(std::vector<double>{1.5});
  refusal_of(std::vector<bool>{true});
  refusal_of(std::vector<char>{'a'});
  refusal_of(std::vector<wchar_t>{L'a'});
  refusal_of(std::vector<std::tuple<>>(1));
  refusal_of(std::vector<std::array<int, 0>>(1));
  refusal_of(std::vector<std::pair<double, int>>(1));
}

TEST_CASE("a type without an id does well without a results file") {
  CHECK(pr::map(kNothing, std::vector<shop::Anonymous>(3), {.progress = pr::Progress::none}).succeeded == 3);
}

TEST_CASE("a string and an integer are different ids") {
  const TempDir dir;
  CHECK(pr::map(kNothing, std::vector<std::string>{"1"}, keeping(dir / "r.jsonl")).succeeded == 1);
  const pr::Report report = pr::map(kNothing, std::vector<int>{1}, keeping(dir / "r.jsonl"));
  CHECK(report.succeeded == 1);
  CHECK(report.skipped == 0);
  CHECK(ids_in(dir / "r.jsonl") == Ids{R"("1")", "1"});
}

TEST_CASE("an id met twice in one run is run once, and the others are duplicates") {
  const TempDir dir;
  std::atomic<int> calls{0};
  pr::Options options = keeping(dir / "r.jsonl");
  options.batch = GENERATE(0U, 1U, 16U);
  const std::vector<std::string> items{"a", "b", "a", "a", "b"};
  const pr::Report report = pr::map([&](const std::string&) { ++calls; }, items, options);
  CHECK(calls == 2);
  CHECK(report.duplicates == 3);
  CHECK(report.succeeded == 2);
  check_sums(report);
  CHECK(ids_in(dir / "r.jsonl") == Ids{R"("a")", R"("b")"});
  CHECK(report.exit_code() == 0);
}

TEST_CASE("of the items of an id it is the first in the input that is run, whichever worker comes first") {
  // Those of an id are never in the same batch, and often in batches that are pulled right after one another.
  constexpr int kIds = 20'000;
  constexpr int kApart = 40;
  std::vector<std::pair<int, bool>> items;
  for (int begin = 0; begin < kIds; begin += kApart) {
    for (const bool first : {true, false}) {
      for (int id = begin; id < begin + kApart; ++id) items.emplace_back(id, first);
    }
  }
  const TempDir dir;
  std::atomic<int> others{0};
  pr::Options options = keeping(dir / "r.jsonl");
  options.n_workers = 4;
  options.batch = GENERATE(1U, 8U, 40U);
  const pr::Report report = pr::map([&](const std::pair<int, bool>& item) { others += !item.second; }, items, options);
  CHECK(others == 0);
  CHECK(report.succeeded == kIds);
  CHECK(report.duplicates == kIds);
}

TEST_CASE("an id met again is a duplicate although the first one failed") {
  const TempDir dir;
  std::atomic<int> calls{0};
  const pr::Report report = pr::map(
      [&](const std::string&) {
        ++calls;
        throw std::runtime_error("no");
      },
      std::vector<std::string>{"a", "a"}, keeping(dir / "r.jsonl"));
  CHECK(calls == 1);
  CHECK(report.duplicates == 1);
  CHECK(report.failed == 1);
  check_sums(report);
}

TEST_CASE("an id that an earlier run settled is skipped each time it is met") {
  const TempDir dir;
  pr::map(kNothing, std::vector<std::string>{"a"}, keeping(dir / "r.jsonl"));
  const pr::Report report = pr::map(kNothing, std::vector<std::string>{"a", "b", "a", "b"}, keeping(dir / "r.jsonl"));
  CHECK(report.skipped == 2);
  CHECK(report.succeeded == 1);
  CHECK(report.duplicates == 1);
  check_sums(report);
}

TEST_CASE("the projection of keyed is called once for each item, by one thread at a time, and not without a file") {
  const TempDir dir;
  int calls = 0;  // not atomic: ThreadSanitizer watches
  const auto items = std::vector<int>{1, 2, 3, 4} | pr::keyed([&](int item) {
                       ++calls;
                       return item;
                     });
  pr::map(kNothing, items, {.n_workers = 4, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  CHECK(calls == 4);
  pr::map(kNothing, items, {.progress = pr::Progress::none});
  CHECK(calls == 4);
}
