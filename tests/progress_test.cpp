/// What progress says: text that is safe on a terminal, lines of every width, the rate.
#include "progress/render.hpp"

#include <locale.h>

#include <cmath>
#include <cstdint>
#include <cwchar>
#include <string>

#include <catch2/catch.hpp>

#include "progress/rate.hpp"
#include "progress/text.hpp"

namespace {

using pararun::ProgressState;
using namespace pararun::progress;
using Seconds = std::chrono::duration<double>;

/// `clean: 42%|███   | 420/1000 [00:10<00:14, 41.2it/s, failed=3, skipped=200]`
ProgressState example() {
  ProgressState state;
  state.description = "clean";
  state.total = 1000;
  state.seen = 424;
  state.skipped = 200;
  state.succeeded = 217;
  state.failed = 3;
  state.elapsed = Seconds(10.4);
  state.rate = 41.2;
  state.remaining = Seconds(580 / 41.2);
  return state;
}

std::string utf8(char32_t code) {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0 | code >> 6), byte(0x80 | (code & 63))};
  if (code < 0x10000) return {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63))};
  return {byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63)),
          byte(0x80 | (code & 63))};
}

TEST_CASE("text: what could control a terminal is escaped") {
  CHECK(printable("clean", Charset::utf8) == "clean");
  CHECK(printable("a\x1b[31mb\r\n\t\x7f", Charset::utf8) == "a\\x1b[31mb\\x0d\\x0a\\x09\\x7f");
  CHECK(printable(std::string("a\0b", 3), Charset::utf8) == "a\\x00b");
  CHECK(printable(utf8(0x9b) + "m", Charset::utf8) == "\\u009bm");
  CHECK(printable("x" + utf8(0x202e) + "y", Charset::utf8) == "x\\u202ey");
  CHECK(printable(utf8(0xe0041), Charset::utf8) == "\\u0e0041");
}

TEST_CASE("text: bytes that are no UTF-8 are escaped one by one") {
  CHECK(printable("a\xff\xc3", Charset::utf8) == "a\\xff\\xc3");
  CHECK(printable("\xed\xa0\x80", Charset::utf8) == "\\xed\\xa0\\x80");
  CHECK(printable("\xe2\x82", Charset::ascii) == "\\xe2\\x82");
}

TEST_CASE("text: other languages pass where the terminal knows them") {
  CHECK(printable("données 語料 😀", Charset::utf8) == "données 語料 😀");
  CHECK(printable("données 語料 😀", Charset::ascii) == "donn?es ?? ?");
}

TEST_CASE("text: no character is thought narrower than the C library thinks it is") {
  const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  REQUIRE(locale != nullptr);
  const locale_t before = ::uselocale(locale);
  std::size_t compared = 0, narrower = 0, much_wider = 0;
  for (char32_t code = 0x20; code < 0x110000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const int theirs = ::wcwidth(static_cast<wchar_t>(code));
    const std::string text = printable(utf8(code), Charset::utf8);
    if (theirs < 0 || text != utf8(code)) continue;
    ++compared;
    if (columns(text) < static_cast<std::size_t>(theirs)) ++narrower;
    if (code < 0x2600 && columns(text) > static_cast<std::size_t>(theirs) + 1) ++much_wider;
  }
  ::uselocale(before);
  ::freelocale(locale);
  CHECK(compared > 100'000);
  CHECK(narrower == 0);
  CHECK(much_wider == 0);
}

TEST_CASE("text: an accent takes no column of its own") {
  CHECK(columns("données") == 7);
  CHECK(columns("donne\u0301es") == 7);
}

TEST_CASE("text: it is cut between characters, and the cut is marked") {
  CHECK(shortened("clean", 5, Charset::utf8) == "clean");
  CHECK(shortened("cleaner", 5, Charset::utf8) == "clea…");
  CHECK(shortened("cleaner", 5, Charset::ascii) == "cl...");
  CHECK(shortened("語料庫", 5, Charset::utf8) == "語料…");
  CHECK(shortened("語料庫", 4, Charset::utf8) == "語…");
  CHECK(shortened("cleaner", 2, Charset::ascii).empty());
  CHECK(shortened("cleaner", 0, Charset::utf8).empty());
}

TEST_CASE("bar: it has tqdm's shape") {
  CHECK(render_bar(example(), 74, Charset::utf8) ==
        "clean: 42%|██▌   | 420/1000 [00:10<00:14, 41.2it/s, failed=3, skipped=200]");
  CHECK(render_bar(example(), 74, Charset::ascii) ==
        "clean: 42%|##    | 420/1000 [00:10<00:14, 41.2it/s, failed=3, skipped=200]");
}

TEST_CASE("bar: counts of nothing are not shown, and no description needs no colon") {
  ProgressState state = example();
  state.description.clear();
  state.skipped = state.failed = 0;
  state.succeeded = 420;
  CHECK(render_bar(state, 50, Charset::ascii) == "42%|#####       | 420/1000 [00:10<00:14, 41.2it/s]");
  state.duplicates = 5;
  CHECK(render_bar(state, 70, Charset::ascii).ends_with("| 425/1000 [00:10<00:14, 41.2it/s, duplicates=5]"));
}

TEST_CASE("bar: without a total it counts") {
  ProgressState state = example();
  state.total.reset();
  CHECK(render_bar(state, 80, Charset::utf8) == "clean: 420it [00:10, 41.2it/s, failed=3, skipped=200]");
  state.total = 0;
  CHECK(render_bar(state, 80, Charset::utf8) == "clean: 420it [00:10, 41.2it/s, failed=3, skipped=200]");
}

TEST_CASE("bar: a total that turns out too small is no longer believed") {
  ProgressState state = example();
  state.total = 424;
  CHECK(render_bar(state, 80, Charset::ascii).find("420/424") != std::string::npos);
  state.seen = 425;
  CHECK(render_bar(state, 80, Charset::ascii).starts_with("clean: 420it [00:10, "));
  CHECK_FALSE(remaining(state, 10));
}

TEST_CASE("bar: 100% and a full bar mean that nothing is left") {
  ProgressState state;
  state.total = 100'000;
  state.succeeded = 99'999;
  CHECK(render_bar(state, 50, Charset::ascii).starts_with("99%|"));
  CHECK(render_bar(state, 50, Charset::ascii).find(" | ") != std::string::npos);
  state.succeeded = 100'000;
  CHECK(render_bar(state, 50, Charset::ascii).starts_with("100%|#"));
  CHECK(render_bar(state, 50, Charset::ascii).find("#| ") != std::string::npos);
  state.total = state.succeeded = UINT64_MAX;
  CHECK(render_bar(state, 80, Charset::utf8).starts_with("100%|█"));
}

TEST_CASE("bar: a job that stops says so until it has") {
  ProgressState state = example();
  state.stopping = true;
  CHECK(render_bar(state, 60, Charset::ascii) == "clean: 42%|##   | 420/1000 [00:10<00:14, stopping, 41.2it/s]");
  CHECK(render_bar(state, 58, Charset::ascii) == "clean: 42%|#####        | 420/1000 [00:10<00:14, stopping]");
  CHECK(render_plain(state, Charset::ascii).find(", stopping, ") != std::string::npos);
  state.finished = true;
  CHECK(render_plain(state, Charset::ascii).find("stopping") == std::string::npos);
}

TEST_CASE("bar: what is unknown is a question mark") {
  ProgressState state;
  state.total = 10;
  CHECK(render_bar(state, 40, Charset::ascii) == "0%|              | 0/10 [00:00<?, ?it/s]");
  state.rate = std::nan("");
  state.remaining = Seconds(INFINITY);
  state.elapsed = Seconds(-1);
  CHECK(render_bar(state, 40, Charset::ascii) == "0%|              | 0/10 [00:00<?, ?it/s]");
}

TEST_CASE("bar: times and rates keep to a few digits") {
  const auto [seconds, text] = GENERATE(table<double, std::string>({{0.99, "00:00"},
                                                                    {59.9, "00:59"},
                                                                    {3599, "59:59"},
                                                                    {3600, "1:00:00"},
                                                                    {36'000 + 754, "10:12:34"},
                                                                    {360'000, "100:00:00"},
                                                                    {1e18, "?"}}));
  ProgressState state;
  state.elapsed = Seconds(seconds);
  CHECK(render_bar(state, 80, Charset::utf8) == "0it [" + text + ", ?it/s]");
  state.elapsed = Seconds(0);
  const auto [rate, rate_text] = GENERATE(table<double, std::string>({{41.23, "41.2it/s"},
                                                                      {1, "1.00it/s"},
                                                                      {9.996, "10.0it/s"},
                                                                      {412.3, "412it/s"},
                                                                      {9999, "9999it/s"},
                                                                      {9999.9, "10.0kit/s"},
                                                                      {999'900, "1.00Mit/s"},
                                                                      {4.1e9, "4.10Git/s"},
                                                                      {4.1e13, "41000Git/s"},
                                                                      {0.5, "2.00s/it"},
                                                                      {0.001, "1000s/it"},
                                                                      {1e-300, "?it/s"}}));
  state.rate = rate;
  CHECK(render_bar(state, 80, Charset::utf8) == "0it [00:00, " + rate_text + "]");
}

TEST_CASE("bar: it is never wider than it may be, and as wide as it may where there is a bar") {
  ProgressState state = example();
  state.description = GENERATE("", "clean", "a rather long description of what is done here", "語料庫を掃除する",
                               "\x1b[2J\xff", "👩‍🚀👩‍🚀👩‍🚀");
  const bool known = GENERATE(true, false);
  if (!known) state.total.reset();
  state.duplicates = GENERATE(0U, 7U);
  const Charset charset = GENERATE(Charset::utf8, Charset::ascii);
  const int width = GENERATE(range(0, 201));
  const std::string line = render_bar(state, static_cast<std::size_t>(width), charset);
  CAPTURE(width, line);
  CHECK(columns(line) <= static_cast<std::size_t>(width));
  CHECK(printable(line, charset) == line);
  if (line.find('|') != std::string::npos) CHECK(columns(line) == static_cast<std::size_t>(width));
  if (width >= 6) CHECK_FALSE(line.empty());
  if (width >= 150) CHECK(line.ends_with("skipped=200]") != line.ends_with(", duplicates=7]"));
}

TEST_CASE("bar: where room is short it shrinks, then parts go from the right") {
  const auto at = [](std::size_t width) { return render_bar(example(), width, Charset::ascii); };
  CHECK(at(72) == "clean: 42%|#   | 420/1000 [00:10<00:14, 41.2it/s, failed=3, skipped=200]");
  CHECK(at(71) == "clean: 42%|######          | 420/1000 [00:10<00:14, 41.2it/s, failed=3]");
  CHECK(at(58) == "clean: 42%|#####        | 420/1000 [00:10<00:14, 41.2it/s]");
  CHECK(at(48) == "clean: 42%|#####        | 420/1000 [00:10<00:14]");
  CHECK(at(38) == "clean: 42%|#######          | 420/1000");
  CHECK(at(24) == "clean: 42%|#####       |");
  CHECK(at(15) == "clean: 42%");
  CHECK(at(9) == "42%|#   |");
  CHECK(at(3) == "42%");
  CHECK(at(2).empty());
}

TEST_CASE("bar: a long description gives way before anything is dropped") {
  ProgressState state = example();
  state.description = "a rather long description of what is done here";
  CHECK(render_bar(state, 80, Charset::ascii) ==
        "a rather long descripti...: 42%|#   | 420/1000 [00:10<00:14, 41.2it/s, failed=3]");
  CHECK(render_bar(state, 120, Charset::ascii).starts_with(state.description + ": 42%|"));
}

TEST_CASE("plain: a line for a log has neither a bar nor control characters") {
  CHECK(render_plain(example(), Charset::utf8) == "clean: 42% 420/1000 [00:10<00:14, 41.2it/s, failed=3, skipped=200]");
  ProgressState state = example();
  state.total.reset();
  state.description = "a\nb";
  CHECK(render_plain(state, Charset::ascii) == "a\\x0ab: 420it [00:10, 41.2it/s, failed=3, skipped=200]");
}

TEST_CASE("json: the members of the state by name, null for what is unknown") {
  ProgressState state = example();
  state.remaining = Seconds(14.0777);
  state.duplicates = 4;
  CHECK(render_json(state) ==
        R"({"description":"clean","total":1000,"seen":424,"skipped":200,"duplicates":4,"succeeded":217,"failed":3,)"
        R"("elapsed":10.400,"rate":41.200,"remaining":14.078,"stopping":false,"finished":false})");
  ProgressState unknown;
  unknown.description = "a\"\n\xff";
  unknown.stopping = true;
  unknown.finished = true;
  CHECK(render_json(unknown) ==
        R"({"description":"a\"\n�","total":null,"seen":0,"skipped":0,"duplicates":0,"succeeded":0,"failed":0,)"
        R"("elapsed":0.000,"rate":null,"remaining":null,"stopping":true,"finished":true})");
}

}  // namespace
