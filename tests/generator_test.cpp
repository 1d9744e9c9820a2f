#include <pararun/generator.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pr = pararun;

namespace {

static_assert(std::ranges::input_range<pr::generator<std::string>> && std::ranges::view<pr::generator<std::string>>);
static_assert(!std::ranges::forward_range<pr::generator<int>>);
static_assert(!std::copyable<pr::generator<int>> && std::movable<pr::generator<int>>);
static_assert(std::same_as<std::ranges::range_reference_t<pr::generator<int>>, int&&>);
static_assert(std::same_as<std::ranges::range_reference_t<pr::generator<const int&>>, const int&>);
static_assert(std::same_as<std::ranges::range_value_t<pr::generator<const int&>>, int>);

/// Counts how many of it are alive and how often it was copied.
struct Counted {
  explicit Counted(int number) : value(number) { ++alive; }
  Counted(const Counted& other) : value(other.value) {
    ++alive;
    ++copies;
  }
  Counted(Counted&& other) noexcept : value(std::exchange(other.value, -1)) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }

  int value;
  static inline int alive = 0;
  static inline int copies = 0;
};

pr::generator<int> count_to(int last) {
  for (int i = 1; i <= last; ++i) co_yield i;
}

template <class T>
std::vector<T> collected(pr::generator<T> items) {
  std::vector<T> result;
  for (auto&& item : items) result.push_back(std::forward<decltype(item)>(item));
  return result;
}

}  // namespace

TEST_CASE("a generator gives what it yields, in order") {
  CHECK(collected(count_to(3)) == std::vector{1, 2, 3});
  CHECK(collected(count_to(0)).empty());
}

TEST_CASE("variables, temporaries and what converts can be yielded") {
  const auto words = []() -> pr::generator<std::string> {
    std::string word = "a word that is too long to be short";
    co_yield word;
    co_yield word + "!";
    co_yield "literal";
    co_yield std::move(word);
    const std::string constant = "constant";
    co_yield constant;
  };
  CHECK(collected(words()) == std::vector<std::string>{"a word that is too long to be short",
                                                       "a word that is too long to be short!", "literal",
                                                       "a word that is too long to be short", "constant"});
}

TEST_CASE("moving an item out of the generator leaves the coroutine's variable alone") {
  const auto words = []() -> pr::generator<std::string> {
    std::string word = "a word that is too long to be short";
    co_yield word;
    co_yield word;
  };
  const auto both = collected(words());
  CHECK(both[0] == both[1]);
}

TEST_CASE("items that can only be moved are moved") {
  const auto pointers = []() -> pr::generator<std::unique_ptr<int>> {
    auto pointer = std::make_unique<int>(1);
    co_yield std::move(pointer);
    co_yield std::make_unique<int>(2);
  };
  const auto all = collected(pointers());
  REQUIRE(all.size() == 2);
  CHECK(*all[0] + *all[1] == 3);
}

TEST_CASE("a generator of references copies nothing") {
  Counted::copies = 0;
  const auto references = []() -> pr::generator<const Counted&> {
    const Counted variable(1);
    co_yield variable;
    co_yield Counted(2);
  };
  int sum = 0;
  for (const Counted& item : references()) sum += item.value;
  CHECK(sum == 3);
  CHECK(Counted::copies == 0);
  CHECK(Counted::alive == 0);
}

TEST_CASE("through a generator of references the coroutine's variable can be changed") {
  int seen = 0;
  const auto numbers = [](int& out) -> pr::generator<int&> {
    int number = 1;
    co_yield number;
    out = number;
  };
  for (int& number : numbers(seen)) number = 5;
  CHECK(seen == 5);
}

TEST_CASE("nothing runs before the first item is asked for") {
  bool started = false;
  const auto lazy = [](bool& flag) -> pr::generator<int> {
    flag = true;
    co_yield 1;
  };
  auto generator = lazy(started);
  CHECK_FALSE(started);
  CHECK(*generator.begin() == 1);
  CHECK(started);
}

TEST_CASE("an exception comes out where the item was asked for") {
  const auto failing = [](int after) -> pr::generator<int> {
    const Counted guard(0);
    for (int i = 0; i < after; ++i) co_yield i;
    throw std::runtime_error("no more");
  };
  auto at_once = failing(0);
  CHECK_THROWS_WITH(at_once.begin(), "no more");
  auto later = failing(2);
  auto at = later.begin();
  ++at;
  CHECK(*at == 1);
  CHECK_THROWS_WITH(++at, "no more");
  CHECK((at == later.end()));
  CHECK(Counted::alive == 0);
}

TEST_CASE("a generator that is abandoned half-way destroys its variables and its pending item") {
  Counted::copies = 0;
  {
    const auto items = [](Counted parameter) -> pr::generator<Counted> {
      Counted variable(parameter.value);
      for (;;) {
        co_yield variable;
        co_yield Counted(3);
      }
    };
    auto never_started = items(Counted(1));
    auto at_a_variable = items(Counted(1));
    at_a_variable.begin();
    auto at_a_temporary = items(Counted(1));
    auto at = at_a_temporary.begin();
    ++at;
    CHECK((*at).value == 3);
    CHECK(Counted::alive > 0);
  }
  CHECK(Counted::alive == 0);
  CHECK(Counted::copies == 2);
}

TEST_CASE("a moved generator goes on where it was") {
  auto first = count_to(3);
  auto at = first.begin();
  ++at;
  auto second = std::move(first);
  CHECK(*at == 2);
  ++at;
  CHECK(*at == 3);
  second = count_to(1);
  CHECK(*second.begin() == 1);
}

TEST_CASE("a generator can be piped into views") {
  std::vector<int> even;
  for (int number : count_to(6) | std::views::filter([](int i) { return i % 2 == 0; }) | std::views::take(2)) {
    even.push_back(number);
  }
  CHECK(even == std::vector{2, 4});
}
