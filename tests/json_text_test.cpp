#include "json/text.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

using pararun::json::append_lossy_string;
using pararun::json::append_string;
using pararun::json::unescaped_prefix;
using pararun::json::valid_utf8_prefix;

namespace {

std::string utf8(std::uint32_t code_point) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (code_point < 0x80) return {byte(code_point)};
  if (code_point < 0x800) return {byte(0xc0 | code_point >> 6), byte(0x80 | (code_point & 0x3f))};
  if (code_point < 0x10000) {
    return {byte(0xe0 | code_point >> 12), byte(0x80 | (code_point >> 6 & 0x3f)), byte(0x80 | (code_point & 0x3f))};
  }
  return {byte(0xf0 | code_point >> 18), byte(0x80 | (code_point >> 12 & 0x3f)), byte(0x80 | (code_point >> 6 & 0x3f)),
          byte(0x80 | (code_point & 0x3f))};
}

/// By decoding, one sequence at a time, instead of by bit patterns.
std::size_t slow_valid_prefix(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc0 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf8 ? 4
                                             : 0;
    if (length == 0 || at + length > text.size()) break;
    std::uint32_t code_point = length == 1 ? lead : lead & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i)
      code_point = code_point << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3f);
    const bool scalar = code_point < 0xd800 || (code_point > 0xdfff && code_point < 0x110000);
    if (!scalar || utf8(code_point) != text.substr(at, length)) break;
    at += length;
  }
  return at;
}

std::string quoted(std::string_view text) {
  std::string out;
  REQUIRE(append_string(out, text));
  return out;
}

}  // namespace

TEST_CASE("every character of Unicode is valid UTF-8, wherever it stands") {
  bool valid = true;
  for (std::uint32_t code_point = 0; code_point < 0x110000; ++code_point) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
    const std::string text = std::string(code_point % 9, 'x') + utf8(code_point) + std::string(code_point % 7, 'y');
    valid = valid && valid_utf8_prefix(text) == text.size();
  }
  CHECK(valid);
}

TEST_CASE("every sequence of three bytes is judged as decoding it would") {
  bool same = true;
  for (std::uint32_t lead = 0xc0; lead < 0x100; ++lead) {
    for (std::uint32_t rest = 0; rest < 0x10000; ++rest) {
      const std::string text = {static_cast<char>(lead), static_cast<char>(rest >> 8), static_cast<char>(rest)};
      same = same && valid_utf8_prefix(text) == slow_valid_prefix(text);
    }
  }
  CHECK(same);
}

TEST_CASE("random bytes are judged as decoding them would") {
  std::mt19937 random(1);
  bool same = true;
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    while (random() % 12 != 0) {
      text += random() % 3 == 0 ? std::string(1, static_cast<char>(random()))
                                : utf8(static_cast<std::uint32_t>(random() % 0x20 << random() % 16));
    }
    const std::size_t valid = slow_valid_prefix(text);
    same = same && valid_utf8_prefix(text) == valid;
    std::string out;
    same = same && append_string(out, text) == (valid == text.size());
  }
  CHECK(same);
}

TEST_CASE("overlong forms, surrogates and what lies above U+10FFFF are invalid") {
  const std::string text = GENERATE(as<std::string>(), "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
                                    "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
                                    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\x80", "\xe2\x82", "\xf0\x9f\x98");
  for (std::size_t before = 0; before < 10; ++before) {
    CHECK(valid_utf8_prefix(std::string(before, 'a') + text + "aaaaaaaa") == before);
    CHECK(valid_utf8_prefix(std::string(before, 'a') + text) == before);
  }
}

TEST_CASE("the end of plain text is found at every offset") {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plain(size, '\x7f');
    CHECK(unescaped_prefix(plain) == size);
    for (std::size_t at = 0; at < size; ++at) {
      for (const char special : {'"', '\\', '\0', '\x01', '\x1f', '\n'}) {
        std::string text = plain;
        text[at] = special;
        CHECK(unescaped_prefix(text) == at);
      }
      for (const char harmless : {' ', '!', '#', '[', ']', '\x7f', '\x80', '\xa2', '\xdc', '\xff'}) {
        std::string text = plain;
        text[at] = harmless;
        CHECK(unescaped_prefix(text) == size);
      }
    }
  }
}

TEST_CASE("only what JSON demands is escaped") {
  CHECK(quoted("") == R"("")");
  CHECK(quoted("a\"b\\c/d") == R"("a\"b\\c/d")");
  CHECK(quoted("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(quoted(std::string_view("\0\x1f\x7f", 3)) == "\"\\u0000\\u001f\x7f\"");
  CHECK(quoted("größe 数据 😀") == "\"größe 数据 😀\"");
}

TEST_CASE("a text is written as its characters are, one by one") {
  std::mt19937 random(1);
  bool same = true;
  for (int i = 0; i < 100'000; ++i) {
    std::string text, expected = "\"";
    const auto rare = 1 + random() % 30;
    while (random() % 20 != 0) {
      const std::string character = random() % rare != 0 ? "a" : utf8(static_cast<std::uint32_t>(random() % 0x180));
      text += character;
      const std::string alone = quoted(character);
      expected += alone.substr(1, alone.size() - 2);
    }
    same = same && quoted(text) == expected + '"';
  }
  CHECK(same);
}

TEST_CASE("text that is no UTF-8 leaves nothing behind") {
  std::string out = "before";
  CHECK_FALSE(append_string(out, "long enough for a word and then \xff"));
  CHECK(out == "before");
}

TEST_CASE("a lossy string has U+FFFD for each byte that is no UTF-8") {
  std::string out;
  append_lossy_string(out, "a\xff\xe2\x82z\"\xc3\xa4\x80");
  CHECK(out == "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\\\"\xc3\xa4\xef\xbf\xbd\"");
}
