/// Reads one line of a results file: is it an intact JSON object, and whose? Strict, because a line that is
/// believed makes an item be skipped for ever: what a torn write, a power loss or an editor leaves behind must
/// never pass for a result.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <pararun/detail/id_list.hpp>

namespace pararun::store {

enum class LineKind : std::uint8_t {
  id,       ///< an object that holds an id
  foreign,  ///< an object without the key, or whose key is neither a string nor an integer
  blank,    ///< nothing but white space
  damaged,  ///< anything else
};

struct ScannedLine {
  LineKind kind = LineKind::damaged;
  detail::IdKind id_kind = detail::IdKind::string;

  /// Of a line of kind `id`: the string without its escapes, or the integer's decimal text ("-0" is "0").
  /// Valid as long as the line is and until the next `scan`.
  std::string_view id;

  /// What is wrong with a damaged line; null for all others. Never to be freed.
  const char* problem = nullptr;
};

/// In bytes, without its newline. A longer one counts as damaged, and is never in memory as a whole.
inline constexpr std::uint64_t kLongestLine = std::uint64_t{1} << 30;

/// Understands RFC 8259 in valid UTF-8, and Python's `NaN`, `Infinity` and `-Infinity` besides. Refuses
/// unpaired surrogate escapes, which no UTF-8 text can hold, NUL bytes and a byte-order mark. Any depth of
/// nesting. Of members with the same name the last one counts. For one thread at a time.
class LineScanner {
 public:
  /// `key_field` is the name of the top-level member that holds the id, in UTF-8.
  explicit LineScanner(std::string key_field);

  /// `line` comes without its newline. Throws only `std::bad_alloc`.
  ScannedLine scan(std::string_view line);

 private:
  std::string key_field_;
  std::string unescaped_id_;
  std::vector<bool> outer_objects_;
};

}  // namespace pararun::store
