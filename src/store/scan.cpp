#include "store/scan.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "json/escape.hpp"
#include "json/swar.hpp"

namespace pararun::store {
namespace {

namespace swar = json::swar;

constexpr const char* kCutShort = "it ends too early";
constexpr const char* kNul = "a NUL byte";

std::uint64_t load_some(const char* bytes, std::size_t size) noexcept {
  return size >= 8 ? swar::load(bytes) : swar::load_partial(bytes, size);
}

/// The first byte that is not ASCII that stands for itself in a string; `end` if there is none.
const char* plain_end(const char* at, const char* end) noexcept {
  while (at != end) {
    const std::size_t size = std::min<std::size_t>(static_cast<std::size_t>(end - at), 8);
    const std::uint64_t word = load_some(at, size);
    const std::uint64_t marks = swar::needs_escape(word) | swar::non_ascii(word);
    if (marks != 0) return at + swar::first_marked(marks);  // the NUL behind a partial word, if there is none before
    at += size;
  }
  return end;
}

/// What is between the quotes of a string.
struct RawString {
  std::string_view text;
  bool escaped = false;
};

bool stands_for(const RawString& string, std::string_view name) noexcept {
  if (!string.escaped) return string.text == name;
  std::string_view rest = string.text;
  while (!rest.empty()) {
    std::size_t length = 1;
    json::Utf8 character;
    std::string_view part = rest.substr(0, 1);
    if (rest.front() == '\\') {
      const json::Escape escape = json::read_escape(rest);
      length = escape.length;
      character = json::encode_utf8(escape.code_point);
      part = character;
    }
    if (!name.starts_with(part)) return false;
    name.remove_prefix(part.size());
    rest.remove_prefix(length);
  }
  return name.empty();
}

void unescape(std::string_view text, std::string& out) {
  out.clear();
  for (;;) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const json::Escape escape = json::read_escape(text);
    out.append(json::encode_utf8(escape.code_point));
    text.remove_prefix(escape.length);
  }
}

/// The tokens of a line. What returns false has found damage; `problem` then says which.
class Tokens {
 public:
  explicit Tokens(std::string_view line) noexcept : at_(line.data()), end_(at_ + line.size()) {}

  const char* problem() const noexcept { return problem_; }
  bool at_end() const noexcept { return at_ == end_; }

  void skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }

  bool next_is(char c) const noexcept { return at_ != end_ && *at_ == c; }

  bool take(char c) noexcept {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }

  /// The next byte; NUL at the end.
  char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }

  /// Begins at the opening quote.
  bool string(RawString& out) noexcept {
    const char* const begin = ++at_;
    out.escaped = false;
    for (;;) {
      at_ = plain_end(at_, end_);
      if (take('"')) break;
      if (next_is('\\')) {
        const json::Escape escape = json::read_escape({at_, end_});
        if (escape.problem != nullptr) return fail(escape.problem);
        at_ += escape.length;
        out.escaped = true;
      } else if (at_ == end_ || static_cast<unsigned char>(*at_) < 0x20) {
        return fail("a control character in a string");
      } else if (!skip_non_ascii()) {
        return fail("invalid UTF-8");
      }
    }
    out.text = {begin, at_ - 1};
    return true;
  }

  /// `integer` becomes the number's text if it has neither fraction nor exponent, and empty otherwise.
  bool number(std::string_view& integer) noexcept {
    const char* const begin = at_;
    integer = {};
    const bool negative = take('-');
    if (negative && next_is('I')) return word("Infinity");
    if (!take('0') && !digits(negative ? "a malformed number" : "a value is expected")) return false;
    if (!next_is('.') && !next_is('e') && !next_is('E')) {
      integer = {begin, at_};
      return true;
    }
    if (take('.') && !digits("a malformed number")) return false;
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      return digits("a malformed number");
    }
    return true;
  }

  bool word(std::string_view expected) noexcept {
    if (!std::string_view(at_, end_).starts_with(expected)) return fail("a value is expected");
    at_ += expected.size();
    return true;
  }

  bool fail(const char* problem) noexcept {
    problem_ = at_ == end_ ? kCutShort : *at_ == '\0' ? kNul : problem;
    return false;
  }

 private:
  bool digits(const char* problem) noexcept {
    const char* const begin = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != begin || fail(problem);
  }

  bool skip_non_ascii() noexcept {
    while (at_ != end_ && static_cast<unsigned char>(*at_) > 0x7f) {
      const std::size_t length = swar::sequence_length(load_some(at_, static_cast<std::size_t>(end_ - at_)));
      if (length == 0) return false;
      at_ += length;
    }
    return true;
  }

  const char* at_;
  const char* end_;
  const char* problem_ = nullptr;
};

/// A member's value, as far as it may be an id.
struct Value {
  LineKind kind = LineKind::foreign;
  detail::IdKind id_kind = detail::IdKind::string;
  RawString text;
};

bool read_scalar(Tokens& tokens, Value& value) noexcept {
  value.kind = LineKind::foreign;
  switch (tokens.peek()) {
    case '"':
      value.kind = LineKind::id;
      value.id_kind = detail::IdKind::string;
      return tokens.string(value.text);
    case 't':
      return tokens.word("true");
    case 'f':
      return tokens.word("false");
    case 'n':
      return tokens.word("null");
    case 'N':
      return tokens.word("NaN");
    case 'I':
      return tokens.word("Infinity");
    default:
      break;
  }
  std::string_view& integer = value.text.text;
  if (!tokens.number(integer)) return false;
  if (integer.empty()) return true;
  value.kind = LineKind::id;
  value.id_kind = detail::IdKind::integer;
  value.text.escaped = false;
  if (integer == "-0") integer.remove_prefix(1);
  return true;
}

/// Which containers are open. Recursion would overflow the stack on a line of brackets.
class Nesting {
 public:
  /// Within the outermost object. `outer` is memory to be used.
  explicit Nesting(std::vector<bool>& outer) noexcept : outer_(outer) { outer_.clear(); }

  bool in_object() const noexcept { return in_object_; }
  bool is_outermost() const noexcept { return outer_.empty(); }

  void open(bool object) {
    outer_.push_back(in_object_);
    in_object_ = object;
  }

  /// Returns false where this was the outermost object.
  bool close() noexcept {
    if (outer_.empty()) return false;
    in_object_ = outer_.back();
    outer_.pop_back();
    return true;
  }

 private:
  bool in_object_ = true;
  std::vector<bool>& outer_;
};

/// Reads what follows the opening brace of the outermost object, up to its closing one. `id` becomes the value
/// of the last member called `key_field`.
bool read_object(Tokens& tokens, Nesting nesting, std::string_view key_field, Value& id) {
  const auto take_closing = [&] { return tokens.take(nesting.in_object() ? '}' : ']'); };
  bool just_opened = true;
  for (;;) {
    tokens.skip_space();
    if (just_opened && take_closing()) {
      if (!nesting.close()) return true;
    } else {
      bool is_id = false;
      if (nesting.in_object()) {
        RawString name;
        if (!tokens.next_is('"')) return tokens.fail("a member's name in quotes is expected");
        if (!tokens.string(name)) return false;
        tokens.skip_space();
        if (!tokens.take(':')) return tokens.fail("a colon is expected");
        tokens.skip_space();
        is_id = nesting.is_outermost() && stands_for(name, key_field);
      }
      const bool object = tokens.take('{');
      if (object || tokens.take('[')) {
        if (is_id) id = {};
        nesting.open(object);
        just_opened = true;
        continue;
      }
      Value value;
      if (!read_scalar(tokens, is_id ? id : value)) return false;
    }
    just_opened = false;
    for (tokens.skip_space(); !tokens.take(','); tokens.skip_space()) {
      if (!take_closing()) return tokens.fail("a comma or a closing bracket is expected");
      if (!nesting.close()) return true;
    }
  }
}

}  // namespace

LineScanner::LineScanner(std::string key_field) : key_field_(std::move(key_field)) {}

ScannedLine LineScanner::scan(std::string_view line) {
  Tokens tokens(line);
  tokens.skip_space();
  if (tokens.at_end()) return {.kind = LineKind::blank, .id = {}};
  Value id;
  const auto is_intact = [&] {
    if (!tokens.take('{')) return tokens.fail("no JSON object");
    if (!read_object(tokens, Nesting(outer_objects_), key_field_, id)) return false;
    tokens.skip_space();
    return tokens.at_end() || tokens.fail("something follows the object");
  };
  if (!is_intact()) return {.kind = LineKind::damaged, .id = {}, .problem = tokens.problem()};
  if (id.kind == LineKind::id && id.text.escaped) {
    unescape(id.text.text, unescaped_id_);
    id.text.text = unescaped_id_;
  }
  return {.kind = id.kind, .id_kind = id.id_kind, .id = id.text.text};
}

}  // namespace pararun::store
