#include "store/scan.hpp"

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "support/scanned_line.hpp"

using namespace pararun::testing;

namespace {

std::string problem_of(std::string_view text) {
  LineScanner scanner("id");
  const ScannedLine line = scanner.scan(text);
  return line.problem == nullptr ? "" : line.problem;
}

/// A code point as UTF-8 would write it if it might: surrogates and all.
std::string encoded(std::uint32_t code_point, int length) {
  const auto rest = [&](int shift) { return static_cast<char>(0x80 | ((code_point >> shift) & 0x3f)); };
  const auto lead = [&](std::uint32_t mark, int shift) { return static_cast<char>(mark | (code_point >> shift)); };
  if (length == 1) return {static_cast<char>(code_point)};
  if (length == 2) return {lead(0xc0, 6), rest(0)};
  if (length == 3) return {lead(0xe0, 12), rest(6), rest(0)};
  return {lead(0xf0, 18), rest(12), rest(6), rest(0)};
}

int utf8_length(std::uint32_t code_point) {
  return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

}  // namespace

TEST_CASE("the id of a line is a string or an integer, wherever its member stands") {
  CHECK(scan(R"({"id":"a"})") == string_id("a"));
  CHECK(scan(R"({"id":""})") == string_id(""));
  CHECK(scan(R"({"text": "x", "n": [1, {"id": 2}], "id": "b.txt"})") == string_id("b.txt"));
  CHECK(scan(R"({"id":7,"ok":true})") == integer_id("7"));
  CHECK(scan(R"({"id":0})") == integer_id("0"));
  CHECK(scan(R"({"id":-12})") == integer_id("-12"));
  CHECK(scan(R"({"id":123456789012345678901234567890})") == integer_id("123456789012345678901234567890"));
  CHECK(scan(R"({"id":"1"})") != scan(R"({"id":1})"));
}

TEST_CASE("minus zero is zero") { CHECK(scan(R"({"id":-0})") == integer_id("0")); }

TEST_CASE("an object without a usable key is foreign") {
  for (const char* text : {R"({})",
                           R"({"a":1})",
                           R"({"ID":"a"})",
                           R"({"i":"a"})",
                           R"({"idd":"a"})",
                           R"({"":"a"})",
                           R"({"a":{"id":"a"}})",
                           R"({"a":[{"id":"a"}]})",
                           R"({"id":null})",
                           R"({"id":true})",
                           R"({"id":false})",
                           R"({"id":1.0})",
                           R"({"id":1e3})",
                           R"({"id":-0.0})",
                           R"({"id":NaN})",
                           R"({"id":Infinity})",
                           R"({"id":-Infinity})",
                           R"({"id":[]})",
                           R"({"id":["a"]})",
                           R"({"id":[1,"a"]})",
                           R"({"id":{}})",
                           R"({"id":{"id":"a"}})",
                           R"({"id":[{"id":"a"}]})"}) {
    INFO(text);
    CHECK(scan(text) == kForeign);
  }
}

TEST_CASE("of members with the same name the last one counts") {
  CHECK(scan(R"({"id":"a","id":"b"})") == string_id("b"));
  CHECK(scan(R"({"id":"\n","id":"b"})") == string_id("b"));
  CHECK(scan(R"({"id":"a","id":"\t"})") == string_id("\t"));
  CHECK(scan(R"({"id":"\t","id":3})") == integer_id("3"));
  CHECK(scan(R"({"id":3,"id":"a"})") == string_id("a"));
  CHECK(scan(R"({"id":1.5,"id":"a"})") == string_id("a"));
  CHECK(scan(R"({"id":{},"id":"a"})") == string_id("a"));
  for (const char* last : {"null", "1.5", "{}", "[]", "[\"b\"]", "{\"id\":\"b\"}", "NaN"}) {
    INFO(last);
    CHECK(scan(std::string(R"({"id":"a","id":)") + last + "}") == kForeign);
  }
}

TEST_CASE("ids and their member's name may be written with escapes") {
  CHECK(scan(R"({"id":"\u0061"})") == string_id("a"));
  CHECK(scan(R"({"\u0069d":"a"})") == string_id("a"));
  CHECK(scan(R"({"i\u0064":"x\u0061y"})") == string_id("xay"));
  CHECK(scan(R"({"\u0069\u0064":7})") == integer_id("7"));
  CHECK(scan(R"({"id":"\"\\\/\b\f\n\r\t"})") == string_id("\"\\/\b\f\n\r\t"));
  CHECK(scan(R"({"id":"\u00e9\u00C9\u20ac"})") == string_id("éÉ€"));
  CHECK(scan(R"({"id":"\ud83d\ude00\uDBFF\uDFFF"})") == string_id("\U0001f600\U0010ffff"));
  CHECK(scan(R"({"id":"\ud800\udc00"})") == string_id("\U00010000"));
  CHECK(scan(R"({"id":"a\u0000b"})") == string_id(std::string("a\0b", 3)));
  CHECK(scan(R"({"id\u0000":"a"})") == kForeign);
  CHECK(scan(R"({"i\u0064x":"a"})") == kForeign);
  CHECK(scan(R"({"\u0069":"a"})") == kForeign);
}

TEST_CASE("every character can be escaped") {
  LineScanner scanner("id");
  for (std::uint32_t unit = 0; unit < 0x10000; ++unit) {
    char text[] = R"({"id":"\u....."})";
    std::snprintf(text, sizeof text, R"({"id":"\u%04x"})", unit);
    const Line expected = unit >= 0xd800 && unit < 0xe000 ? kDamaged : string_id(encoded(unit, utf8_length(unit)));
    REQUIRE(scan_with(scanner, text) == expected);
  }
}

TEST_CASE("the key's name can be any text") {
  CHECK(scan(R"({"":"a"})", "") == string_id("a"));
  CHECK(scan(R"({"id":"a"})", "") == kForeign);
  CHECK(scan(R"({"\"\\":"a"})", "\"\\") == string_id("a"));
  CHECK(scan(R"({"ключ":"a"})", "ключ") == string_id("a"));
  CHECK(scan(R"({"\u043a\u043bюч":"a"})", "ключ") == string_id("a"));
  CHECK(scan(R"({"\ud83d\ude00":"a"})", "\U0001f600") == string_id("a"));
  CHECK(scan(R"({"id":"a"})", "a_name_longer_than_the_one_there_is") == kForeign);
}

TEST_CASE("no beginning of an object is an object") {
  const std::string whole =
      "{\"id\": \"b\\u00e9\xc3\xa9\\n.txt\", \"v\": [1, -2.5e+10, true, {\"x\": null, \"y\": [NaN, -Infinity]}], "
      "\"long\": \"0123456789abcdef0123456789abcdef\xe2\x82\xac\xf0\x9f\x98\x80\"}";
  REQUIRE(scan(whole).kind == LineKind::id);
  CHECK(scan("") == kBlank);
  for (std::size_t length = 1; length < whole.size(); ++length) {
    INFO(whole.substr(0, length));
    REQUIRE(scan(whole.substr(0, length)) == kDamaged);
    // Two lines that a torn write has joined.
    REQUIRE(scan(whole.substr(0, length) + whole) == kDamaged);
  }
  CHECK(scan(whole + whole) == kDamaged);
}

TEST_CASE("what is not one JSON object is damage") {
  for (const std::string text : {"a",
                                 "1",
                                 "\"id\"",
                                 "null",
                                 "[]",
                                 R"([{"id":1}])",
                                 "}",
                                 "{",
                                 "{}}",
                                 "{}{}",
                                 "{},",
                                 R"({"id":1}x)",
                                 "x{}",
                                 R"({id:1})",
                                 R"({'id':1})",
                                 R"({"id"})",
                                 R"({"id":})",
                                 R"({"id" 1})",
                                 R"({"id"::1})",
                                 R"({"id":1,})",
                                 R"({,"id":1})",
                                 R"({"id":1,,"a":2})",
                                 R"({"id":1 "a":2})",
                                 R"({"id":1]})",
                                 R"({"id":[1})",
                                 R"({"id":[1})",
                                 R"({"id":[,]})",
                                 R"({"id":[1,]})",
                                 R"({"id":[1 2]})",
                                 R"({"id":[1:2]})",
                                 R"({"id":["a":1]})",
                                 R"({1:2})",
                                 R"({null:2})",
                                 R"({"a":{"b"}})",
                                 R"({"id":01})",
                                 R"({"id":-})",
                                 R"({"id":-01})",
                                 R"({"id":+1})",
                                 R"({"id":1.})",
                                 R"({"id":.5})",
                                 R"({"id":1e})",
                                 R"({"id":1e+})",
                                 R"({"id":1.e5})",
                                 R"({"id":0x10})",
                                 R"({"id":1_000})",
                                 R"({"id":--1})",
                                 R"({"id":1-})",
                                 R"({"id":tru})",
                                 R"({"id":truE})",
                                 R"({"id":truetrue})",
                                 R"({"id":nul})",
                                 R"({"id":fals})",
                                 R"({"id":True})",
                                 R"({"id":None})",
                                 R"({"id":nan})",
                                 R"({"id":Nan})",
                                 R"({"id":-NaN})",
                                 R"({"id":Inf})",
                                 R"({"id":-Inf})",
                                 R"({"id":+Infinity})",
                                 R"({"id":infinity})",
                                 R"({"id":undefined})",
                                 R"({"id":"a)",
                                 R"({"id":"a\"})",
                                 R"({"id":"\x41"})",
                                 R"({"id":"\'"})",
                                 R"({"id":"\U0041"})",
                                 R"({"id":"\u004"})",
                                 R"({"id":"\u00 1"})",
                                 R"({"id":"\u00g1"})",
                                 R"({"id":"\u-041"})",
                                 R"({"id":"\u004:"})",
                                 R"({"id":"\u004/"})",
                                 R"({"id":"\u004@"})",
                                 R"({"id":"\u004`"})",
                                 "{\"id\":\"\\\n\"}",
                                 "{\"id\":\"\t\"}",
                                 "{\"id\":\"\x1f\"}",
                                 "{\"id\":1}\v",
                                 "{\"id\":1}\f",
                                 "\xc2\xa0{\"id\":1}",
                                 "{\"id\":1 /* a */}",
                                 "{\"id\":1}// a",
                                 "\xef\xbb\xbf{\"id\":1}",
                                 "{\"id\":1}\xef\xbb\xbf",
                                 "{\"id\":\xef\xbb\xbf 1}"}) {
    INFO(text);
    CHECK(scan(text) == kDamaged);
  }
}

TEST_CASE("halves of surrogate pairs are damage, in ids, names and elsewhere") {
  for (const char* half : {R"(\ud800)", R"(\udbff)", R"(\udc00)", R"(\udfff)", R"(\ud83dx)", R"(\ud83d\n)",
                           R"(\ud83d\u0041)", R"(\ud83d\ud83d\ude00)", R"(\ude00\ud83d)", R"(\ud83d\ude0)"}) {
    INFO(half);
    CHECK(scan(std::string(R"({"id":")") + half + R"("})") == kDamaged);
    CHECK(scan(std::string(R"({"id":1,")") + half + R"(":2})") == kDamaged);
    CHECK(scan(std::string(R"({"id":1,"a":[")") + half + R"("]})") == kDamaged);
  }
}

TEST_CASE("a NUL byte anywhere is damage") {
  const std::string whole = R"( {"id": "a\n", "b": [true, 1.5, null], "c": {}} )";
  for (std::size_t at = 0; at <= whole.size(); ++at) {
    std::string with_nul = whole;
    with_nul.insert(at, 1, '\0');
    INFO(at);
    CHECK(scan(with_nul) == kDamaged);
  }
  CHECK(scan(std::string(100, '\0')) == kDamaged);
  CHECK(scan(std::string(" \0", 2)) == kDamaged);
}

TEST_CASE("white space is allowed between tokens and around the object") {
  CHECK(scan(" \t\r\n{ \t\r\n\"id\" \t\r\n: \t\r\n\"a\" \t\r\n, \t\r\n\"b\":[ \t\r\n1 \t\r\n] \t\r\n} \t\r\n") ==
        string_id("a"));
  CHECK(scan("{\"id\":\"a\"}\r") == string_id("a"));
  CHECK(scan("{ }") == kForeign);
  CHECK(scan("{\"id\":[ ]}") == kForeign);
  for (const char* blank : {"", " ", "\r", "\t \r\n "}) CHECK(scan(blank) == kBlank);
}

TEST_CASE("Python's words for what is no number are values") {
  CHECK(scan(R"({"text": "naïve", "score": NaN, "id": "b.txt"})") == string_id("b.txt"));
  CHECK(scan(R"({"a":[NaN,Infinity,-Infinity],"b":{"c":-Infinity},"id":1})") == integer_id("1"));
}

TEST_CASE("every character of a string counts, at any place of a string of any length") {
  LineScanner scanner("id");
  Edge edge(100);
  for (std::size_t length = 1; length < 40; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string id(length, 'x');
        id[at] = static_cast<char>(byte);
        const bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
        REQUIRE(scan_with(scanner, edge.place("{\"id\":\"" + id + "\"}")) == (plain ? string_id(id) : kDamaged));
      }
      if (length > 20) at += 4;
    }
  }
}

TEST_CASE("all of UTF-8 is accepted, and nothing else") {
  LineScanner scanner("id");
  const auto scan_text = [&](const std::string& text) { return scan_with(scanner, "{\"id\":\"" + text + "\"}"); };
  for (std::uint32_t code_point = 0x80; code_point < 0x110000; ++code_point) {
    const std::string text = encoded(code_point, utf8_length(code_point));
    const bool is_surrogate = code_point >= 0xd800 && code_point < 0xe000;
    REQUIRE(scan_text(text) == (is_surrogate ? kDamaged : string_id(text)));
  }
  for (std::uint32_t code_point = 0; code_point < 0x10000; ++code_point) {
    for (int length = utf8_length(code_point) + 1; length <= 4; ++length) {
      REQUIRE(scan_text(encoded(code_point, length)) == kDamaged);
    }
  }
  for (std::uint32_t code_point = 0x110000; code_point < 0x200000; code_point += 0x3f1) {
    REQUIRE(scan_text(encoded(code_point, 4)) == kDamaged);
  }
  for (const char* text : {"\x80", "\xbf", "\xc3", "\xc3\xc3\xa9", "\xe2\x82", "\xe2\x82x", "\xe2x\xac", "\xf0\x9f\x98",
                           "\xf0\x9f\x98x", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "\xfe", "\xff"}) {
    REQUIRE(scan_text(text) == kDamaged);
  }
}

TEST_CASE("sequences of UTF-8 are checked at any place, up to the line's last byte") {
  for (std::size_t before = 0; before < 40; ++before) {
    for (const std::string sequence : {"é", "€", "😀", "é€😀é"}) {
      const std::string id = std::string(before, 'x') + sequence;
      CHECK(scan("{\"id\":\"" + id + "\"}") == string_id(id));
      for (std::size_t cut = 1; cut < sequence.size(); ++cut) {
        CHECK(scan("{\"id\":\"" + id.substr(0, before + cut)) == kDamaged);
      }
      CHECK(scan("{\"id\":\"" + id.substr(0, id.size() - 1) + "\"}") == kDamaged);
    }
  }
}

TEST_CASE("any depth of nesting is read") {
  const std::size_t depth = GENERATE(1U, 2U, 63U, 64U, 65U, 130U, 1'000'000U);
  std::string opening = R"({"a":)", closing;
  std::mt19937 random(1);
  std::string brackets;
  for (std::size_t i = 0; i < depth; ++i) {
    const bool object = random() % 2 == 0;
    opening += object ? R"({"id":)" : "[";
    brackets += object ? '}' : ']';
  }
  closing.assign(brackets.rbegin(), brackets.rend());
  const std::string rest = R"(,"id":"deep"})";
  CHECK(scan(opening + "1" + closing + rest) == string_id("deep"));
  CHECK(scan(opening + "1" + closing.substr(1) + rest) == kDamaged);
  CHECK(scan(opening + "1" + closing + "}" + rest) == kDamaged);
  CHECK(scan(opening) == kDamaged);
  std::string wrong = closing;
  wrong[depth / 2] = wrong[depth / 2] == '}' ? ']' : '}';
  CHECK(scan(opening + "1" + wrong + rest) == kDamaged);
}

TEST_CASE("a scanner forgets the line before") {
  LineScanner scanner("id");
  for (int round = 0; round < 2; ++round) {
    CHECK(scan_with(scanner, R"({"id":"\u0061 long id with an escape"})") == string_id("a long id with an escape"));
    CHECK(scan_with(scanner, R"({"id":"\n"})") == string_id("\n"));
    CHECK(scan_with(scanner, R"({"a":[[[{"b":[)") == kDamaged);
    CHECK(scan_with(scanner, R"({})") == kForeign);
    CHECK(scan_with(scanner, R"({"id":5})") == integer_id("5"));
    CHECK(scan_with(scanner, " ") == kBlank);
  }
}

TEST_CASE("damage is named") {
  CHECK(problem_of(R"({"id":"a)") == "it ends too early");
  CHECK(problem_of(R"({"id":1)") == "it ends too early");
  CHECK(problem_of(std::string("{\"id\":\0", 7)) == "a NUL byte");
  CHECK(problem_of(std::string("\0\0", 2)) == "a NUL byte");
  CHECK(problem_of("[1]") == "no JSON object");
  CHECK(problem_of("{\"id\":\"\xff\"}") == "invalid UTF-8");
  CHECK(problem_of(R"({"id":"\ud800"})") == "half of a surrogate pair");
  CHECK(problem_of(R"({"id":"\q"})") == "a malformed escape");
  CHECK(problem_of("{\"id\":\"\t\"}") == "a control character in a string");
  CHECK(problem_of(R"({"id":1.})") == "a malformed number");
  CHECK(problem_of(R"({"id":?})") == "a value is expected");
  CHECK(problem_of(R"({"id":1}{"id":2})") == "something follows the object");
}
