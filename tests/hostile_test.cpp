// Files as torn writes, power losses, other programs and attackers leave them. What each must come to is decided by the
// slow reference in tests/fuzz, and for the most hostile ones written down here.
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>
#include <pararun/json.hpp>

#include "fuzz/compare.hpp"
#include "fuzz/reference.hpp"
#include "store/results_store.hpp"
#include "support/temp_dir.hpp"

using namespace pararun;
using namespace std::string_literals;
using pararun::testing::read_file;
using pararun::testing::write_file;
namespace fuzz = pararun::testing;

namespace {

constexpr std::size_t kSector = 512;
constexpr std::size_t kMiB = std::size_t{1} << 20;

class Scratch {
 public:
  Scratch() = default;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_ = fuzz::make_scratch_directory();
};

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

/// Three sectors of lines of every kind.
std::string sample() {
  std::string text =
      "{\"id\":\"a\",\"v\":[1,2,{\"x\":\"}\"}]}\n"
      "{\"id\":7}\n"
      "{\"v\":\"\xC3\xA4\\u00e4\\\"\xF0\x9F\x98\x80\\ud83d\\ude00\",\"id\":\"b\\n\"}\r\n"
      "\n"
      "{\"score\":NaN,\"worst\":-Infinity,\"id\":\"p\"}\n"
      "{\"nothing\":{\"id\":\"d\"}}\n"
      "{\"id\":\"torn\n"
      "{\"id\":\"a\",\"v\":2}\n"
      "{\"id\":-0}\n";
  for (int i = 0; text.size() < 3 * kSector; ++i) {
    text +=
        "{\"id\":\"item-" + std::to_string(i) + "\",\"status\":\"done\",\"bytes\":" + std::to_string(i * 977) + "}\n";
  }
  return text;
}

/// What opening it does to a results file and to a failures file.
void check_open(const Scratch& scratch, std::string_view content) {
  CHECK(fuzz::compare_open(scratch.path(), content) == "");
  CHECK(fuzz::compare_open_failures(scratch.path(), content) == "");
}

std::string with_zeros(std::string text, std::size_t begin, std::size_t end) {
  return text.replace(begin, end - begin, end - begin, '\0');
}

Recovery open(const Scratch& scratch) {
  store::ResultsStore results({.path = scratch / "r.jsonl"}, [](store::Settled) {});
  results.finish();
  return results.recovery();
}

}  // namespace

TEST_CASE("a file that was cut at any byte opens as the reference says") {
  const Scratch scratch;
  const std::string whole = sample();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    INFO("cut at " << size);
    check_open(scratch, std::string_view(whole).substr(0, size));
  }
}

TEST_CASE("a file whose last sectors are zeros opens as the reference says") {
  const Scratch scratch;
  const std::string whole = sample();
  for (std::size_t size = 1; size <= whole.size(); ++size) {
    INFO("written up to byte " << size << " of a sector that has been allocated");
    const std::size_t sector_end = (size + kSector - 1) / kSector * kSector;
    check_open(scratch, whole.substr(0, size) + std::string(sector_end - size, '\0'));
  }
  for (std::size_t begin = 0; begin < whole.size(); begin += kSector) {
    INFO("sector at " << begin);
    check_open(scratch, with_zeros(whole, begin, whole.size()));
    check_open(scratch, with_zeros(whole, begin, std::min(begin + kSector, whole.size())));
  }
}

TEST_CASE("repairing twice is repairing once") {
  const Scratch scratch;
  const std::string whole = sample();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    INFO("cut at " << size);
    write_file(scratch / "r.jsonl", whole.substr(0, size));
    std::filesystem::remove(scratch / "r.torn.jsonl");
    open(scratch);
    const std::string repaired = read_file(scratch / "r.jsonl"), torn = read_file(scratch / "r.torn.jsonl");
    const Recovery again = open(scratch);
    CHECK(again.torn_bytes == 0);
    CHECK_FALSE(again.newline_added);
    REQUIRE(read_file(scratch / "r.jsonl") == repaired);
    REQUIRE(read_file(scratch / "r.torn.jsonl") == torn);
  }
}

namespace {

struct Hostile {
  const char* name;
  std::string content;
  std::uint64_t ids = 0, foreign = 0, damaged = 0;
  std::uint64_t torn_bytes = 0;
  bool newline_added = false;
};

std::vector<Hostile> hostile_files() {
  const std::string a = "{\"id\":\"a\"}\n", deep = std::string(kMiB, '['), closed = std::string(kMiB, ']');
  const std::string text(kMiB, 'x');
  return {
      {.name = "nesting of a million", .content = "{\"v\":" + deep + closed + ",\"id\":1}\n" + a, .ids = 2},
      {.name = "nesting of a million objects",
       .content = repeated("{\"id\":", kMiB) + "1" + std::string(kMiB, '}') + "\n" + a,
       .ids = 1,
       .foreign = 1},
      {.name = "a million brackets that are never closed",
       .content = "{\"v\":" + deep + "\n" + a,
       .ids = 1,
       .damaged = 1},
      {.name = "the same at the end", .content = a + "{\"v\":" + deep, .ids = 1, .torn_bytes = 5 + kMiB},
      {.name = "nesting of a million at the end",
       .content = a + "{\"id\":1,\"v\":" + deep + closed + "}",
       .ids = 2,
       .newline_added = true},
      {.name = "ids of 1 MiB", .content = "{\"id\":\"" + text + "\"}\n{\"id\":\"" + text + "y\"}\n", .ids = 2},
      {.name = "an id of 1 MiB in escapes",
       .content = "{\"id\":\"" + repeated("\\u0078", kMiB) + "\"}\n{\"id\":\"" + text + "y\"}\n",
       .ids = 2},
      {.name = "an integer of a million digits", .content = "{\"id\":1" + std::string(kMiB, '0') + "}\n", .ids = 1},
      {.name = "a key of 1 MiB", .content = "{\"" + text + "\":1,\"id\":1}\n", .ids = 1},
      {.name = "a hundred thousand members of the same name",
       .content = "{" + repeated("\"id\":\"x\",", 100'000) + "\"id\":2}\n",
       .ids = 1},
      {.name = "NUL bytes alone", .content = std::string(3 * kMiB, '\0'), .torn_bytes = 3 * kMiB},
      {.name = "NUL bytes and a newline", .content = std::string(kMiB, '\0') + "\n" + a, .ids = 1, .damaged = 1},
      {.name = "a NUL byte in a string", .content = "{\"id\":\"a\0b\"}\n"s, .damaged = 1},
      {.name = "a NUL byte behind the object", .content = "{\"id\":\"a\"}\0\n"s, .damaged = 1},
      {.name = "a NUL character in an escape", .content = "{\"id\":\"a\\u0000b\"}\n", .ids = 1},
      {.name = "lone surrogates",
       .content = "{\"id\":\"\\ud800\"}\n{\"id\":\"\\udfff\"}\n{\"id\":\"\xED\xA0\x80\"}\n",
       .damaged = 3},
      {.name = "duplicate keys",
       .content = "{\"id\":\"a\",\"id\":\"b\"}\n{\"id\":\"b\",\"id\":null}\n",
       .ids = 1,
       .foreign = 1},
      {.name = "a byte-order mark", .content = "\xEF\xBB\xBF" + a, .ids = 1},
      {.name = "a byte-order mark further on", .content = a + "\xEF\xBB\xBF" + a, .ids = 1, .damaged = 1},
      {.name = "UTF-16",
       .content = "\xFF\xFE{\0\"\0i\0d\0\"\0:\0"
                  "1\0}\0\n\0"s,
       .damaged = 1,
       .torn_bytes = 1},
      {.name = "CRLF", .content = "{\"id\":\"a\"}\r\n{\"id\":\"b\"}\r\n", .ids = 2},
      {.name = "CR alone", .content = "{\"id\":\"a\"}\r{\"id\":\"b\"}\r", .torn_bytes = 22},
      {.name = "a million empty lines", .content = std::string(kMiB, '\n') + a, .ids = 1},
      {.name = "a hundred thousand damaged lines", .content = repeated("x\n", 100'000), .damaged = 100'000},
      {.name = "white space of 1 MiB around an object at the end",
       .content = a + std::string(kMiB, ' ') + "{\"id\":1}" + std::string(kMiB, '\t'),
       .ids = 2,
       .newline_added = true},
      {.name = "white space of 1 MiB at the end", .content = a + std::string(kMiB, ' '), .ids = 1, .torn_bytes = kMiB},
  };
}

}  // namespace

TEST_CASE("the most hostile of results files have an outcome") {
  const Scratch scratch;
  for (const Hostile& file : hostile_files()) {
    INFO(file.name);
    write_file(scratch / "r.jsonl", file.content);
    const Recovery recovery = open(scratch);
    CHECK(recovery.ids == file.ids);
    CHECK(recovery.foreign == file.foreign);
    CHECK(recovery.damaged == file.damaged);
    CHECK(recovery.damage.size() == std::min<std::uint64_t>(file.damaged, 100));
    CHECK(recovery.torn_bytes == file.torn_bytes);
    CHECK(recovery.newline_added == file.newline_added);
    check_open(scratch, file.content);
    CHECK(fuzz::compare_load(scratch.path(), file.content) == "");
  }
}

TEST_CASE("the most hostile of inputs are read line by line, and what is no value is refused") {
  const Scratch scratch;
  for (const Hostile& file : hostile_files()) {
    INFO(file.name);
    CHECK(fuzz::compare_sources(scratch.path(), file.content) == "");
    CHECK(fuzz::compare_parse(file.content) == "");
  }
}

TEST_CASE("every file of the fuzzers' corpus is a line, a results file, an input and a text") {
  const Scratch scratch;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(PARARUN_CORPUS)) {
    if (!entry.is_regular_file()) continue;
    INFO(entry.path().string());
    const std::string content = read_file(entry.path());
    check_open(scratch, content);
    CHECK(fuzz::compare_scan(content) == "");
    CHECK(fuzz::compare_parse(content) == "");
    CHECK(fuzz::compare_sources(scratch.path(), content) == "");
    ++count;
  }
  CHECK(count > 100);
}
