#include "fuzz/reference.hpp"

#include <algorithm>
#include <cstddef>

namespace pararun::testing {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool feed(JsonChecker& json, std::string_view text) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return json.feed(static_cast<unsigned char>(c)); });
}

}  // namespace

bool is_reference_json(std::string_view text, std::size_t most_depth) {
  JsonChecker json(false);
  return feed(json, text) && json.is_complete() && json.depth() <= most_depth;
}

ReferenceLine read_reference_line(std::string_view line, std::string_view key_field) {
  using Kind = ReferenceLine::Kind;
  if (line.find_first_not_of(" \t\r\n") == line.npos) return {Kind::blank, {}};
  JsonChecker json(true, key_field);
  if (!feed(json, line) || !json.is_complete() || !json.is_object()) return {Kind::damaged, {}};
  return {json.id() ? Kind::id : Kind::foreign, json.id()};
}

ReferenceFile read_reference_file(std::string_view content, std::string_view key_field) {
  using Kind = ReferenceLine::Kind;
  ReferenceFile file;
  const auto count = [&](std::uint64_t offset, std::string_view text) {
    if (offset == 0 && text.starts_with(kByteOrderMark)) {
      offset += kByteOrderMark.size();
      text.remove_prefix(kByteOrderMark.size());
    }
    const ReferenceLine line = read_reference_line(text, key_field);
    if (line.kind == Kind::damaged) file.damaged.push_back({offset, text.size()});
    if (line.kind == Kind::foreign) ++file.foreign;
    if (line.kind == Kind::id) {
      ++file.lines;
      file.ids.insert(*line.id);
    }
    return line.kind;
  };

  std::size_t begin = 0;
  for (std::size_t end; (end = content.find('\n', begin)) != content.npos; begin = end + 1) {
    count(begin, content.substr(begin, end - begin));
  }
  file.repaired = content.substr(0, begin);
  const std::string_view tail = content.substr(begin);
  if (tail.empty()) return file;
  const std::size_t damaged = file.damaged.size();
  const Kind kind = count(begin, tail);
  file.damaged.resize(damaged);  // a torn tail is no damage
  file.newline_added = kind == Kind::id || kind == Kind::foreign;
  if (file.newline_added) {
    file.repaired = std::string(content) + '\n';
  } else {
    file.torn = tail;
  }
  return file;
}

}  // namespace pararun::testing
