// As a program that has RapidJSON in a namespace of its own.
#define RAPIDJSON_NAMESPACE company::json
#define RAPIDJSON_NAMESPACE_BEGIN namespace company::json {
#define RAPIDJSON_NAMESPACE_END }
#include <pararun/rapidjson.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <pararun/pararun.hpp>

#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace rj = company::json;
namespace pr = pararun;
using namespace pararun::testing;

namespace {

static_assert(pr::JsonWritable<rj::Value> && pr::JsonWritable<rj::Document>);
static_assert(!pr::JsonWritable<rj::GenericValue<rj::UTF16<>>>);

template <class T>
std::string written(const T& value) {
  std::string text;
  pr::JsonWriter json(text);
  json.value(value);
  CHECK(json.complete());
  return text;
}

}  // namespace

TEST_CASE("a rapidjson document is written as it was read") {
  const std::string text =
      R"({"id":"a\n","list":[1,-2,[],{},[[true]]],"big":18446744073709551615,"least":-9223372036854775808,)"
      R"("ratio":0.1,"one":1.0,"none":null,"no":false,"deep":{"a":{"b":{}},"c":[{}]}})";
  rj::Document document;
  document.Parse(text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(written(document) == text);
  CHECK(written(document["list"]) == "[1,-2,[],{},[[true]]]");
  CHECK(written(document["id"]) == R"("a\n")");
}

TEST_CASE("rapidjson values made by hand are written exactly") {
  rj::MemoryPoolAllocator<> memory;
  rj::Value object(rj::kObjectType);
  object.AddMember("text", rj::Value("zero \0 byte", 11), memory);
  object.AddMember("unsigned", std::uint64_t{1} << 63, memory);
  object.AddMember("double", 1e300, memory);
  CHECK(written(object) == R"({"text":"zero \u0000 byte","unsigned":9223372036854775808,"double":1e+300})");
  CHECK(written(rj::Value()) == "null");
}

TEST_CASE("a rapidjson value can be part of another result") {
  rj::Value number(3);
  CHECK(written(pr::object("value", pr::object("inner", number.GetInt()))) == R"({"value":{"inner":3}})");
  std::vector<rj::Value> values;
  values.emplace_back(1);
  values.emplace_back("x");
  CHECK(written(values) == R"([1,"x"])");
}

TEST_CASE("a rapidjson value can be a job's result, with or without a key of its own") {
  const TempDir dir;
  const pr::Report report = pr::map(
      [](const std::string& item) {
        rj::Document document(rj::kObjectType);
        if (item != "none")
          document.AddMember("id", rj::StringRef(item == "wrong" ? "other" : item.c_str()), document.GetAllocator());
        document.AddMember("size", static_cast<unsigned>(item.size()), document.GetAllocator());
        return document;
      },
      std::vector<std::string>{"own", "none", "wrong"},
      {.n_workers = 1, .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  CHECK(report.succeeded == 2);
  CHECK(lines_in(dir / "r.jsonl") == std::vector<std::string>{R"({"id":"own","size":3})", R"({"id":"none","size":4})"});
  CHECK(values_in(report.failures_path).at(0)["error"].get<std::string>("kind") == "bad_result");
}

TEST_CASE("what JSON cannot hold is refused in rapidjson values too") {
  rj::MemoryPoolAllocator<> memory;
  rj::Value object(rj::kObjectType);
  object.AddMember("score", std::numeric_limits<double>::quiet_NaN(), memory);
  CHECK_THROWS_WITH(written(object), Catch::Contains("NaN") && Catch::Contains("score"));
  rj::Value text("\xff");
  CHECK_THROWS_AS(written(text), pr::BadResult);
}

TEST_CASE("a rapidjson document that could not be parsed is no result") {
  rj::Document document;
  document.Parse("{");
  CHECK_THROWS_AS(written(document), pr::BadResult);
}

TEST_CASE("rapidjson values of any depth are written") {
  const std::string text = std::string(200'000, '[') + std::string(200'000, ']');
  rj::Document document;
  document.Parse<rj::kParseIterativeFlag>(text.c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(written(document) == text);
}
