#include <pararun/json.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <vector>

namespace pr = pararun;
using pr::Json;

namespace {

static_assert(std::regular<Json>);
static_assert(std::is_nothrow_move_constructible_v<Json> && std::is_nothrow_move_assignable_v<Json>);
static_assert(std::is_convertible_v<const char*, Json> && std::is_convertible_v<double, Json>);
static_assert(std::is_constructible_v<Json, std::vector<int>> && !std::is_convertible_v<std::vector<int>, Json>);
static_assert(!std::is_constructible_v<Json, int*>);
static_assert(pr::JsonWritable<std::vector<std::map<std::string, Json>>>);
static_assert(pr::JsonWritable<std::optional<Json>> && pr::JsonWritable<std::tuple<Json>>);
static_assert(std::regular<std::vector<Json>> && std::regular<std::optional<Json>> && std::regular<std::tuple<Json>>);

template <class Action>
std::string problem(Action action) {
  try {
    action();
  } catch (const pr::JsonError& error) {
    return error.what();
  }
  return "no JsonError";
}

}  // namespace

TEST_CASE("an item is read, changed and given back") {
  Json item = Json::parse(R"({"id": "a", "text": "  Hello ", "score": 1.10, "tags": ["x", "y"]})");
  CHECK(item["text"] == "  Hello ");
  CHECK(item.get<std::string>("text") == "  Hello ");
  item.set("text", "Hello").set("words", 1).set("tags", std::vector<std::string>{"z"});
  item["score"] = 2;
  CHECK(item.dump() == R"({"id":"a","text":"Hello","score":2,"tags":["z"],"words":1})");
}

TEST_CASE("values are made from what they hold") {
  CHECK(Json().is_null());
  CHECK(Json(nullptr).is_null());
  CHECK(Json(true).dump() == "true");
  CHECK(Json(-3).dump() == "-3");
  CHECK(Json(std::numeric_limits<std::uint64_t>::max()).dump() == "18446744073709551615");
  CHECK(Json(1.0).dump() == "1.0");
  CHECK(Json("text").dump() == R"("text")");
  CHECK(Json(std::string(100, 'x')).get<std::string>() == std::string(100, 'x'));
  CHECK(Json(std::string_view("view")).is_string());
  CHECK(Json(std::filesystem::path("a/b")).dump() == R"("a/b")");
  CHECK(Json(std::vector{1, 2}).dump() == "[1,2]");
  CHECK(Json(std::optional<int>()).is_null());
  CHECK(Json(std::map<std::string, Json>{{"a", 1}}).dump() == R"({"a":1})");
  CHECK(Json(pr::object("a", pr::object("b", 1))).dump() == R"({"a":{"b":1}})");
  CHECK(Json::object().dump() == "{}");
  CHECK(Json::array().dump() == "[]");
  CHECK_THROWS_AS(Json(std::numeric_limits<double>::quiet_NaN()), pr::BadResult);
  CHECK_THROWS_AS(Json(std::vector{std::numeric_limits<double>::infinity()}), pr::BadResult);
}

TEST_CASE("values say what they are") {
  const Json values = Json::parse(R"([null, true, 1, 1.0, "s", [], {}])");
  std::string kinds;
  for (const Json& value : values.elements()) {
    kinds += value.is_null() ? 'n' : value.is_bool() ? 'b' : value.is_string() ? 's' : '-';
    kinds += value.is_number() ? 'N' : value.is_array() ? 'A' : value.is_object() ? 'O' : '-';
    kinds += value.is_integer() ? 'i' : '-';
  }
  CHECK(kinds == "n--b---Ni-N-s---A--O-");
  CHECK(Json::parse("123456789012345678901234567890").is_integer());
  CHECK_FALSE(Json::parse("1e2").is_integer());
  CHECK_FALSE(Json::parse("1E2").is_integer());
}

TEST_CASE("values are had as the type that is asked for") {
  const Json item = Json::parse(
      R"({"b": true, "i": -7, "d": 0.1, "s": "text", "n": null, "v": [1, 2], "m": {"x": 1, "y": 2}, "o": [null, 3]})");
  CHECK(item.get<bool>("b"));
  CHECK(item.get<int>("i") == -7);
  CHECK(item.get<std::int8_t>("i") == -7);
  CHECK(item.get<double>("d") == 0.1);
  CHECK(item.get<float>("d") == 0.1f);
  CHECK(item.get<double>("i") == -7.0);
  CHECK(item.get<std::string>("s") == "text");
  CHECK(item.get<std::string_view>("s") == "text");
  CHECK(item.get<std::filesystem::path>("s") == "text");
  CHECK(item.get<std::optional<int>>("i") == -7);
  CHECK(item.get<std::optional<int>>("n") == std::nullopt);
  CHECK(item.get<std::optional<int>>("missing") == std::nullopt);
  CHECK(item.get<std::vector<int>>("v") == std::vector{1, 2});
  CHECK(item.get<std::vector<double>>("v") == std::vector{1.0, 2.0});
  CHECK(item.get<std::vector<std::optional<int>>>("o") == std::vector<std::optional<int>>{{}, 3});
  CHECK(item.get<std::map<std::string, int>>("m") == std::map<std::string, int>{{"x", 1}, {"y", 2}});
  CHECK(item.get<Json>("m") == item["m"]);
  CHECK(item["s"].get<std::string>() == "text");
}

TEST_CASE("a default stands for what is missing or null, and for nothing else") {
  const Json item = Json::parse(R"({"text": "a", "none": null})");
  CHECK(item.get_or("text", "default") == "a");
  CHECK(item.get_or("none", "default") == "default");
  CHECK(item.get_or("missing", std::string("default")) == "default");
  CHECK(item.get_or("missing", 3) == 3);
  static_assert(std::is_same_v<decltype(item.get_or("k", "literal")), std::string>);
  CHECK(problem([&] { item.get_or("text", 3); }) == R"(field "text": is a string, not an integer)");
}

TEST_CASE("a missing or mistyped field is named") {
  Json item = Json::parse(R"({"text": 3, "ratio": 1.5, "tags": ["a", 1], "user": {"name": null}, "list": []})");
  CHECK(problem([&] { item["title"]; }) == R"(field "title": is missing)");
  CHECK(problem([&] { std::as_const(item)["title"]; }) == R"(field "title": is missing)");
  CHECK(problem([&] { item.get<int>("title"); }) == R"(field "title": is missing)");
  CHECK(problem([&] { item.get<std::string>("text"); }) == R"(field "text": is a number, not a string)");
  CHECK(problem([&] { item.get<bool>("text"); }) == R"(field "text": is a number, not a boolean)");
  CHECK(problem([&] { item.get<int>("ratio"); }) == R"(field "ratio": is 1.5, not an integer)");
  CHECK(problem([&] { item.get<int>("tags"); }) == R"(field "tags": is an array, not an integer)");
  CHECK(problem([&] { item.get<double>("user"); }) == R"(field "user": is an object, not a number)");
  CHECK(problem([&] { item.get<std::vector<std::string>>("tags"); }) ==
        R"(field "tags": element 1: is a number, not a string)");
  CHECK(problem([&] { item.get<std::vector<int>>("text"); }) == R"(field "text": is a number, not an array)");
  CHECK(problem([&] { item.get<std::map<std::string, int>>("user"); }) ==
        R"(field "user": field "name": is null, not an integer)");
  CHECK(problem([&] { item.get<std::optional<int>>("list"); }) == R"(field "list": is an array, not an integer)");
  CHECK(problem([&] { item["user"].get<std::string>("name"); }) == R"(field "name": is null, not a string)");
  CHECK(problem([&] { item["text"]["inner"]; }) ==
        R"(field "inner": the value that should hold it is a number, not an object)");
  CHECK(problem([&] { item["text"].set("inner", 1); }) ==
        R"(field "inner": the value that should hold it is a number, not an object)");
  CHECK(problem([&] { item["tags"][2]; }) == "element 2: is missing, there are 2");
  CHECK(problem([&] { item["text"][0]; }) == "is a number, not an array");
  CHECK(problem([&] { item["text"].push_back(1); }) == "is a number, not an array");
  CHECK(problem([&] { item["text"].size(); }) == "is a number, not an array or an object");
  CHECK(problem([&] { item["text"].members(); }) == "is a number, not an object");
  CHECK(problem([&] { item.elements(); }) == "is an object, not an array");
  CHECK(item.find("title") == nullptr);
  CHECK(item["text"].find("inner") == nullptr);
}

TEST_CASE("integers must fit exactly") {
  const auto as = [](auto example, const char* text) {
    return problem([&] { static_cast<void>(Json::parse(text).get<decltype(example)>()); });
  };
  CHECK(as(std::int8_t{}, "128") == "is 128, which is not in -128 to 127");
  CHECK(as(std::uint8_t{}, "-1") == "is -1, which is not in 0 to 255");
  CHECK(as(std::uint64_t{}, "18446744073709551616") ==
        "is 18446744073709551616, which is not in 0 to 18446744073709551615");
  CHECK(as(std::int64_t{}, "1e2") == "is 1e2, not an integer");
  CHECK(as(int{}, "1.0") == "is 1.0, not an integer");
  CHECK(as(int{}, ("1" + std::string(60, '0')).c_str()).starts_with("is 1" + std::string(39, '0') + "..., which"));
  CHECK(Json::parse("-128").get<std::int8_t>() == -128);
  CHECK(Json::parse("-9223372036854775808").get<std::int64_t>() == std::numeric_limits<std::int64_t>::min());
  CHECK(Json::parse("18446744073709551615").get<std::uint64_t>() == std::numeric_limits<std::uint64_t>::max());
  CHECK(Json::parse("-0").get<int>() == 0);
  CHECK(Json::parse("-0").get<unsigned>() == 0);
}

TEST_CASE("floating-point numbers are the nearest ones, and never infinite") {
  CHECK(Json::parse("1e-400").get<double>() == 0);
  CHECK(std::signbit(Json::parse("-1e-400").get<double>()));
  CHECK(Json::parse("1e-99999999999999999999").get<double>() == 0);
  CHECK(Json::parse("0.00000000000000000000000000000000000000000000000000001e-350").get<double>() == 0);
  CHECK(Json::parse("1e-60").get<float>() == 0);
  CHECK(Json::parse("0e99999999999999999999").get<double>() == 0);
  CHECK(Json::parse("5e-324").get<double>() == 5e-324);
  CHECK(problem([] { Json::parse("1e400").get<double>(); }) == "is 1e400, too large for a double");
  CHECK(problem([] { Json::parse("-1e99999999999999999999").get<double>(); }) ==
        "is -1e99999999999999999999, too large for a double");
  CHECK(problem([] { Json::parse("1e39").get<float>(); }) == "is 1e39, too large for a float");
  CHECK(problem([] { Json::parse(std::string(400, '9')).get<double>(); }).ends_with("too large for a double"));
}

TEST_CASE("numbers keep the text they were written with") {
  const std::string text = GENERATE(as<std::string>(), "1.10", "1e400", "-1E-400", "1180591620717411303424", "-0",
                                    "0.10000000000000000000000000000000000001", "1.00000000001e-2147483638", "0e0");
  CHECK(Json::parse(text).dump() == text);
  CHECK(Json::parse(text).number_text() == text);
  Json item = Json::parse(R"({"a":)" + text + R"(,"b":1})");
  item.set("b", 2);
  CHECK(item.dump() == R"({"a":)" + text + R"(,"b":2})");
}

TEST_CASE("members keep their order when they are set, added and erased") {
  Json item = Json::parse(R"({"z": 1, "a": 2, "m": 3})");
  item.set("a", "new").set("b", nullptr);
  CHECK(item.dump() == R"({"z":1,"a":"new","m":3,"b":null})");
  CHECK(item.erase("m"));
  CHECK_FALSE(item.erase("m"));
  CHECK(item.contains("a"));
  CHECK_FALSE(item.contains("m"));
  CHECK(item.size() == 3);
  CHECK(item.dump() == R"({"z":1,"a":"new","b":null})");
}

TEST_CASE("null becomes what is added to it") {
  Json item;
  item.set("list", nullptr);
  item["list"].push_back(1).push_back("two").push_back(Json::object());
  CHECK(item.dump() == R"({"list":[1,"two",{}]})");
  CHECK(item["list"].size() == 3);
  CHECK(item["list"][1] == "two");
}

TEST_CASE("members and elements are gone through in order and can be changed") {
  Json item = Json::parse(R"({"b": [1, 2], "a": "x"})");
  for (auto& [name, value] : item.members()) {
    if (value.is_string()) value = std::string(name) + "!";
  }
  for (Json& element : item["b"].elements()) element = element.get<int>() * 10;
  std::string names;
  for (const auto& [name, value] : std::as_const(item).members()) names += name;
  CHECK(names == "ba");
  CHECK(item.dump() == R"({"b":[10,20],"a":"a!"})");
}

TEST_CASE("a value can be replaced with, and added to, a part of itself") {
  Json item = Json::parse(R"({"inner": {"list": [1, "a long string that is on the heap"]}})");
  Json copy = item;
  copy = copy["inner"];
  CHECK(copy.dump() == R"({"list":[1,"a long string that is on the heap"]})");
  copy = std::move(copy["list"][1]);
  CHECK(copy == "a long string that is on the heap");
  item.set("again", item);
  CHECK(item["again"]["inner"] == item["inner"]);
  item["inner"]["list"].push_back(item["inner"]["list"]);
  CHECK(item["inner"]["list"].size() == 3);
  for (int i = 0; i < 20; ++i) item.set(std::string(item.members()[0].name()) + "+", item.members()[0].name());
  CHECK(item["inner+"] == "inner");
}

TEST_CASE("values live in containers and compare with what they hold") {
  std::vector<Json> values{1, "a", 2.5, true, nullptr};
  values.emplace_back(std::vector{1, 2});
  CHECK(values[0] == 1);
  CHECK("a" == values[1]);
  CHECK(values[2] == 2.5);
  CHECK(values[3] == true);
  CHECK(values[4] == nullptr);
  CHECK(values[5] == Json(std::vector{1, 2}));
  CHECK(values == std::vector<Json>(values));
  CHECK(Json(values).dump() == R"([1,"a",2.5,true,null,[1,2]])");
}

TEST_CASE("copies are independent") {
  Json one = Json::parse(R"({"a": ["a string that is too long to be short", 1]})");
  Json two = one;
  two["a"][0] = "changed";
  CHECK(one["a"][0] == "a string that is too long to be short");
  Json three = std::move(one);
  CHECK(one.is_null());
  CHECK(three != two);
}

TEST_CASE("short and long strings are the same to their users") {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string text(size, 'x');
    const Json json = text;
    const Json copy = json;
    CHECK(copy.get<std::string>() == text);
    CHECK(copy == json);
    CHECK(json != Json(text + "y"));
    CHECK(Json::parse(json.dump()) == json);
    CHECK(Json::object().set(text, 1)[text] == 1);
  }
}

TEST_CASE("equality is that of the values") {
  const auto equal = [](const char* left, const char* right) { return Json::parse(left) == Json::parse(right); };
  CHECK(equal(R"({"a": 1, "b": [true]})", R"({"b": [true], "a": 1})"));
  CHECK_FALSE(equal(R"({"a": 1})", R"({"a": 1, "b": 1})"));
  CHECK_FALSE(equal(R"({"a": 1, "c": 2})", R"({"a": 1, "b": 2})"));
  CHECK_FALSE(equal("[1, 2]", "[2, 1]"));
  CHECK_FALSE(equal("1", R"("1")"));
  CHECK_FALSE(equal("0", "false"));
  CHECK_FALSE(equal("true", "false"));
  CHECK(equal("1.50", "1.5"));
  CHECK(equal("100", "1e2"));
  CHECK(equal("0.00123", "1.23E-3"));
  CHECK(equal("12300", "1.23e+0004"));
  CHECK(equal("-0.0", "0"));
  CHECK(equal("0e5", "0.000"));
  CHECK(equal("1e400", "10e399"));
  CHECK(equal("1e99999999999999999999", "1e99999999999999999999"));
  CHECK_FALSE(equal("1e99999999999999999999", "1e99999999999999999998"));
  CHECK_FALSE(equal("1", "-1"));
  CHECK_FALSE(equal("1", "10"));
  CHECK_FALSE(equal("0.1", "0.01"));
  CHECK_FALSE(equal("100000000000000000000", "100000000000000000001"));
  CHECK(Json(0.5) == 0.5);
  CHECK(3 == Json(3));
}

TEST_CASE("strings that are no UTF-8 can be held but not written") {
  Json item = Json::object().set("name", "caf\xe9");
  CHECK(item.get<std::string>("name") == "caf\xe9");
  CHECK_THROWS_WITH(item.dump(), Catch::Contains(R"("name")"));
}

TEST_CASE("a value prints itself") {
  std::ostringstream out;
  out << Json::parse(R"({"a": [1]})");
  CHECK(out.str() == R"({"a":[1]})");
}

TEST_CASE("a const value is read by many threads at once") {
  const Json item = Json::parse(R"({"a": ["a string that is too long to be short"], "b": 1e2})");
  std::vector<std::jthread> threads;
  std::vector<std::string> texts(4);
  for (std::string& text : texts) {
    threads.emplace_back([&item, &text] {
      for (int i = 0; i < 1000; ++i) text = Json(item).dump();
    });
  }
  threads.clear();
  for (const std::string& text : texts) CHECK(text == item.dump());
}
