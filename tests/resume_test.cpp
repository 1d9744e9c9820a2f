/// What a job makes of a results file that is there already, whoever wrote it.
#include <pararun/map.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using Strings = std::vector<std::string>;

namespace {

/// Runs a job over these items and returns those that it ran.
Strings run(const std::filesystem::path& path, const Strings& items, pr::Report* report = nullptr,
            const std::string& key_field = "id") {
  Strings ran;
  const pr::Report result =
      pr::map([&](const std::string& item) { ran.push_back(item); }, items,
              {.n_workers = 1, .cache_path = path, .key_field = key_field, .progress = pr::Progress::none});
  check_sums(result);
  CHECK(result.succeeded == ran.size());
  if (report != nullptr) *report = result;
  return ran;
}

}  // namespace

TEST_CASE("a file begun by Python pararun is resumed") {
  const TempDir dir;
  // json.dumps(record, ensure_ascii=False)
  write_file(
      dir / "r.jsonl",
      "{\"text\": \"naïve \\\"x\\\"\", \"score\": NaN, \"id\": \"b.txt\"}\n"
      "{\"id\": \"a.txt\", \"status\": \"done\", \"range\": [-Infinity, Infinity], \"more\": {\"id\": \"c.txt\"}}\n"
      "{\"id\": \"d\\ud83d\\ude00\\/\\u00e9\", \"x\": null}\n"
      "{\"id\": 17, \"x\": 1e5}\n"
      "{\"status\": \"no id\"}\n");
  pr::Report report;
  CHECK(run(dir / "r.jsonl", {"a.txt", "b.txt", "c.txt", "d😀/é", "17"}, &report) == Strings{"c.txt", "17"});
  CHECK(report.skipped == 3);
  CHECK(report.recovery.lines == 4);
  CHECK(report.recovery.foreign == 1);
  CHECK(report.recovery.damaged == 0);
  CHECK(pr::map([](int) {}, std::vector{17, 18}, {.cache_path = dir / "r.jsonl", .progress = pr::Progress::none})
            .skipped == 1);
}

TEST_CASE("Python reads what a job writes, id for id and value for value") {
  if (std::system("python3 -c pass >/dev/null 2>&1") != 0) {
    WARN("skipped: there is no python3");
    return;
  }
  const TempDir dir;
  const Strings items{"a.txt", "größe 数据 😀", "\"quoted\" \\ /", "a\nb\r\tc\x01\x7f", "\u2028\u2029\u0085", " ", "{}",
                      "17"};
  pr::map([](const std::string& item) { return pr::object("text", item, "tiny", 5e-324, "large", UINT64_MAX); }, items,
          {.cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  // A reader of the kind that Python programs have.
  write_file(dir / "read.py",
             "import json, sys\n"
             "with open(sys.argv[1], encoding='utf-8') as lines, open(sys.argv[2], 'w') as out:\n"
             "    for line in lines:\n"
             "        record = json.loads(line)\n"
             "        print(json.dumps([record['id'], record['text'], record['tiny'], record['large']]), file=out)\n");
  const auto in_dir = [&](const char* name) { return " '" + (dir / name).string() + "'"; };
  REQUIRE(std::system(("python3" + in_dir("read.py") + in_dir("r.jsonl") + in_dir("out.jsonl")).c_str()) == 0);
  Strings read, expected;
  for (const pr::Json& value : values_in(dir / "out.jsonl")) read.push_back(value.dump());
  for (const std::string& item : items) expected.push_back(pr::Json(std::tuple(item, item, 5e-324, UINT64_MAX)).dump());
  CHECK(sorted(read) == sorted(expected));
}

TEST_CASE("another key field makes other lines count") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\": \"a\", \"url\": \"x\"}\n{\"id\": \"b\"}\n");
  pr::Report report;
  CHECK(run(dir / "r.jsonl", {"a", "x", "b"}, &report, "url") == Strings{"a", "b"});
  CHECK(report.recovery.foreign == 1);
}

TEST_CASE("a torn last line is moved aside, its item runs again, and the report says so") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":\"a\"}\n{\"id\":\"b\",\"res");
  pr::Report report;
  CHECK(run(dir / "r.jsonl", {"a", "b"}, &report) == Strings{"b"});
  CHECK(report.recovery.torn_bytes == 14);
  CHECK(report.recovery.torn_path == dir / "r.torn.jsonl");
  CHECK(read_file(dir / "r.torn.jsonl") == "{\"id\":\"b\",\"res\n");
  CHECK(lines_in(dir / "r.jsonl") == Strings{R"({"id":"a"})", R"({"id":"b"})"});
}

TEST_CASE("a last line that lacks only its newline counts") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":\"a\"}\n{\"id\":\"b\"}");
  pr::Report report;
  CHECK(run(dir / "r.jsonl", {"a", "b", "c"}, &report) == Strings{"c"});
  CHECK(report.recovery.newline_added);
  CHECK(lines_in(dir / "r.jsonl").size() == 3);
}

TEST_CASE("damaged lines are counted with their places, left alone, and their items run again") {
  const TempDir dir;
  const std::string before = "{\"id\":\"a\"}\n{\"id\":\"b\"\n\n{\"id\":\"c\"}{\"id\":\"d\"}\n{\"id\":\"e\"}\n";
  write_file(dir / "r.jsonl", before);
  pr::Report report;
  CHECK(run(dir / "r.jsonl", {"a", "b", "c", "d", "e"}, &report) == Strings{"b", "c", "d"});
  CHECK(report.recovery.damaged == 2);
  REQUIRE(report.recovery.damage.size() == 2);
  CHECK(report.recovery.damage[0].offset == 11);
  CHECK(read_file(dir / "r.jsonl").substr(0, before.size()) == before);
}

TEST_CASE("an id that is there twice is counted once") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "{\"id\":\"a\"}\n{\"id\":\"\\u0061\",\"x\":1}\n");
  pr::Report report;
  CHECK(run(dir / "r.jsonl", {"a"}, &report).empty());
  CHECK(report.recovery.lines == 2);
  CHECK(report.recovery.ids == 1);
  CHECK(report.recovery.duplicates == 1);
}

TEST_CASE("a file made on Windows, with a byte-order mark and CRLF ends, is resumed") {
  const TempDir dir;
  write_file(dir / "r.jsonl", "\xef\xbb\xbf{\"id\":\"a\"}\r\n{\"id\":\"b\"}\r\n");
  CHECK(run(dir / "r.jsonl", {"a", "b", "c"}) == Strings{"c"});
}

TEST_CASE("a job need not have the items that are in its file") {
  const TempDir dir;
  run(dir / "r.jsonl", {"a", "b"});
  pr::Report report;
  CHECK(run(dir / "r.jsonl", {"c"}, &report) == Strings{"c"});
  CHECK(report.skipped == 0);
  CHECK(report.recovery.ids == 2);
  CHECK(lines_in(dir / "r.jsonl").size() == 3);
}
