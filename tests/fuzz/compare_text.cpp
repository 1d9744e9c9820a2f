#include <cstddef>
#include <vector>

#include <pararun/error.hpp>
#include <pararun/json.hpp>
#include <pararun/json_writer.hpp>

#include "fuzz/compare.hpp"
#include "fuzz/reference.hpp"
#include "store/scan.hpp"

namespace pararun::testing {
namespace {

/// All beginnings of a line cost the square of its length.
constexpr std::size_t kLongestToCut = 512;

ReferenceLine::Kind kind_of(store::LineKind kind) {
  switch (kind) {
    case store::LineKind::id:
      return ReferenceLine::Kind::id;
    case store::LineKind::foreign:
      return ReferenceLine::Kind::foreign;
    case store::LineKind::blank:
      return ReferenceLine::Kind::blank;
    default:
      return ReferenceLine::Kind::damaged;
  }
}

}  // namespace

std::string compare_scan(std::string_view line, const std::string& key_field) {
  // A copy of just this size, so that a sanitizer sees a byte read behind it.
  const std::vector<char> bytes(line.begin(), line.end());
  const std::string_view text(bytes.data(), bytes.size());
  store::LineScanner scanner(key_field);
  const store::ScannedLine found = scanner.scan(text);
  const ReferenceLine expected = read_reference_line(text, key_field);
  if (kind_of(found.kind) != expected.kind) return "the scanner sees another kind of line";
  if ((found.kind == store::LineKind::damaged) != (found.problem != nullptr)) return "damage without a problem";
  if (expected.id && (found.id_kind == detail::IdKind::integer) != expected.id->is_integer) return "the id's type";
  if (expected.id && found.id != expected.id->text) return "the id is another";
  if (expected.kind == ReferenceLine::Kind::damaged || text.size() > kLongestToCut) return {};
  for (std::size_t end = text.find_last_not_of(" \t\r\n"); end != text.npos && end > text.find('{'); --end) {
    if (scanner.scan(text.substr(0, end)).kind != store::LineKind::damaged) return "a part of a line is taken for one";
  }
  return {};
}

std::string compare_parse(std::string_view text) {
  const bool expected = is_reference_json(text, Json::kMaxDepth);
  const std::vector<char> bytes(text.begin(), text.end());
  try {
    const Json value = Json::parse({bytes.data(), bytes.size()});
    if (!expected) return "the parser takes something else for JSON";
    std::string written;
    JsonWriter writer(written);
    write_json(writer, value);
    return Json::parse(written) == value ? "" : "what is written is read as something else";
  } catch (const JsonError&) {
    return expected ? "the parser refuses JSON" : "";
  }
}

}  // namespace pararun::testing
