#include <pararun/json_writer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <pararun/json.hpp>

namespace pr = pararun;

namespace {

template <class T>
std::string written(const T& value) {
  std::string text;
  pr::JsonWriter json(text);
  json.value(value);
  CHECK(json.complete());
  return text;
}

template <class Write>
std::string refusal(Write write) {
  std::string text;
  pr::JsonWriter json(text);
  try {
    write(json);
  } catch (const pr::BadResult& error) {
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace

namespace shop {

struct Price {
  double amount;
};
PARARUN_JSON(Price, amount)

struct Product {
  std::string name;
  Price price;
  std::vector<Price> history;
  std::optional<int> stock;
};
PARARUN_JSON(Product, name, price, history, stock)

struct Matrix {
  int rows = 2, columns = 1;
};
void write_json(pr::JsonWriter& json, const Matrix& matrix) { json.value(std::pair(matrix.rows, matrix.columns)); }

enum class Colour { red = 1, green = 2 };
enum class Named { yes };
void write_json(pr::JsonWriter& json, Named) { json.string("yes"); }

struct Wide {
  int f01 = 1, f02 = 2, f03 = 3, f04 = 4, f05 = 5, f06 = 6, f07 = 7, f08 = 8, f09 = 9, f10 = 10;
  int f11 = 11, f12 = 12, f13 = 13, f14 = 14, f15 = 15, f16 = 16, f17 = 17, f18 = 18, f19 = 19, f20 = 20;
  int f21 = 21, f22 = 22, f23 = 23, f24 = 24, f25 = 25, f26 = 26, f27 = 27, f28 = 28, f29 = 29, f30 = 30;
};
PARARUN_JSON(Wide, f01, f02, f03, f04, f05, f06, f07, f08, f09, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20,
             f21, f22, f23, f24, f25, f26, f27, f28, f29, f30)

struct Widest {
  int a = 1;
};
PARARUN_JSON(Widest, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a,
             a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a,
             a, a, a, a, a, a, a, a, a, a, a)

struct Unwritable {};

}  // namespace shop

static_assert(!pr::JsonWritable<shop::Unwritable>);
static_assert(!pr::JsonWritable<int*>);

TEST_CASE("every kind of result has its JSON") {
  CHECK(written(true) == "true");
  CHECK(written(false) == "false");
  CHECK(written(nullptr) == "null");
  CHECK(written(0) == "0");
  CHECK(written(std::int8_t{-128}) == "-128");
  CHECK(written(std::uint8_t{255}) == "255");
  CHECK(written(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(written(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(written('x') == R"("x")");
  CHECK(written("literal") == R"("literal")");
  CHECK(written(std::string("string")) == R"("string")");
  CHECK(written(std::string_view("view")) == R"("view")");
  CHECK(written(std::filesystem::path("a/b.txt")) == R"("a/b.txt")");
  CHECK(written(std::optional<int>(3)) == "3");
  CHECK(written(std::optional<int>()) == "null");
  CHECK(written(std::nullopt) == "null");
  CHECK(written(std::pair("a", 1)) == R"(["a",1])");
  CHECK(written(std::tuple(1, 2.5, "x", true)) == R"([1,2.5,"x",true])");
  CHECK(written(std::tuple<>()) == "[]");
  CHECK(written(pr::Json::parse(R"({"a":[1,null]})")) == R"({"a":[1,null]})");
  CHECK(written(shop::Colour::green) == "2");
  CHECK(written(shop::Named::yes) == R"("yes")");
  CHECK(written(shop::Matrix()) == "[2,1]");
}

TEST_CASE("ranges are arrays and maps are objects") {
  CHECK(written(std::vector<int>{1, 2, 3}) == "[1,2,3]");
  CHECK(written(std::vector<int>()) == "[]");
  CHECK(written(std::vector<bool>{true, false}) == "[true,false]");
  CHECK(written(std::array<const char*, 2>{"a", "b"}) == R"(["a","b"])");
  CHECK(written(std::list<std::string>{"x"}) == R"(["x"])");
  CHECK(written(std::deque<std::optional<int>>{1, {}}) == "[1,null]");
  CHECK(written(std::set<int>{2, 1}) == "[1,2]");
  CHECK(written(std::vector<std::vector<int>>{{1}, {}}) == "[[1],[]]");
  const std::vector<int> numbers{4, 5};
  CHECK(written(std::span(numbers)) == "[4,5]");
  CHECK(written(numbers | std::views::transform([](int i) { return i * 2; })) == "[8,10]");
  CHECK(written(std::map<std::string, int>{{"a", 1}, {"b", 2}}) == R"({"a":1,"b":2})");
  CHECK(written(std::map<int, bool>{{-7, true}}) == R"({"-7":true})");
  CHECK(written(std::unordered_map<std::string, std::vector<int>>{{"k", {1}}}) == R"({"k":[1]})");
  CHECK(written(std::map<std::pair<int, int>, int>{{{1, 2}, 3}}) == "[[[1,2],3]]");
}

TEST_CASE("object takes names and values") {
  CHECK(written(pr::object()) == "{}");
  const std::string name = "dynamic";
  CHECK(written(pr::object("status", "done", name, 3, "inner", pr::object("list", std::vector{1, 2}), "none",
                           std::nullopt)) == R"({"status":"done","dynamic":3,"inner":{"list":[1,2]},"none":null})");
}

TEST_CASE("PARARUN_JSON writes the named fields in order, nested ones too") {
  CHECK(written(shop::Price{1.5}) == R"({"amount":1.5})");
  CHECK(written(shop::Product{"pen", {2}, {{1}, {1.5}}, std::nullopt}) ==
        R"({"name":"pen","price":{"amount":2.0},"history":[{"amount":1.0},{"amount":1.5}],"stock":null})");
  CHECK(written(std::vector{shop::Price{1}}) == R"([{"amount":1.0}])");
}

TEST_CASE("PARARUN_JSON takes 30 fields, and 80") {
  const pr::Json wide = pr::Json::parse(written(shop::Wide()));
  CHECK(wide.size() == 30);
  CHECK(wide["f01"] == 1);
  CHECK(wide["f30"] == 30);
  const std::string widest = written(shop::Widest());
  CHECK(std::count(widest.begin(), widest.end(), ':') == 80);
}

TEST_CASE("doubles are written so that they stay doubles") {
  CHECK(written(1.0) == "1.0");
  CHECK(written(-0.0) == "-0.0");
  CHECK(written(0.1) == "0.1");
  CHECK(written(1e22) == "1e+22");
  CHECK(written(5e-324) == "5e-324");
  CHECK(written(std::numeric_limits<double>::max()) == "1.7976931348623157e+308");
  CHECK(written(0.1f) == "0.1");
  CHECK(written(16777216.0f) == "16777216.0");
  CHECK(written(0.5L) == "0.5");
  CHECK(written(std::numeric_limits<long double>::denorm_min()).size() < 40);
}

TEST_CASE("random doubles and floats come back bit for bit") {
  std::mt19937_64 random(7);
  bool exact = true;
  std::string text;
  for (int i = 0; i < 200'000; ++i) {
    const auto wide = std::bit_cast<double>(random());
    const auto narrow = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(wide) || !std::isfinite(narrow)) continue;
    text.clear();
    pr::JsonWriter(text).value(wide);
    const pr::Json json = pr::Json::parse(text);
    exact = exact && std::bit_cast<std::uint64_t>(json.get<double>()) == std::bit_cast<std::uint64_t>(wide);
    const pr::Json other = narrow;
    exact = exact && std::bit_cast<std::uint32_t>(other.get<float>()) == std::bit_cast<std::uint32_t>(narrow);
  }
  CHECK(exact);
}

TEST_CASE("what JSON cannot hold is refused and the nearest key named") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(refusal([&](auto& json) { json.value(nan); }) == "result: NaN is no JSON");
  CHECK(refusal([&](auto& json) { json.value(pr::object("a", 1, "score", nan)); }) ==
        R"(result: NaN is no JSON (at or after the key "score"))");
  CHECK(refusal([&](auto& json) {
          json.value(pr::object("x", std::vector{1.0, -infinity}));
        }) == R"(result: an infinity is no JSON (at or after the key "x"))");
  CHECK(refusal([&](auto& json) { json.value(pr::object("text", "\xff")); }) ==
        R"(result: a string is not valid UTF-8 (at or after the key "text"))");
  CHECK(refusal([&](auto& json) { json.value(pr::object("good", 1, "\xff", 1)); }) ==
        R"(result: a key is not valid UTF-8 (at or after the key "good"))");
  CHECK(refusal([&](auto& json) { json.value(std::filesystem::path("caf\xe9")); }) ==
        "result: a string is not valid UTF-8");
  CHECK(refusal([&](auto& json) { json.value('\x80'); }) == "result: a string is not valid UTF-8");
}

TEST_CASE("what is no JSON value is refused and the nearest key named") {
  using Writer = pr::JsonWriter;
  CHECK(refusal([](Writer& json) { json.integer(1).integer(2); }) == "result: a second value follows a whole one");
  CHECK(refusal([](Writer& json) { json.begin_array().end_array().begin_object(); }) ==
        "result: a second value follows a whole one");
  CHECK(refusal([](Writer& json) { json.key("a"); }) == "result: a key stands outside of an object");
  CHECK(refusal([](Writer& json) { json.begin_array().key("a"); }) == "result: a key stands outside of an object");
  CHECK(refusal([](Writer& json) { json.begin_object().integer(1); }) == "result: a value in an object has no key");
  CHECK(refusal([](Writer& json) { json.begin_object().member("a", 1).begin_array(); }) ==
        R"(result: a value in an object has no key (at or after the key "a"))");
  CHECK(refusal([](Writer& json) { json.begin_object().key("a").key("b"); }) ==
        R"(result: a key follows a key (at or after the key "a"))");
  CHECK(refusal([](Writer& json) { json.begin_object().key("a").end_object(); }) ==
        R"(result: a key has no value (at or after the key "a"))");
  CHECK(refusal([](Writer& json) { json.begin_object().end_array(); }) ==
        "result: a bracket is closed that is not open");
  CHECK(refusal([](Writer& json) { json.end_object(); }) == "result: a bracket is closed that is not open");
  CHECK(refusal([](Writer& json) { json.begin_array().end_array().end_array(); }) ==
        "result: a bracket is closed that is not open");
}

TEST_CASE("a value is complete once it is whole, and the writer can be used again") {
  std::string text;
  pr::JsonWriter json(text);
  CHECK_FALSE(json.complete());
  json.begin_object();
  CHECK_FALSE(json.complete());
  json.key("a").begin_array().end_array().end_object();
  CHECK(json.complete());
  text += '\n';
  json.reset();
  CHECK_FALSE(json.complete());
  json.value(2);
  CHECK(json.complete());
  CHECK(text == "{\"a\":[]}\n2");
}

TEST_CASE("after a refusal the writer writes whole values again once it is reset") {
  std::string text;
  pr::JsonWriter json(text);
  CHECK_THROWS_AS(json.value(pr::object("a", std::vector{std::numeric_limits<double>::quiet_NaN()})), pr::BadResult);
  text.clear();
  json.reset();
  json.value(pr::object("a", 1));
  CHECK(text == R"({"a":1})");
}

TEST_CASE("what a refusal has left unfinished cannot be passed off as whole") {
  std::string text;
  pr::JsonWriter json(text);
  const bool in_object = GENERATE(false, true);
  in_object ? json.begin_object().key("a") : json.begin_array().value("a");
  SECTION("a string") { CHECK_THROWS_AS(json.string("\xff"), pr::BadResult); }
  SECTION("a key") {
    if (in_object) json.null();
    if (!in_object) json.begin_object();
    CHECK_THROWS_AS(json.key("\xff"), pr::BadResult);
  }
  CHECK_THROWS_WITH(json.null(), Catch::Contains("after an exception"));
  CHECK_THROWS_AS(json.end_object(), pr::BadResult);
  CHECK_THROWS_AS(json.end_array(), pr::BadResult);
  CHECK_FALSE(json.complete());
  text.clear();
  json.reset();
  json.value(1);
  CHECK(json.complete());
}

TEST_CASE("what is refused before anything of it is written can be replaced") {
  std::string text;
  pr::JsonWriter json(text);
  json.begin_object().key("a");
  CHECK_THROWS_AS(json.real(std::numeric_limits<double>::infinity()), pr::BadResult);
  json.null().end_object();
  CHECK(json.complete());
  CHECK(text == R"({"a":null})");
}

TEST_CASE("the watched member's value is found at the top level only") {
  std::string text = "before ";
  pr::JsonWriter json(text);
  json.watch("id");
  const auto watched = [&](const auto& value) {
    text.resize(7);
    json.reset();
    json.value(value);
    return text.substr(json.watched().begin, json.watched().length);
  };
  CHECK(watched(pr::object("a", 1, "id", "x\n", "b", 2)) == R"("x\n")");
  CHECK(watched(pr::object("id", 17)) == "17");
  CHECK(watched(pr::object("id", pr::object("id", std::vector{1, 2}), "z", 1)) == R"({"id":[1,2]})");
  CHECK(watched(pr::object("id", std::vector<int>())) == "[]");
  CHECK(watched(pr::object("inner", pr::object("id", 1))).empty());
  CHECK(watched(std::vector{pr::object("id", 1)}).empty());
  CHECK(watched(3).empty());
  CHECK_THROWS_WITH(watched(pr::object("id", 1, "id", 1)), Catch::Contains("written twice"));
}
