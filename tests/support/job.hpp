/// What a job left behind, for tests to look at.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/json.hpp>
#include <pararun/report.hpp>

namespace pararun::testing {

/// Without their newlines; the last one must have had one. None if there is no such file.
inline std::vector<std::string> lines_in(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> lines;
  bool whole = true;
  for (std::string line; std::getline(in, line);) {
    whole = !in.eof();
    lines.push_back(line);
  }
  CHECK(whole);
  return lines;
}

/// How many whole lines there are at this moment, in a file that is being written.
inline std::size_t count_lines(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
}

inline std::vector<Json> values_in(const std::filesystem::path& path) {
  std::vector<Json> values;
  for (const std::string& line : lines_in(path)) values.push_back(Json::parse(line));
  return values;
}

/// The ids of the lines, in the order of the lines: `"a"` with its quotes, or `17`.
inline std::vector<std::string> ids_in(const std::filesystem::path& path, std::string_view key_field = "id") {
  std::vector<std::string> ids;
  for (const Json& value : values_in(path)) ids.push_back(value[key_field].dump());
  return ids;
}

template <class T>
std::vector<T> sorted(std::vector<T> values) {
  std::sort(values.begin(), values.end());
  return values;
}

/// Every item that was seen has exactly one fate.
inline void check_sums(const Report& report) {
  CHECK(report.seen == report.skipped + report.duplicates + report.succeeded + report.failed + report.unfinished);
  CHECK(report.skipped_failed <= report.skipped);
}

/// The exception of type `E` that `action` throws; others pass.
template <class E, class Action>
std::optional<E> thrown(Action&& action) {
  try {
    action();
  } catch (const E& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace pararun::testing
