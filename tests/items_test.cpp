/// The kinds of input: what may be passed as items, and what becomes of it.
#include <pararun/map.hpp>

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <span>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/counted.hpp"
#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;

namespace {

const pr::Options kQuiet{.n_workers = 2, .progress = pr::Progress::none};

/// Collects the items that a job's function is given.
template <class T>
class Given {
 public:
  void operator()(const T& item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(item);
  }
  std::vector<T> all() const { return sorted(items_); }

 private:
  std::mutex mutex_;
  std::vector<T> items_;
};

template <class T, class Items>
std::vector<T> given_by(Items&& items, const pr::Options& options = kQuiet) {
  Given<T> given;
  pr::map(given, std::forward<Items>(items), options);
  return given.all();
}

std::vector<Counted> counted(Counted::Census& census, int count) {
  std::vector<Counted> items;
  items.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) items.emplace_back(census, i);
  return items;
}

std::optional<int> three_times() {
  static int left = 3;
  if (left == 0) return std::nullopt;
  return left--;
}

pr::generator<int> up_to(int count) {
  for (int i = 0; i < count; ++i) co_yield i;
}

pr::generator<int> failing_at(int end) {
  for (int i = 0; i < end; ++i) co_yield i;
  throw std::runtime_error("the input is gone");
}

/// An item that must not be copied by accident: the text is long.
pr::generator<std::string> texts() {
  for (const char* text : {"b", "a"}) co_yield std::string(100, *text);
}

}  // namespace

TEST_CASE("the elements of a container are neither copied nor moved") {
  Counted::Census census;
  std::vector<Counted> items = counted(census, 100);
  std::atomic<int> sum{0};
  const auto fn = [&](const Counted& item) { sum += item.id; };
  pr::map(fn, items, kQuiet);
  pr::map(fn, std::as_const(items), kQuiet);
  pr::map(fn, std::span(items), kQuiet);
  pr::map(fn, items | std::views::filter([](const Counted& item) { return item.id >= 0; }), kQuiet);
  CHECK(sum == 4 * 4950);
  CHECK(census.copies == 0);
  CHECK(std::ranges::none_of(items, &Counted::moved_from));
}

TEST_CASE("a function by value gets copies of what stays the caller's, and the items of a container given away") {
  Counted::Census census;
  std::vector<Counted> items = counted(census, 100);
  std::atomic<int> sum{0};
  const auto fn = [&](Counted item) { sum += item.id; };
  pr::map(fn, items, kQuiet);
  pr::map(fn, items | std::views::take(100), kQuiet);
  CHECK(census.copies == 200);
  CHECK(std::ranges::none_of(items, &Counted::moved_from));
  pr::map(fn, std::move(items), kQuiet);
  CHECK(sum == 3 * 4950);
  CHECK(census.copies == 200);
}

TEST_CASE("of keyed items that the caller keeps nothing is moved out") {
  Counted::Census census;
  auto items = counted(census, 10) | pr::keyed(&Counted::id);
  const auto fn = [](Counted) {};
  pr::map(fn, items, kQuiet);
  pr::map(fn, std::as_const(items), kQuiet);
  CHECK(std::ranges::none_of(items.items, &Counted::moved_from));
  CHECK(census.copies == 20);
  pr::map(fn, std::move(items), kQuiet);
  CHECK(census.copies == 20);
}

TEST_CASE("any input range will do") {
  const std::vector<int> wanted{0, 1, 2, 3, 4};
  SECTION("a container") { CHECK(given_by<int>(std::vector{4, 3, 2, 1, 0}) == wanted); }
  SECTION("a list") { CHECK(given_by<int>(std::list{0, 1, 2, 3, 4}) == wanted); }
  SECTION("an array") {
    const int items[] = {0, 1, 2, 3, 4};
    CHECK(given_by<int>(items) == wanted);
  }
  SECTION("a view that makes its items") {
    CHECK(given_by<int>(std::views::iota(0, 10) | std::views::transform([](int i) { return i / 2; }) |
                        std::views::filter([n = 0](int) mutable { return n++ % 2 == 0; })) == wanted);
  }
  SECTION("a view without an end, of which some is taken") {
    CHECK(given_by<int>(std::views::iota(0) | std::views::take(5)) == wanted);
  }
  SECTION("a one-pass range") {
    std::istringstream in("3 1 2 0 4");
    CHECK(given_by<int>(std::ranges::istream_view<int>(in)) == wanted);
  }
  SECTION("a generator") { CHECK(given_by<int>(up_to(5)) == wanted); }
  SECTION("a generator that the caller keeps") {
    pr::generator<int> items = up_to(5);
    CHECK(given_by<int>(items) == wanted);
  }
  SECTION("vector<bool>") {
    CHECK(given_by<bool>(std::vector<bool>{true, false, true}) == std::vector<bool>{false, true, true});
  }
}

TEST_CASE("a map's entries are (key, argument) items") {
  const TempDir dir;
  const std::map<std::string, int> items{{"a", 1}, {"b", 2}};
  pr::map([](const std::string&, int value) { return value; }, items,
          {.n_workers = 1, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  CHECK(lines_in(dir / "r.jsonl") == std::vector<std::string>{R"({"id":"a","result":1})", R"({"id":"b","result":2})"});
}

TEST_CASE("a callable gives items until it gives none, and is not asked again") {
  std::atomic<int> asked{0};
  CHECK(given_by<int>([&]() -> std::optional<int> {
          return ++asked <= 5 ? std::optional<int>(asked) : std::nullopt;
        }) == std::vector{1, 2, 3, 4, 5});
  CHECK(asked == 6);
  CHECK(given_by<int>(three_times) == std::vector{1, 2, 3});
  auto only_moved = [left = std::make_unique<int>(2)]() mutable -> std::optional<int> {
    return *left > 0 ? std::optional<int>((*left)--) : std::nullopt;
  };
  CHECK(given_by<int>(only_moved) == std::vector{1, 2});
}

TEST_CASE("items that can only be moved come from a callable too") {
  int left = 3;
  std::atomic<int> sum{0};
  pr::map([&](std::unique_ptr<int> item) { sum += *item; },
          [&]() -> std::optional<std::unique_ptr<int>> {
            if (left == 0) return std::nullopt;
            return std::make_unique<int>(left--);
          },
          kQuiet);
  CHECK(sum == 6);
}

TEST_CASE("what a generator yields is moved, not copied") {
  CHECK(given_by<std::string>(texts()) == std::vector{std::string(100, 'a'), std::string(100, 'b')});
}

TEST_CASE("the sources: lines, JSON Lines, files") {
  const TempDir dir;
  write_file(dir / "in.txt", "one\ntwo\r\nthree");
  CHECK(given_by<std::string>(pr::lines(dir / "in.txt")) == std::vector<std::string>{"one", "three", "two"});
  write_file(dir / "in.jsonl", "{\"n\":1}\n\n{\"n\":2}\n");
  std::atomic<int> sum{0};
  pr::map([&](const pr::Json& item) { sum += item.get<int>("n"); }, pr::jsonl(dir / "in.jsonl"), kQuiet);
  CHECK(sum == 3);
  CHECK(given_by<std::filesystem::path>(pr::files(dir.path(), "*.jsonl")) ==
        std::vector<std::filesystem::path>{dir / "in.jsonl"});
}

TEST_CASE("a source that the caller keeps can be read on after the job has stopped") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  REQUIRE(::write(fds[1], "a\nb\n", 4) == 4);
  pr::Lines source = pr::lines("/proc/self/fd/" + std::to_string(fds[0]));
  std::stop_source stop;
  pr::map([&](const std::string&) { stop.request_stop(); }, source,
          {.n_workers = 1, .stop = stop.get_token(), .progress = pr::Progress::none});
  ::close(fds[0]);
  REQUIRE(::write(fds[1], "c\nd\n", 4) == 4);
  ::close(fds[1]);
  std::vector<std::string> rest;
  while (auto line = source.next()) rest.push_back(*line);
  CHECK(rest == std::vector<std::string>{"b", "c", "d"});
}

TEST_CASE("an input that throws half-way loses nothing: what was pulled is finished and written, then it is rethrown") {
  const TempDir dir;
  const pr::Options options{
      .n_workers = 2, .cache_path = dir / "r.jsonl", .batch = GENERATE(0U, 1U, 64U), .progress = pr::Progress::none};
  const auto run = [&](auto&& items) {
    const auto error = thrown<std::runtime_error>([&] { pr::map([](int) {}, items, options); });
    REQUIRE(error);
    CHECK(error->what() == std::string("the input is gone"));
    std::vector<std::string> wanted;
    for (int i = 0; i < 100; ++i) wanted.push_back(std::to_string(i));
    CHECK(sorted(ids_in(dir / "r.jsonl")) == sorted(wanted));
  };
  SECTION("a generator") { run(failing_at(100)); }
  SECTION("a callable") {
    run([next = 0]() mutable -> std::optional<int> {
      if (next == 100) throw std::runtime_error("the input is gone");
      return next++;
    });
  }
  SECTION("a view") {
    run(std::views::iota(0, 200) | std::views::transform([](int i) {
          if (i == 100) throw std::runtime_error("the input is gone");
          return i;
        }));
  }
}

TEST_CASE("an input that throws something else than a standard exception has it rethrown as it was") {
  CHECK_THROWS_AS(pr::map([](int) {}, []() -> std::optional<int> { throw 42; }, kQuiet), int);
}

TEST_CASE("an input that cannot be read ends the job with its error") {
  const TempDir dir;
  CHECK_THROWS_AS(pr::map([](const std::string&) {}, pr::lines(dir / "missing"), kQuiet), pr::StoreError);
  CHECK_THROWS_AS(pr::map([](const std::filesystem::path&) {}, pr::files(dir / "missing"), kQuiet), pr::StoreError);
  // It can be opened, but has nothing at its beginning.
  const auto error =
      thrown<pr::StoreError>([] { pr::map([](const std::string&) {}, pr::lines("/proc/self/mem"), kQuiet); });
  REQUIRE(error);
  CHECK(error->path() == "/proc/self/mem");
  CHECK(error->error_number() == EIO);
}

namespace shop {

struct Parcel {
  int number;
};
[[maybe_unused]] std::string weight(const Parcel&) { throw std::logic_error("nobody asked for it"); }
[[maybe_unused]] std::string value(const Parcel&) { throw std::logic_error("nobody asked for it"); }

/// As C libraries have them.
struct Handle;
Handle& handle() {
  static int nothing = 0;
  return reinterpret_cast<Handle&>(nothing);
}

/// For structured bindings, but not for std::get.
struct Entry {
  std::string name;
  int count;
};
template <std::size_t I>
const auto& get(const Entry& entry) {
  if constexpr (I == 0) {
    return entry.name;
  } else {
    return entry.count;
  }
}

}  // namespace shop

template <>
struct std::tuple_size<shop::Entry> : std::integral_constant<std::size_t, 2> {};
template <>
struct std::tuple_element<0, shop::Entry> {
  using type = const std::string;
};
template <>
struct std::tuple_element<1, shop::Entry> {
  using type = const int;
};

TEST_CASE("items may have references to what nobody knows, and elements that only bindings find") {
  const auto made = std::views::iota(0, 3) | std::views::transform([](int number) {
                      return std::tuple<shop::Handle&, int>(shop::handle(), number);
                    });
  CHECK(pr::map([](shop::Handle&, int number) { return number; }, made, kQuiet).succeeded == 3);
  const auto fn = [](const shop::Entry& entry) {
    const auto& [name, count] = entry;
    return name.size() + static_cast<std::size_t>(count);
  };
  CHECK(pr::map(fn, std::vector<shop::Entry>{{"a", 1}, {"b", 2}}, kQuiet).succeeded == 2);
}

TEST_CASE("functions beside the items' type are not taken for pararun's own") {
  CHECK(pr::map([](const shop::Parcel& parcel) { return parcel.number; }, std::vector<shop::Parcel>{{1}, {2}}, kQuiet)
            .succeeded == 2);
  const auto made = std::views::iota(0, 3) | std::views::transform([](int number) { return shop::Parcel{number}; });
  CHECK(pr::map([](const shop::Parcel& parcel) { return parcel.number; }, made, kQuiet).succeeded == 3);
}

TEST_CASE("the size of an input is the progress's total, where it is known and none is given") {
  std::optional<std::uint64_t> total;
  pr::Options options{.n_workers = 1, .progress = pr::Progress::none};
  options.on_progress = [&](const pr::ProgressState& state) { total = state.total; };
  SECTION("a sized range") {
    pr::map([](int) {}, std::vector{1, 2, 3}, options);
    CHECK(total == 3U);
  }
  SECTION("a generator") {
    pr::map([](int) {}, up_to(3), options);
    CHECK_FALSE(total);
  }
  SECTION("one that was given") {
    options.total = 7;
    pr::map([](int) {}, std::vector{1, 2, 3}, options);
    CHECK(total == 7U);
  }
}
