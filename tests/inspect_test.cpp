#include <pararun/inspect.hpp>

#include <iterator>
#include <ranges>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>
#include <pararun/map.hpp>

#include "support/temp_dir.hpp"

namespace {

using namespace pararun;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

Recovery recovery_of_a_job(const std::filesystem::path& path) {
  return map([](int i) { return i; }, std::views::iota(0, 0), {.cache_path = path, .progress = Progress::none})
      .recovery;
}

}  // namespace

TEST_CASE("inspecting a file tells what opening it does, and changes nothing") {
  const TempDir directory;
  const auto path = directory.path() / "r.jsonl";
  const std::string intact = "{\"id\":1}\n{\"id\":1}\n{\"id\":\"1\"}\n{\"other\":2}\n\n{\"id\":3\n";
  const std::string tail = GENERATE(as<std::string>(), "", "{\"id\":4}", "{\"id\":1}", "{\"foreign\":4}", "{\"id\":5,",
                                    std::string(2, '\0'), "  ");
  write_file(path, intact + tail);
  const std::string before = read_file(path);

  const Recovery inspected = inspect(path);
  CHECK(read_file(path) == before);
  CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);

  const Recovery opened = recovery_of_a_job(path);
  CHECK(inspected.lines == opened.lines);
  CHECK(inspected.ids == opened.ids);
  CHECK(inspected.duplicates == opened.duplicates);
  CHECK(inspected.foreign == opened.foreign);
  CHECK(inspected.damaged == 1);
  REQUIRE(inspected.damage.size() == 1);
  CHECK(inspected.damage[0].offset == intact.size() - 8);
  CHECK(inspected.torn_bytes == opened.torn_bytes);
  CHECK(inspected.torn_path == opened.torn_path);
  CHECK(inspected.newline_added == opened.newline_added);

  const Recovery again = inspect(path);
  CHECK(again.lines == opened.lines);
  CHECK(again.foreign == opened.foreign);
  CHECK(again.torn_bytes == 0);
  CHECK_FALSE(again.newline_added);
}

TEST_CASE("an intact last line counts although its newline is missing") {
  const TempDir directory;
  const auto path = directory.path() / "r.jsonl";
  write_file(path, "{\"id\":1}\n{\"id\":2}");
  const Recovery found = inspect(path);
  CHECK(found.lines == 2);
  CHECK(found.ids == 2);
  CHECK(found.newline_added);
}

TEST_CASE("a missing file is inspected as an empty one, and not created") {
  const TempDir directory;
  CHECK(inspect(directory.path() / "none.jsonl").lines == 0);
  CHECK_FALSE(std::filesystem::exists(directory.path() / "none.jsonl"));
}

TEST_CASE("what is no file cannot be inspected") {
  const TempDir directory;
  CHECK_THROWS_AS(inspect(directory.path()), StoreError);
  CHECK_THROWS_AS(inspect(directory.path() / "r.jsonl", ""), OptionsError);
}

TEST_CASE("a strict job that refuses a damaged file leaves its torn tail as it was") {
  const TempDir directory;
  const auto path = directory.path() / "r.jsonl";
  write_file(path, "broken\n{\"id\":1}\n{\"id\":");
  const std::string before = read_file(path);
  CHECK_THROWS_AS(map([](int i) { return i; }, std::views::iota(0, 3),
                      {.cache_path = path, .strict = true, .progress = Progress::none}),
                  CacheDamaged);
  CHECK(read_file(path) == before);
}
