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
    char digits[48];  // also for __int128
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    add(IdKind::integer, {digits, end});
  }

  void add(IdKind kind, std::string_view text) {
    const std::size_t begin = bytes_.size();
    bytes_.append(text);
    places_.push_back({begin, text.size(), kind});
  }

  std::size_t size() const noexcept { return places_.size(); }

  IdView operator[](std::size_t index) const noexcept {
    const Place& place = places_[index];
    return {place.kind, std::string_view(bytes_).substr(place.begin, place.length)};
  }

  void clear() noexcept {
    bytes_.clear();
    places_.clear();
  }

 private:
  struct Place {
    std::size_t begin;
    std::size_t length;
    IdKind kind;
  };
  std::string bytes_;
  std::vector<Place> places_;
};

}  // namespace pararun::detail
