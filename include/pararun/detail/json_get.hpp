/// What `Json::get` makes of a value for each type that it knows.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <pararun/json.hpp>

namespace pararun {

namespace detail {

template <class T>
inline constexpr bool kNoJsonType = false;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T, class Allocator>
inline constexpr bool kIsVector<std::vector<T, Allocator>> = true;

/// Rethrows what is wrong with a value as a problem of the field or element that it is.
[[noreturn]] void rethrow_in_field(std::string_view name, const JsonError& error);
[[noreturn]] void rethrow_in_element(std::size_t index, const JsonError& error);

template <class T>
T get_field(std::string_view name, const Json& value) {
  try {
    return value.get<T>();
  } catch (const JsonError& error) {
    rethrow_in_field(name, error);
  }
}

}  // namespace detail

template <class T>
T Json::get() const {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::same_as<T, Json>) {
    return *this;
  } else if constexpr (std::same_as<T, bool>) {
    return as_bool();
  } else if constexpr (std::signed_integral<T> && detail::Number<T> && sizeof(T) <= sizeof(std::int64_t)) {
    return static_cast<T>(as_signed(Limits::min(), Limits::max()));
  } else if constexpr (std::unsigned_integral<T> && detail::Number<T> && sizeof(T) <= sizeof(std::uint64_t)) {
    return static_cast<T>(as_unsigned(Limits::max()));
  } else if constexpr (std::same_as<T, float>) {
    return as_float();
  } else if constexpr (std::same_as<T, double>) {
    return as_double();
  } else if constexpr (std::same_as<T, std::string> || std::same_as<T, std::string_view> ||
                       std::same_as<T, std::filesystem::path>) {
    return T(as_string());
  } else if constexpr (detail::kIsOptional<T>) {
    if (is_null()) return std::nullopt;
    return get<typename T::value_type>();
  } else if constexpr (detail::kIsVector<T>) {
    const std::span<const Json> items = elements();
    T result;
    result.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      try {
        result.push_back(items[i].template get<typename T::value_type>());
      } catch (const JsonError& error) {
        detail::rethrow_in_element(i, error);
      }
    }
    return result;
  } else if constexpr (detail::Map<T>) {
    T result;
    for (const Member& member : members()) {
      result.emplace(member.name(), detail::get_field<typename T::mapped_type>(member.name(), member.value()));
    }
    return result;
  } else {
    static_assert(detail::kNoJsonType<T>, "Json::get: no JSON value can be had as this type");
  }
}

template <class T>
T Json::get(std::string_view name) const {
  if constexpr (detail::kIsOptional<T>) {
    const Json* field = find_in_object(name);
    return field == nullptr ? T() : detail::get_field<T>(name, *field);
  } else {
    return detail::get_field<T>(name, (*this)[name]);
  }
}

template <class T>
auto Json::get_or(std::string_view name, T fallback) const {
  using Result = std::conditional_t<detail::StringLike<T>, std::string, T>;
  const Json* field = find_in_object(name);
  if (field == nullptr || field->is_null()) return Result(std::move(fallback));
  return detail::get_field<Result>(name, *field);
}

}  // namespace pararun
