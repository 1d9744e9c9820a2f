/// RapidJSON's reader as a second opinion on what is JSON, with what is known of its weaknesses kept away from it:
/// numbers stay text, nothing recurses, assertions throw.
#pragma once

#include <stdexcept>

#define RAPIDJSON_NAMESPACE pararun_reference_rapidjson
#define RAPIDJSON_NAMESPACE_BEGIN namespace RAPIDJSON_NAMESPACE {
#define RAPIDJSON_NAMESPACE_END }
#define RAPIDJSON_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : throw std::logic_error("RapidJSON: " #condition))
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <optional>
#include <string>
#include <string_view>

#include <pararun/json_writer.hpp>

namespace pararun::testing {

/// Writes what the reader reports.
struct Rewriter {
  JsonWriter& json;

  bool Null() { return json.null(), true; }
  bool Bool(bool value) { return json.boolean(value), true; }
  bool RawNumber(const char* text, unsigned size, bool) { return json.number_text({text, size}), true; }
  bool String(const char* text, unsigned size, bool) { return json.string({text, size}), true; }
  bool StartObject() { return json.begin_object(), true; }
  bool Key(const char* text, unsigned size, bool) { return json.key({text, size}), true; }
  bool EndObject(unsigned) { return json.end_object(), true; }
  bool StartArray() { return json.begin_array(), true; }
  bool EndArray(unsigned) { return json.end_array(), true; }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
};

struct ReferenceVerdict {
  std::optional<std::string> rewritten;  ///< compact, if `text` is JSON
  bool number_too_big = false;           ///< refused for that alone
};

inline ReferenceVerdict read_with_rapidjson(std::string_view text) {
  namespace rapidjson = RAPIDJSON_NAMESPACE;
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  if (text.find('\0') != std::string_view::npos) return {};  // it would take a NUL for the end
  std::string out;
  JsonWriter json(out);
  Rewriter rewriter{json};
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(text.data(), text.size());
  try {
    const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, rewriter);
    if (result.IsError())
      return {.rewritten = {}, .number_too_big = result.Code() == rapidjson::kParseErrorNumberTooBig};
  } catch (const BadResult&) {
    return {};  // it reads half of a surrogate pair as if it were a character
  }
  return {.rewritten = out};
}

}  // namespace pararun::testing
