#include <pararun/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ostream>

#include "json/decimal.hpp"

namespace pararun {
namespace {

std::string quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }

/// Numbers of any length come from input; a message holds a glance at them.
std::string shortened(std::string_view number) {
  constexpr std::size_t kLongest = 40;
  return std::string(number.substr(0, kLongest)) + (number.size() > kLongest ? "..." : "");
}

[[noreturn]] void out_of_range(std::string_view number, const std::string& least, const std::string& most) {
  throw JsonError("is " + shortened(number) + ", which is not in " + least + " to " + most);
}

/// The nearest `T`. Numbers that are too small for any but zero give zero, as everywhere.
template <class T>
T nearest(std::string_view number, const char* type) {
  T value = 0;
  if (std::from_chars(number.data(), number.data() + number.size(), value).ec == std::errc()) return value;
  // Both an overflow and an underflow are out of range to from_chars.
  const std::optional<json::Decimal> decimal = json::to_decimal(number);
  const bool small =
      decimal ? decimal->scale <= 0 : number.find("e-") != number.npos || number.find("E-") != number.npos;
  if (!small) throw JsonError("is " + shortened(number) + ", too large for a " + type);
  return std::copysign(T{0}, number.starts_with('-') ? T{-1} : T{1});
}

}  // namespace

static_assert(sizeof(Json) == 16);

Json::Json(Kind kind, std::string_view text) {
  rep_.kind = kind;
  if (text.size() <= sizeof rep_.bytes) {
    rep_.short_size = static_cast<std::uint8_t>(text.size());
    if (!text.empty()) std::memcpy(rep_.bytes, text.data(), text.size());
  } else {
    const std::size_t size = text.size();
    char* block = new char[sizeof size + size];
    std::memcpy(block, &size, sizeof size);
    std::memcpy(block + sizeof size, text.data(), size);
    put_on_heap(kind, block);
  }
}

Json::Json(const Json& other) : Json() {
  if (other.is_array()) {
    put_on_heap(Kind::array, new Elements(other.on_heap<Elements>()));
  } else if (other.is_object()) {
    put_on_heap(Kind::object, new Members(other.on_heap<Members>()));
  } else if (other.rep_.short_size == kOnHeap) {
    *this = Json(other.rep_.kind, other.text());
  } else {
    rep_ = other.rep_;
  }
}

void Json::put_on_heap(Kind kind, void* object) noexcept {
  rep_.kind = kind;
  rep_.short_size = kOnHeap;
  std::memcpy(rep_.bytes + sizeof rep_.bytes - sizeof object, &object, sizeof object);
}

void Json::release() noexcept {
  if (is_array()) {
    delete &on_heap<Elements>();
  } else if (is_object()) {
    delete &on_heap<Members>();
  } else {
    delete[] & on_heap<char>();
  }
}

Json Json::object() {
  Json result;
  result.put_on_heap(Kind::object, new Members());
  return result;
}

Json Json::array() {
  Json result;
  result.put_on_heap(Kind::array, new Elements());
  return result;
}

std::string Json::dump() const {
  std::string text;
  JsonWriter writer(text);
  write(writer, 0);
  return text;
}

bool Json::is_integer() const noexcept { return is_number() && text().find_first_of(".eE") == std::string_view::npos; }

std::string_view Json::number_text() const {
  if (!is_number()) refuse("a number");
  return text();
}

const Json& Json::operator[](std::string_view name) const {
  const Json* field = find_in_object(name);
  if (field == nullptr) throw JsonError("field " + quoted(name) + ": is missing");
  return *field;
}

Json& Json::operator[](std::string_view name) { return const_cast<Json&>(std::as_const(*this)[name]); }

const Json& Json::operator[](std::size_t index) const {
  const std::span<const Json> all = elements();
  if (index >= all.size()) {
    throw JsonError("element " + std::to_string(index) + ": is missing, there are " + std::to_string(all.size()));
  }
  return all[index];
}

Json& Json::operator[](std::size_t index) { return const_cast<Json&>(std::as_const(*this)[index]); }

const Json* Json::find(std::string_view name) const noexcept {
  if (!is_object()) return nullptr;
  for (const Member& member : on_heap<Members>()) {
    if (member.name() == name) return &member.value();
  }
  return nullptr;
}

Json* Json::find(std::string_view name) noexcept { return const_cast<Json*>(std::as_const(*this).find(name)); }

Json* Json::find_in_object(std::string_view name) const {
  if (!is_object()) {
    try {
      refuse("an object");
    } catch (const JsonError& error) {
      throw JsonError("field " + quoted(name) + ": the value that should hold it " + error.what());
    }
  }
  return const_cast<Json*>(find(name));
}

Json& Json::set_member(std::string_view name, Json value) {
  if (is_null()) *this = object();
  if (Json* field = find_in_object(name)) {
    *field = std::move(value);
  } else {
    // The member is made before it is moved in, as `name` may point into this object.
    on_heap<Members>().push_back(Member(name, std::move(value)));
  }
  return *this;
}

bool Json::erase(std::string_view name) {
  const Json* field = find_in_object(name);
  if (field == nullptr) return false;
  std::erase_if(on_heap<Members>(), [&](const Member& member) { return &member.value() == field; });
  return true;
}

Json& Json::add_element(Json value) {
  if (is_null()) *this = array();
  if (!is_array()) refuse("an array");
  on_heap<Elements>().push_back(std::move(value));
  return *this;
}

std::size_t Json::size() const {
  if (is_object()) return on_heap<Members>().size();
  if (!is_array()) refuse("an array or an object");
  return on_heap<Elements>().size();
}

std::span<const Json::Member> Json::members() const {
  if (!is_object()) refuse("an object");
  return on_heap<Members>();
}

std::span<Json::Member> Json::members() {
  if (!is_object()) refuse("an object");
  return on_heap<Members>();
}

std::span<const Json> Json::elements() const {
  if (!is_array()) refuse("an array");
  return on_heap<Elements>();
}

std::span<Json> Json::elements() {
  if (!is_array()) refuse("an array");
  return on_heap<Elements>();
}

bool Json::equals(const Json& other) const {
  if (rep_.kind != other.rep_.kind) return false;
  switch (rep_.kind) {
    case Kind::null:
      return true;
    case Kind::boolean:
      return rep_.bytes[0] == other.rep_.bytes[0];
    case Kind::string:
      return text() == other.text();
    case Kind::number: {
      if (text() == other.text()) return true;
      const std::optional<json::Decimal> decimal = json::to_decimal(text());
      return decimal && decimal == json::to_decimal(other.text());
    }
    case Kind::array:
      return on_heap<Elements>() == other.on_heap<Elements>();
    case Kind::object:
      break;
  }
  const Members& mine = on_heap<Members>();
  const Members& theirs = other.on_heap<Members>();
  if (mine.size() != theirs.size()) return false;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const Json* counterpart = mine[i].same_name(theirs[i]) ? &theirs[i].value() : other.find(mine[i].name());
    if (counterpart == nullptr || !mine[i].value().equals(*counterpart)) return false;
  }
  return true;
}

void Json::write(JsonWriter& json, unsigned depth) const {
  if (depth == kMaxDepth && (is_array() || is_object())) {
    throw BadResult("result: is nested deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  switch (rep_.kind) {
    case Kind::null:
      json.null();
      break;
    case Kind::boolean:
      json.boolean(rep_.bytes[0] != 0);
      break;
    case Kind::number:
      json.number_text(text());
      break;
    case Kind::string:
      json.string(text());
      break;
    case Kind::array:
      json.begin_array();
      for (const Json& element : on_heap<Elements>()) element.write(json, depth + 1);
      json.end_array();
      break;
    case Kind::object:
      json.begin_object();
      for (const Member& member : on_heap<Members>()) member.value().write(json.key(member.name()), depth + 1);
      json.end_object();
      break;
  }
}

std::ostream& Json::print(std::ostream& out) const { return out << dump(); }

bool Json::as_bool() const {
  if (!is_bool()) refuse("a boolean");
  return rep_.bytes[0] != 0;
}

std::string_view Json::as_string() const {
  if (!is_string()) refuse("a string");
  return text();
}

std::int64_t Json::as_signed(std::int64_t least, std::int64_t most) const {
  if (!is_integer()) refuse("an integer");
  std::int64_t value = 0;
  const bool fits = std::from_chars(text().data(), text().data() + text().size(), value).ec == std::errc();
  if (!fits || value < least || value > most) out_of_range(text(), std::to_string(least), std::to_string(most));
  return value;
}

std::uint64_t Json::as_unsigned(std::uint64_t most) const {
  if (!is_integer()) refuse("an integer");
  if (text() == "-0") return 0;
  std::uint64_t value = 0;
  const bool fits = std::from_chars(text().data(), text().data() + text().size(), value).ec == std::errc();
  if (!fits || value > most) out_of_range(text(), "0", std::to_string(most));
  return value;
}

double Json::as_double() const { return nearest<double>(number_text(), "double"); }

float Json::as_float() const { return nearest<float>(number_text(), "float"); }

void Json::refuse(std::string_view wanted) const {
  static constexpr const char* kNames[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  const bool fraction = is_number() && wanted == "an integer";
  const std::string name = fraction ? shortened(text()) : kNames[static_cast<std::size_t>(rep_.kind)];
  throw JsonError("is " + name + ", not " + std::string(wanted));
}

void detail::rethrow_in_field(std::string_view name, const JsonError& error) {
  throw JsonError("field " + quoted(name) + ": " + error.what());
}

void detail::rethrow_in_element(std::size_t index, const JsonError& error) {
  throw JsonError("element " + std::to_string(index) + ": " + error.what());
}

}  // namespace pararun
