/// The parser behind `Json::parse`. RapidJSON's reader would refuse numbers beyond the range of a double,
/// which are to be carried along, and is only the reference in the tests.
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include <pararun/json.hpp>

#include "json/escape.hpp"
#include "json/text.hpp"

namespace pararun {
namespace detail {

/// Recursive, but no deeper than `Json::kMaxDepth`: a level takes some 100 bytes of stack.
class JsonParser {
 public:
  /// `text` is valid UTF-8.
  explicit JsonParser(std::string_view text) noexcept : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  Json parse_document() {
    Json document;
    skip_space();
    parse_value(document, 0);
    if (at_ != end_) fail("text follows the value");
    return document;
  }

  [[noreturn]] static void fail_at(std::size_t offset, const std::string& problem) {
    throw JsonError("malformed JSON at byte " + std::to_string(offset) + ": " + problem);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    if (at_ == end_) fail_at(static_cast<std::size_t>(at_ - begin_), "the text ends too early");
    fail_at(static_cast<std::size_t>(at_ - begin_), problem);
  }

  bool next_is(char c) const noexcept { return at_ != end_ && *at_ == c; }

  bool take(char c) noexcept {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }

  void skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }

  /// Leaves off at what follows the value and white space.
  void parse_value(Json& out, unsigned depth) {
    switch (at_ == end_ ? '\0' : *at_) {
      case '"':
        out = Json(Json::Kind::string, parse_string());
        break;
      case '{':
        parse_object(out, depth);
        break;
      case '[':
        parse_array(out, depth);
        break;
      case 't':
        parse_word("true");
        out = true;
        break;
      case 'f':
        parse_word("false");
        out = false;
        break;
      case 'n':
        parse_word("null");
        break;
      default:
        parse_number(out);
    }
    skip_space();
  }

  void parse_object(Json& out, unsigned depth) {
    out = Json::object();
    auto& members = out.on_heap<Json::Members>();
    enter(depth);
    if (take('}')) return;
    members.reserve(8);
    do {
      skip_space();
      if (!next_is('"')) fail("a member's name in quotes is expected");
      Json::Member& member = members.emplace_back(parse_string(), Json());
      skip_space();
      if (!take(':')) fail("a colon is expected");
      skip_space();
      parse_value(member.value(), depth + 1);
    } while (take(','));
    if (!take('}')) fail("a comma or a closing brace is expected");
    merge_same_names(members);
  }

  void parse_array(Json& out, unsigned depth) {
    out = Json::array();
    auto& elements = out.on_heap<Json::Elements>();
    enter(depth);
    if (take(']')) return;
    do {
      skip_space();
      parse_value(elements.emplace_back(), depth + 1);
    } while (take(','));
    if (!take(']')) fail("a comma or a closing bracket is expected");
  }

  void enter(unsigned depth) {
    if (depth == Json::kMaxDepth) fail("nested deeper than " + std::to_string(Json::kMaxDepth) + " levels");
    ++at_;
    skip_space();
  }

  void parse_word(std::string_view word) {
    for (const char c : word) {
      if (!take(c)) fail("a value is expected");
    }
  }

  void parse_number(Json& out) {
    const char* const start = at_;
    const bool negative = take('-');
    if (!take('0')) skip_digits(negative ? "a digit is expected" : "a value is expected");
    if (take('.')) skip_digits("a digit is expected");
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      skip_digits("a digit is expected");
    }
    out = Json(Json::Kind::number, {start, at_});
  }

  void skip_digits(const char* problem) {
    const char* const start = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    if (at_ == start) fail(problem);
  }

  /// The characters are those of the text, or of `unescaped_` until the next call.
  std::string_view parse_string() {
    const char* start = ++at_;
    at_ += json::unescaped_prefix({at_, end_});
    if (take('"')) return {start, at_ - 1};
    unescaped_.assign(start, at_);
    while (!take('"')) {
      if (!next_is('\\')) fail("a control character in a string");
      parse_escape(unescaped_);
      const std::size_t plain = json::unescaped_prefix({at_, end_});
      unescaped_.append(at_, plain);
      at_ += plain;
    }
    return unescaped_;
  }

  void parse_escape(std::string& out) {
    const json::Escape escape = json::read_escape({at_, end_});
    if (escape.problem != nullptr) fail(escape.problem);
    out += json::encode_utf8(escape.code_point);
    at_ += escape.length;
  }

  /// Leaves one member of each name: the last value, in the first one's place.
  static void merge_same_names(Json::Members& members) {
    // Comparing all pairs is fastest for ordinary objects, and quadratic in what an attacker sends.
    constexpr std::size_t kFew = 24;
    if (members.size() <= kFew) {
      for (std::size_t i = 1; i < members.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (!members[i].same_name(members[j])) continue;
          members[j].value() = std::move(members[i].value());
          members.erase(members.begin() + static_cast<std::ptrdiff_t>(i--));
          break;
        }
      }
      return;
    }

    std::vector<std::size_t> by_name(members.size());
    std::iota(by_name.begin(), by_name.end(), std::size_t{0});
    std::sort(by_name.begin(), by_name.end(), [&](std::size_t a, std::size_t b) {
      const int order = members[a].name().compare(members[b].name());
      return order < 0 || (order == 0 && a < b);
    });
    std::vector<bool> superseded(members.size());
    for (std::size_t i = 1, first = 0; i < by_name.size(); ++i) {
      if (!members[by_name[i]].same_name(members[by_name[first]])) {
        first = i;
        continue;
      }
      members[by_name[first]].value() = std::move(members[by_name[i]].value());
      superseded[by_name[i]] = true;
    }
    std::size_t position = 0;
    std::erase_if(members, [&](const Json::Member&) { return superseded[position++]; });
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  std::string unescaped_;
};

}  // namespace detail

Json Json::parse(std::string_view text) {
  using detail::JsonParser;
  if (text.starts_with("\xef\xbb\xbf")) JsonParser::fail_at(0, "a byte-order mark");
  const std::size_t valid = json::valid_utf8_prefix(text);
  if (valid != text.size()) JsonParser::fail_at(valid, "no valid UTF-8");
  return JsonParser(text).parse_document();
}

}  // namespace pararun
