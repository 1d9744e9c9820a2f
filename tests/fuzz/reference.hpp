/// What opening a results file must come to, decided by the slow way: src/store/FORMAT.md put into words of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/json_checker.hpp"

namespace pararun::testing {

/// One line, without its newline.
struct ReferenceLine {
  enum class Kind { id, foreign, blank, damaged };

  Kind kind = Kind::damaged;
  std::optional<ReferenceId> id;  ///< of a line of kind `id`
};

/// Whether `text` is one value as of RFC 8259, its containers nested no deeper than that.
bool is_reference_json(std::string_view text, std::size_t most_depth);

ReferenceLine read_reference_line(std::string_view line, std::string_view key_field = "id");

/// A results file after it was opened.
struct ReferenceFile {
  struct Place {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    friend bool operator==(const Place&, const Place&) = default;
  };

  std::uint64_t lines = 0;  ///< that hold an id
  std::set<ReferenceId> ids;
  std::uint64_t foreign = 0;
  std::vector<Place> damaged;  ///< in order
  std::string repaired;        ///< what the file then holds
  std::string torn;            ///< what was cut off
  bool newline_added = false;
};

ReferenceFile read_reference_file(std::string_view content, std::string_view key_field = "id");

}  // namespace pararun::testing
