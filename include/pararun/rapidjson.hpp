/// Results made with the program's own RapidJSON: with this header `rapidjson::Value` and
/// `rapidjson::Document` can be returned from an item function. pararun itself has no part in which RapidJSON
/// that is, nor in which namespace (`RAPIDJSON_NAMESPACE`).
///
/// A value that RapidJSON read has whatever its parser made of the numbers; pararun's own `Json` keeps them as
/// they were.
#pragma once

#include <rapidjson/document.h>

#include <concepts>
#include <string_view>
#include <vector>

#include <pararun/json_writer.hpp>

namespace pararun {

namespace detail {

template <class Value>
void write_rapidjson_scalar(JsonWriter& json, const Value& value) {
  if (value.IsString()) {
    json.string({value.GetString(), value.GetStringLength()});
  } else if (value.IsInt64()) {
    json.integer(value.GetInt64());
  } else if (value.IsUint64()) {
    json.integer(value.GetUint64());
  } else if (value.IsNumber()) {
    json.real(value.GetDouble());
  } else if (value.IsBool()) {
    json.boolean(value.GetBool());
  } else {
    json.null();
  }
}

/// An array or object that is not written to its end.
template <class Value>
struct OpenRapidjson {
  const Value* container;
  typename Value::ConstValueIterator element{};
  typename Value::ConstMemberIterator member{};
};

}  // namespace detail

/// Strings must be UTF-8; NaN and infinities throw `BadResult`. Nesting may be of any depth.
template <class Encoding, class Allocator>
requires std::same_as<typename Encoding::Ch, char>
void write_json(JsonWriter& json, const RAPIDJSON_NAMESPACE::GenericValue<Encoding, Allocator>& root) {
  using Value = RAPIDJSON_NAMESPACE::GenericValue<Encoding, Allocator>;
  // RapidJSON's own recursive walk overflows the stack on deep values, which its iterative parser can make.
  std::vector<detail::OpenRapidjson<Value>> open;
  const Value* value = &root;
  for (;;) {
    if (value != nullptr && value->IsObject()) {
      json.begin_object();
      open.push_back({value, {}, value->MemberBegin()});
    } else if (value != nullptr && value->IsArray()) {
      json.begin_array();
      open.push_back({value, value->Begin(), {}});
    } else if (value != nullptr) {
      detail::write_rapidjson_scalar(json, *value);
    }
    if (open.empty()) return;

    auto& [container, element, member] = open.back();
    if (container->IsObject() && member != container->MemberEnd()) {
      json.key({member->name.GetString(), member->name.GetStringLength()});
      value = &(member++)->value;
    } else if (container->IsArray() && element != container->End()) {
      value = element++;
    } else {
      container->IsObject() ? json.end_object() : json.end_array();
      open.pop_back();
      value = nullptr;
    }
  }
}

/// A document whose text could not be parsed throws `BadResult`.
template <class Encoding, class Allocator, class StackAllocator>
requires std::same_as<typename Encoding::Ch, char>
void write_json(JsonWriter& json,
                const RAPIDJSON_NAMESPACE::GenericDocument<Encoding, Allocator, StackAllocator>& root) {
  if (root.HasParseError()) throw BadResult("result: the rapidjson document could not be parsed");
  write_json(json, static_cast<const RAPIDJSON_NAMESPACE::GenericValue<Encoding, Allocator>&>(root));
}

}  // namespace pararun
