/// What the lines of a job look like, and which are refused. What they mean to a later run: scan_test.cpp.
#include "job/lines.hpp"

#include <cstdint>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/error.hpp>

namespace pr = pararun;
using pararun::detail::IdKind;
using pararun::detail::IdView;
using pararun::job::LineFormat;

namespace {

template <class Result>
std::string line_of(const LineFormat& format, const Result& content) {
  std::string line;
  pr::JsonWriter result(line);
  const std::size_t body = format.begin_result(line, result, IdView{IdKind::string, "a"});
  result.value(content);
  format.end_result(line, body, result, true);
  return line;
}

}  // namespace

TEST_CASE("a result stands beside the id, an object's members in its object") {
  const LineFormat format("id");
  CHECK(line_of(format, 7) == "{\"id\":\"a\",\"result\":7}\n");
  CHECK(line_of(format, pr::object("n", 7)) == "{\"id\":\"a\",\"n\":7}\n");
  CHECK(line_of(format, pr::object()) == "{\"id\":\"a\"}\n");
  CHECK(line_of(format, pr::object("n", 7, "id", "a")) == "{\"n\":7,\"id\":\"a\"}\n");
}

TEST_CASE("a result whose line would be too long to be read again is refused") {
  const auto content = [](std::size_t length) { return std::string(length, 'x'); };
  const std::string longest = line_of(LineFormat("id"), content(100));
  const LineFormat format("id", longest.size() - 1);
  CHECK(line_of(format, content(100)) == longest);
  CHECK_THROWS_WITH(line_of(format, content(101)),
                    "result: its line has 123 bytes; none of more than 122 can be read again");
  CHECK_THROWS_AS(line_of(format, pr::object("text", content(120))), pr::BadResult);
  CHECK_THROWS_AS(line_of(format, pr::object("id", "a", "text", content(120))), pr::BadResult);
}

TEST_CASE("the details of a failure are left out where its line would be too long to be read again") {
  const LineFormat format("id", 300);
  const auto line_with = [&](const std::string& details) {
    std::string line;
    format.write_failure(
        line, {.kind = "exception", .type = "E", .message = "m", .details = details},
        {.id = IdView{IdKind::integer, "7"}, .index = 0, .where = {}, .attempts = 1, .took = {}, .at = {}});
    return line;
  };
  CHECK(line_with("[1]").find(R"("details":[1])") != std::string::npos);
  CHECK(line_with('"' + std::string(300, 'x') + '"') == line_with(""));
  CHECK(line_with("").starts_with(R"({"id":7,"error":{"kind":"exception","type":"E","message":"m"},)"));
}
