/// What a job makes of a results file that is there already, whoever wrote it.
#include <pararun/map.hpp>

#include <filesystem>
#include <string>
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
