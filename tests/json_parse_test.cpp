/// How text becomes a `Json` and text again; RapidJSON is the judge.
#include <pararun/json.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/rapidjson_reference.hpp"

namespace pr = pararun;
using pr::Json;

namespace {

std::string parse_problem(std::string_view text) {
  try {
    Json::parse(text);
  } catch (const pr::JsonError& error) {
    return error.what();
  }
  return "no JsonError";
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

/// Random values, with unusual numbers and strings, and objects whose names differ.
class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : random_(seed) {}

  Json value(int depth = 0) {
    switch (random_() % (depth < 4 ? 7 : 5)) {
      case 0:
        return nullptr;
      case 1:
        return random_() % 2 == 0;
      case 2:
        return Json::parse(number());
      case 3:
      case 4:
        return string();
      case 5: {
        Json array = Json::array();
        for (auto n = random_() % 6; n > 0; --n) array.push_back(value(depth + 1));
        return array;
      }
      default: {
        Json object = Json::object();
        for (auto n = random_() % (depth == 0 ? 60 : 6); n > 0; --n) object.set(string(), value(depth + 1));
        return object;
      }
    }
  }

  std::string string() {
    static const char* const kPieces[] = {"a",  "key", "\"",   "\\", "\n", "\x01", "ä",
                                          "数", "😀",   "\x7f", "/",  " ",  "é\t"};
    std::string text;
    for (auto n = random_() % 12; n > 0; --n) text += kPieces[random_() % std::size(kPieces)];
    if (random_() % 50 == 0) text += '\0';
    return text;
  }

  std::string number() {
    std::string text = random_() % 2 == 0 ? "-" : "";
    text += random_() % 4 == 0 ? "0" : std::to_string(1 + random_() % 1000);
    if (random_() % 8 == 0 && text.back() != '0') text += std::string(random_() % 40, '7');
    if (random_() % 2 == 0) text += "." + std::to_string(random_()) + std::string(random_() % 3, '0');
    if (random_() % 3 == 0) text += random_() % 2 == 0 ? "e-" : "E+";
    if (text.back() == '-' || text.back() == '+') text += "0" + std::to_string(random_() % 700);
    return text;
  }

  std::uint32_t operator()() { return static_cast<std::uint32_t>(random_()); }

 private:
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("malformed text is refused with the offset of what is wrong") {
  CHECK(parse_problem("") == "malformed JSON at byte 0: the text ends too early");
  CHECK(parse_problem("  ") == "malformed JSON at byte 2: the text ends too early");
  CHECK(parse_problem("{\"a\": 1") == "malformed JSON at byte 7: the text ends too early");
  CHECK(parse_problem("{\"a\" 1}") == "malformed JSON at byte 5: a colon is expected");
  CHECK(parse_problem("{\"a\":1 \"b\":2}") == "malformed JSON at byte 7: a comma or a closing brace is expected");
  CHECK(parse_problem("{\"a\":1,}") == "malformed JSON at byte 7: a member's name in quotes is expected");
  CHECK(parse_problem("{a:1}") == "malformed JSON at byte 1: a member's name in quotes is expected");
  CHECK(parse_problem("[1 2]") == "malformed JSON at byte 3: a comma or a closing bracket is expected");
  CHECK(parse_problem("[1,]") == "malformed JSON at byte 3: a value is expected");
  CHECK(parse_problem("tru") == "malformed JSON at byte 3: the text ends too early");
  CHECK(parse_problem("[nul]") == "malformed JSON at byte 4: a value is expected");
  CHECK(parse_problem("NaN") == "malformed JSON at byte 0: a value is expected");
  CHECK(parse_problem("{} x") == "malformed JSON at byte 3: text follows the value");
  CHECK(parse_problem("01") == "malformed JSON at byte 1: text follows the value");
  CHECK(parse_problem("-x") == "malformed JSON at byte 1: a digit is expected");
  CHECK(parse_problem("1.x") == "malformed JSON at byte 2: a digit is expected");
  CHECK(parse_problem("1e+x") == "malformed JSON at byte 3: a digit is expected");
  CHECK(parse_problem("+1") == "malformed JSON at byte 0: a value is expected");
  CHECK(parse_problem("\"a\nb\"") == "malformed JSON at byte 2: a control character in a string");
  CHECK(parse_problem(R"("a\q")") == "malformed JSON at byte 2: a malformed escape");
  CHECK(parse_problem(R"("\u12g4")") == "malformed JSON at byte 1: a malformed escape");
}

TEST_CASE("what other readers let pass is refused") {
  using namespace std::string_literals;
  CHECK(parse_problem("\xef\xbb\xbf{}") == "malformed JSON at byte 0: a byte-order mark");
  CHECK(parse_problem("{\"id\":1}\0garbage"s) == "malformed JSON at byte 8: text follows the value");
  CHECK(parse_problem("\"a\0b\""s) == "malformed JSON at byte 2: a control character in a string");
  CHECK(parse_problem("\"a\xff\"") == "malformed JSON at byte 2: no valid UTF-8");
  CHECK(parse_problem("\"\xed\xa0\x80\"") == "malformed JSON at byte 1: no valid UTF-8");
  CHECK(parse_problem(R"("ab\ud800")") == "malformed JSON at byte 3: half of a surrogate pair");
  CHECK(parse_problem(R"("\udc00")") == "malformed JSON at byte 1: half of a surrogate pair");
  CHECK(parse_problem(R"("\ud800\u0041")") == "malformed JSON at byte 1: half of a surrogate pair");
  CHECK(parse_problem("[1]//") == "malformed JSON at byte 3: text follows the value");
  CHECK(parse_problem("\v1") == "malformed JSON at byte 0: a value is expected");
}

TEST_CASE("escapes are understood") {
  CHECK(Json::parse(R"("\"\\\/\b\f\n\r\t")").get<std::string>() == "\"\\/\b\f\n\r\t");
  CHECK(Json::parse(R"("\u0041\u00e4\u6570\ud83d\ude00\u0000z")").get<std::string>() ==
        std::string("Aä数😀") + '\0' + "z");
  CHECK(Json::parse(R"("\uFFFF\uDBFF\uDFFF\u07ff\u0800")").get<std::string>() ==
        "\xef\xbf\xbf\xf4\x8f\xbf\xbf\xdf\xbf\xe0\xa0\x80");
  CHECK(Json::parse(R"({"\u0069d": 1})")["id"] == 1);
}

TEST_CASE("of members with the same name the last one counts, in the first one's place") {
  CHECK(Json::parse(R"({"a":1,"b":2,"a":3,"c":4,"\u0061":5})").dump() == R"({"a":5,"b":2,"c":4})");
  // Objects with many members are merged in another way.
  const std::size_t count = GENERATE(20u, 24u, 25u, 1000u);
  std::mt19937 random(3);
  std::string text;
  Json expected = Json::object();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "member number " + std::to_string(random() % (count / 2));
    text += (text.empty() ? "{\"" : ",\"") + name + "\":" + std::to_string(i);
    expected.set(name, i);
  }
  CHECK(Json::parse(text + "}").dump() == expected.dump());
}

TEST_CASE("a large object of different names is read in a moment") {
  std::string text = "{\"0\":0";
  for (int i = 1; i < 300'000; ++i) text += ",\"" + std::to_string(i) + "\":0";
  CHECK(Json::parse(text + "}").size() == 300'000);
}

TEST_CASE("nesting is limited when values are read and when they are written") {
  CHECK(Json::parse(nested(1000)).dump() == nested(1000));
  CHECK(parse_problem(nested(1001)) == "malformed JSON at byte 1000: nested deeper than 1000 levels");
  CHECK(parse_problem(std::string(10'000'000, '[')) == "malformed JSON at byte 1000: nested deeper than 1000 levels");
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += R"({"a":)";
  CHECK(Json::parse(objects + "1" + std::string(1000, '}')).is_object());
  CHECK(parse_problem(objects + "{}" + std::string(1000, '}')).ends_with("nested deeper than 1000 levels"));

  Json deep = Json::parse(nested(1000));
  deep = Json::array().push_back(std::move(deep));
  CHECK_THROWS_AS(deep.dump(), pr::BadResult);
}

TEST_CASE("random values come back from their text") {
  RandomJson random(11);
  for (int i = 0; i < 3000; ++i) {
    const Json value = random.value();
    const std::string text = value.dump();
    const Json again = Json::parse(text);
    const Json copy = again;
    if (again != value || again.dump() != text || copy != value) FAIL(text);
    const auto reference = pr::testing::read_with_rapidjson(text);
    if (reference.rewritten != text && !reference.number_too_big && text.find('\0') == text.npos) FAIL(text);
  }
}

TEST_CASE("mutated text is accepted exactly when RapidJSON accepts it, and means the same") {
  RandomJson random(13);
  static const char kBytes[] = "{}[]\",:\\/eE+-.0123456789truefalsn \n\t\x01\x7f\x80\xc3\xbf\xed\xa0\xf0u";
  int accepted = 0;
  for (int i = 0; i < 40'000; ++i) {
    std::string text = random.value(2).dump();
    for (auto n = random() % 4; n > 0 && !text.empty(); --n) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, 1 + random() % 3);
          break;
        case 1:
          text.insert(at, 1, kBytes[random() % (sizeof kBytes - 1)]);
          break;
        case 2:
          text[at] = kBytes[random() % (sizeof kBytes - 1)];
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 8));
      }
    }
    // A buffer of exactly this size, so that reading beyond it is noticed.
    const std::vector<char> exact(text.begin(), text.end());
    const std::string_view view(exact.data(), exact.size());
    const auto reference = pr::testing::read_with_rapidjson(view);
    if (reference.number_too_big) continue;
    std::optional<std::string> mine;
    try {
      mine = Json::parse(view).dump();
    } catch (const pr::JsonError&) {
    }
    if (mine.has_value() != reference.rewritten.has_value()) FAIL(text);
    if (mine && *mine != Json::parse(*reference.rewritten).dump()) FAIL(text);
    if (mine) ++accepted;
  }
  CHECK(accepted > 10'000);
  CHECK(accepted < 35'000);
}

TEST_CASE("garbage is refused without harm") {
  std::mt19937 random(17);
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    while (random() % 16 != 0) text += static_cast<char>(random());
    refused += parse_problem(text) != "no JsonError";
  }
  CHECK(refused > 90'000);
}
