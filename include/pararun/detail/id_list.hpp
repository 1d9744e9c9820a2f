/// The ids of the items that one pull brought, side by side in one buffer. This is all that the compiled
/// core ever learns about a user's items.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pararun::detail {

/// String and integer ids are different ids: `"1"` is not `1`.
enum class IdKind : std::uint8_t { string, integer };

/// One id. `text` is the string's bytes, or the integer's shortest decimal form, and belongs to someone else.
struct IdView {
  IdKind kind = IdKind::string;
  std::string_view text;

  friend bool operator==(const IdView&, const IdView&) = default;
};

/// A growing list of ids. `clear` keeps the memory, so that a list used again does not allocate.
class IdList {
 public:
  void add_string(std::string_view text) { add(IdKind::string, text); }

  void add_integer(std::integral auto value) {
    char digits[24];
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    add(IdKind::integer, {digits, end});
  }

  void add(IdKind kind, std::string_view text) {
    bytes_.append(text);
    ends_.push_back({bytes_.size(), kind});
  }

  std::size_t size() const noexcept { return ends_.size(); }
  std::size_t bytes() const noexcept { return bytes_.size(); }

  IdView operator[](std::size_t index) const noexcept {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1].offset;
    const End& end = ends_[index];
    return {end.kind, std::string_view(bytes_).substr(begin, end.offset - begin)};
  }

  void clear() noexcept {
    bytes_.clear();
    ends_.clear();
  }

 private:
  struct End {
    std::size_t offset;
    IdKind kind;
  };
  std::string bytes_;
  std::vector<End> ends_;
};

}  // namespace pararun::detail
