/// How the types of the standard library, and `pr::Json`, cross.
#pragma once

#include <array>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <pararun/wire.hpp>

namespace pararun {

class Json;

namespace detail {

template <class T>
concept WirePlain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class T>
inline constexpr bool kIsString = false;
template <class Char, class Traits, class Allocator>
inline constexpr bool kIsString<std::basic_string<Char, Traits, Allocator>> = true;

template <class T>
concept WireFields = requires(T& value, const T& constant) {
  pararun_wire_fields(value);
  pararun_wire_fields(constant);
};

/// Anything that can be filled from its front to its end.
template <class T>
concept WireContainer = std::ranges::input_range<const T> && !std::ranges::view<T> &&
                        !std::same_as<T, std::filesystem::path> && !kIsString<T> && !WireFields<T> &&
                        std::default_initializable<T> && requires(T & container, typename T::value_type&& value) {
  container.insert(container.end(), std::move(value));
};

/// Containers whose elements lie side by side and are nothing but bits.
template <class T>
concept WireBlock = std::ranges::contiguous_range<const T> && WirePlain<typename T::value_type> &&
    requires(T& container) {
  container.resize(1);
};

}  // namespace detail

template <detail::WirePlain T>
struct Wire<T> {
  static void write(WireWriter& out, T value) { out.bytes(&value, sizeof value); }
  static T read(WireReader& in) {
    const std::string_view bytes = in.bytes(sizeof(T));
    if constexpr (std::same_as<T, bool>) {
      return bytes[0] != 0;
    } else {
      T value;
      std::memcpy(&value, bytes.data(), sizeof value);
      return value;
    }
  }
};

template <class Char, class Traits, class Allocator>
struct Wire<std::basic_string<Char, Traits, Allocator>> {
  using String = std::basic_string<Char, Traits, Allocator>;

  static void write(WireWriter& out, const String& text) {
    out.value(text.size()).bytes(text.data(), text.size() * sizeof(Char));
  }
  static String read(WireReader& in) {
    const std::size_t size = in.count(sizeof(Char));
    const std::string_view bytes = in.bytes(size * sizeof(Char));
    if constexpr (sizeof(Char) == 1) {
      return String(reinterpret_cast<const Char*>(bytes.data()), size);
    } else {
      String text(size, Char());
      std::memcpy(text.data(), bytes.data(), bytes.size());
      return text;
    }
  }
};

template <detail::WireContainer T>
requires Wireable<typename T::value_type>
struct Wire<T> {
  using Element = typename T::value_type;

  static void write(WireWriter& out, const T& container) {
    const auto size = static_cast<std::size_t>(std::ranges::distance(container));
    out.value(size);
    if constexpr (detail::WireBlock<T>) {
      out.bytes(std::ranges::data(container), size * sizeof(Element));
    } else {
      // vector<bool> yields proxies.
      for (const auto& element : container) out.value(static_cast<const Element&>(element));
    }
  }

  static T read(WireReader& in) {
    T container;
    if constexpr (detail::WireBlock<T>) {
      const std::size_t size = in.count(sizeof(Element));
      const std::string_view bytes = in.bytes(size * sizeof(Element));
      container.resize(size);
      if (size > 0) std::memcpy(std::ranges::data(container), bytes.data(), bytes.size());
    } else {
      // An element may have no bytes at all, as an empty tuple has none.
      const std::size_t size = in.count(0);
      for (std::size_t i = 0; i < size; ++i) container.insert(container.end(), in.value<Element>());
    }
    return container;
  }
};

template <class T, std::size_t N>
requires Wireable<T>
struct Wire<std::array<T, N>> {
  static void write(WireWriter& out, const std::array<T, N>& array) {
    for (const T& element : array) out.value(element);
  }
  static std::array<T, N> read(WireReader& in) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<T, N>{(static_cast<void>(I), in.value<T>())...};
    }
    (std::make_index_sequence<N>());
  }
};

template <class... T>
requires(Wireable<std::remove_const_t<T>>&&...) struct Wire<std::tuple<T...>> {
  static void write(WireWriter& out, const std::tuple<T...>& tuple) {
    std::apply([&](const auto&... elements) { (out.value(elements), ...); }, tuple);
  }
  // The braces see to it that they are read in order.
  static std::tuple<T...> read([[maybe_unused]] WireReader& in) {
    return std::tuple<T...>{in.value<std::remove_const_t<T>>()...};
  }
};

template <class First, class Second>
requires(Wireable<std::remove_const_t<First>>&&
             Wireable<std::remove_const_t<Second>>) struct Wire<std::pair<First, Second>> {
  static void write(WireWriter& out, const std::pair<First, Second>& pair) { out.value(pair.first).value(pair.second); }
  static std::pair<First, Second> read(WireReader& in) {
    return std::pair<First, Second>{in.value<std::remove_const_t<First>>(), in.value<std::remove_const_t<Second>>()};
  }
};

template <class T>
requires Wireable<T>
struct Wire<std::optional<T>> {
  static void write(WireWriter& out, const std::optional<T>& value) {
    out.value(value.has_value());
    if (value) out.value(*value);
  }
  static std::optional<T> read(WireReader& in) {
    if (!in.value<bool>()) return std::nullopt;
    return std::optional<T>(in.value<T>());
  }
};

template <class... T>
requires(Wireable<T>&&...) struct Wire<std::variant<T...>> {
  using Variant = std::variant<T...>;

  static void write(WireWriter& out, const Variant& variant) {
    out.value(variant.index());
    std::visit([&](const auto& value) { out.value(value); }, variant);
  }
  static Variant read(WireReader& in) {
    const auto index = in.value<std::size_t>();
    if (index >= sizeof...(T)) detail::refuse_wire("a variant holds none of its types");
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      using Read = Variant (*)(WireReader&);
      constexpr Read kReaders[] = {
          [](WireReader& from) { return Variant(std::in_place_index<I>, from.template value<T>()); }...};
      return kReaders[index](in);
    }
    (std::index_sequence_for<T...>());
  }
};

template <>
struct Wire<std::monostate> {
  static void write(WireWriter&, std::monostate) {}
  static std::monostate read(WireReader&) { return {}; }
};

template <>
struct Wire<std::filesystem::path> {
  static void write(WireWriter& out, const std::filesystem::path& path) { out.value(path.native()); }
  static std::filesystem::path read(WireReader& in) { return in.value<std::string>(); }
};

template <class Count, class Period>
struct Wire<std::chrono::duration<Count, Period>> {
  using Duration = std::chrono::duration<Count, Period>;
  static void write(WireWriter& out, Duration duration) { out.value(duration.count()); }
  static Duration read(WireReader& in) { return Duration(in.value<Count>()); }
};

template <class Clock, class Duration>
struct Wire<std::chrono::time_point<Clock, Duration>> {
  using Time = std::chrono::time_point<Clock, Duration>;
  static void write(WireWriter& out, Time time) { out.value(time.time_since_epoch()); }
  static Time read(WireReader& in) { return Time(in.value<Duration>()); }
};

template <class T>
struct Wire<std::complex<T>> {
  static void write(WireWriter& out, const std::complex<T>& value) { out.value(value.real()).value(value.imag()); }
  static std::complex<T> read(WireReader& in) {
    const T real = in.value<T>();
    return {real, in.value<T>()};
  }
};

/// As its text: throws `BadResult` for strings that are no UTF-8 and for too deep a nesting.
template <>
struct Wire<Json> {
  static void write(WireWriter& out, const Json& json);
  static Json read(WireReader& in);
};

template <detail::WireFields T>
struct Wire<T> {
  static void write(WireWriter& out, const T& value) {
    std::apply([&](const auto&... fields) { (out.value(fields), ...); }, pararun_wire_fields(value));
  }
  static T read(WireReader& in) {
    T value{};
    std::apply([&](auto&... fields) { ((fields = in.value<std::remove_cvref_t<decltype(fields)>>()), ...); },
               pararun_wire_fields(value));
    return value;
  }
};

}  // namespace pararun
