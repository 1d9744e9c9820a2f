// RapidJSON as a second opinion on thousands of generated lines.
#include "support/rapidjson_reference.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "json/text.hpp"
#include "support/scanned_line.hpp"

using namespace pararun::testing;

namespace {

namespace rapidjson = RAPIDJSON_NAMESPACE;

/// What RapidJSON makes of a line: the reference for everything but what is known to be different.
class ReferenceScanner {
 public:
  bool Null() { return value(kForeign); }
  bool Bool(bool) { return value(kForeign); }
  bool RawNumber(const char* text, unsigned size, bool) {
    const std::string number(text, size);
    if (number.find_first_of(".eE") != std::string::npos) return value(kForeign);
    return value(integer_id(number == "-0" ? "0" : number));
  }
  bool String(const char* text, unsigned size, bool) {
    return is_text({text, size}) && value(string_id(std::string(text, size)));
  }
  bool Key(const char* text, unsigned size, bool) {
    if (depth_ == 1) at_key_ = std::string_view(text, size) == "id";
    return is_text({text, size});
  }
  bool StartObject() { return open(); }
  bool StartArray() { return depth_ != 0 && open(); }
  bool EndObject(unsigned) { return --depth_, true; }
  bool EndArray(unsigned) { return --depth_, true; }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  /// Nothing if it has no opinion.
  static std::optional<Line> scan(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return kBlank;
    if (text.find('\0') != std::string_view::npos) return kDamaged;  // it takes a NUL for the end
    for (const char* word : {"NaN", "Infinity"}) {
      if (text.find(word) != std::string_view::npos) return std::nullopt;
    }
    ReferenceScanner scanner;
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream(text.data(), text.size());
    constexpr unsigned kFlags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
    const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, scanner);
    if (!result.IsError()) return scanner.line_;
    if (result.Code() == rapidjson::kParseErrorNumberTooBig) return std::nullopt;
    return kDamaged;
  }

 private:
  bool open() {
    value(kForeign);
    ++depth_;
    return true;
  }
  bool value(const Line& line) {
    if (depth_ == 1 && std::exchange(at_key_, false)) line_ = line;
    return depth_ != 0;
  }
  // It lets the second half of a surrogate pair pass by itself.
  static bool is_text(std::string_view text) { return pararun::json::valid_utf8_prefix(text) == text.size(); }

  int depth_ = 0;
  bool at_key_ = false;
  Line line_ = kForeign;
};

/// Lines as programs write them, and somewhat stranger ones.
class LineMaker {
 public:
  explicit LineMaker(unsigned seed) : random_(seed) {}

  std::string line() { return space() + object(0) + space(); }

  std::string mutated(std::string text) {
    static const std::vector<std::string> kPieces = {"\"",
                                                     "\\",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     ",",
                                                     ":",
                                                     "0",
                                                     "-",
                                                     "1",
                                                     ".",
                                                     "e",
                                                     "E5",
                                                     "\\u",
                                                     "\\ud83d",
                                                     "\\ude00",
                                                     "d8",
                                                     "\n",
                                                     "\t",
                                                     "\x01",
                                                     "\x7f",
                                                     "\xc3",
                                                     "\xa9",
                                                     "\xe2\x82\xac",
                                                     "\xed\xa0\x80",
                                                     "\xf0\x9f\x98\x80",
                                                     "\xff",
                                                     "\"id\":",
                                                     "\"id\":\"x\",",
                                                     "null",
                                                     "tru",
                                                     "NaN",
                                                     std::string(1, '\0'),
                                                     " "};
    for (unsigned changes = 1 + below(3); changes != 0; --changes) {
      const std::size_t at = below(static_cast<unsigned>(text.size()) + 1);
      switch (below(5)) {
        case 0:
          text.insert(at, kPieces[below(static_cast<unsigned>(kPieces.size()))]);
          break;
        case 1:
          text.erase(at, 1 + below(3));
          break;
        case 2:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
          break;
        case 3:
          text.resize(at);
          break;
        default:
          text.insert(at, text.substr(below(static_cast<unsigned>(text.size()) + 1), below(12)));
      }
    }
    return text;
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  std::string space() { return std::string(below(8) == 0 ? 1 + below(2) : 0, " \t\r"[below(3)]); }

  std::string string() {
    static const std::vector<std::string> kParts = {
        "a",   "item-",   "0123456789abcdef", "é",       "日本", "😀",   "\\n", "\\\"", "\\\\",
        "\\/", "\\u00e9", "\\ud83d\\ude00",   "\\u0000", " ",    "\x7f"};
    std::string text = "\"";
    for (unsigned parts = below(6); parts != 0; --parts) text += kParts[below(static_cast<unsigned>(kParts.size()))];
    return text + "\"";
  }

  std::string number() {
    static const std::vector<std::string> kNumbers = {"0",   "-0",    "7",   "-12",   "123456789012345678901234567890",
                                                      "1.5", "-0.25", "1e5", "2E-10", "9.007199254740993e+15"};
    return kNumbers[below(static_cast<unsigned>(kNumbers.size()))];
  }

  std::string name() {
    static const std::vector<std::string> kNames = {"\"id\"", "\"\\u0069d\"", "\"i\"", "\"idx\"", "\"value\""};
    return below(6) == 0 ? string() : kNames[below(static_cast<unsigned>(kNames.size()))];
  }

  std::string value(unsigned depth) {
    switch (below(depth > 4 ? 4 : 6)) {
      case 0:
        return number();
      case 1:
      case 2:
        return string();
      case 3:
        return std::vector<std::string>{"true", "false", "null"}[below(3)];
      case 4:
        return object(depth + 1);
      default:
        return array(depth + 1);
    }
  }

  std::string object(unsigned depth) {
    std::string text = "{" + space();
    for (unsigned members = below(5), i = 0; i < members; ++i) {
      if (i != 0) text += "," + space();
      text += name() + space() + ":" + space() + value(depth) + space();
    }
    return text + "}";
  }

  std::string array(unsigned depth) {
    std::string text = "[" + space();
    for (unsigned elements = below(4), i = 0; i < elements; ++i) {
      if (i != 0) text += "," + space();
      text += value(depth) + space();
    }
    return text + "]";
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("RapidJSON agrees on generated lines, whole and damaged") {
  LineMaker maker(20260301);
  LineScanner scanner("id");
  Edge edge(10'000);
  std::map<LineKind, int> kinds;
  int without_opinion = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string text = maker.line();
    if (i % 3 != 0) text = maker.mutated(text);
    INFO(text);
    const std::optional<Line> expected = ReferenceScanner::scan(text);
    const Line line = scan_with(scanner, edge.place(text));
    ++kinds[line.kind];
    if (expected) {
      REQUIRE(line == *expected);
    } else {
      ++without_opinion;
    }
  }
  CHECK(kinds[LineKind::id] > 4000);
  CHECK(kinds[LineKind::foreign] > 5000);
  CHECK(kinds[LineKind::damaged] > 10'000);
  CHECK(kinds[LineKind::blank] > 10);
  CHECK(without_opinion < 2000);
}
