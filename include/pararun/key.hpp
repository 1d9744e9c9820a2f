/// The id of an item, by which a results file knows what has been done:
///
///   - a string, a path or an integer is its own id;
///   - a pair or tuple gives its first element: `(key, argument)`;
///   - a `pr::Json` object gives its member `Options::key_field`;
///   - any other type gives what `pararun_key(item)`, found by argument-dependent lookup, returns, or else
///     its member `id`;
///   - `items | pr::keyed(projection)` and `items | pr::numbered()` override all of these.
///
/// String and integer ids are different ids. An id must be valid UTF-8 and should not depend on when or
/// where the job runs.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <pararun/detail/id_list.hpp>
#include <pararun/json_writer.hpp>

namespace pararun {

class Json;

namespace detail {

/// Adds the member `key_field` of a JSON object. Throws `BadItem` where it is missing or neither a string
/// nor an integer.
void add_json_key(IdList& ids, const Json& item, std::string_view key_field);

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
                  !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
concept PlainKey = StringLike<T> || std::same_as<T, std::filesystem::path> || Integer<T>;

template <class T>
void add_plain_key(IdList& ids, const T& key) {
  if constexpr (std::same_as<T, std::filesystem::path>) {
    ids.add_string(key.native());
  } else if constexpr (Integer<T>) {
    ids.add_integer(key);
  } else {
    ids.add_string(key);
  }
}

template <class T>
concept HasKeyFunction = requires(const T& item) {
  requires PlainKey<std::remove_cvref_t<decltype(pararun_key(item))>>;
};

template <class T>
concept HasKeyFirst = requires(const T& item) {
  requires(std::tuple_size<T>::value > 0);
  std::get<0>(item);
  requires PlainKey<std::remove_cvref_t<std::tuple_element_t<0, T>>>;
};

template <class T>
concept HasKeyMember = requires(const T& item) {
  requires PlainKey<std::remove_cvref_t<decltype(item.id)>>;
};

/// Whether items of type `T` have an id of their own.
template <class T>
concept HasKey = PlainKey<T> || std::same_as<T, Json> || HasKeyFunction<T> || HasKeyFirst<T> || HasKeyMember<T>;

/// The rules at the top of this header.
struct OwnKey {
  template <HasKey T>
  void operator()(IdList& ids, const T& item, std::string_view key_field) const {
    if constexpr (HasKeyFunction<T>) {
      add_plain_key(ids, static_cast<const std::remove_cvref_t<decltype(pararun_key(item))>&>(pararun_key(item)));
    } else if constexpr (PlainKey<T>) {
      add_plain_key(ids, item);
    } else if constexpr (std::same_as<T, Json>) {
      add_json_key(ids, item, key_field);
    } else if constexpr (HasKeyFirst<T>) {
      add_plain_key(ids, std::get<0>(item));
    } else {
      add_plain_key(ids, item.id);
    }
  }
};

template <class Projection>
struct ProjectedKey {
  Projection projection;

  template <class T>
  requires PlainKey<std::remove_cvref_t<std::invoke_result_t<Projection&, const T&>>>
  void operator()(IdList& ids, const T& item, std::string_view) {
    add_plain_key(ids, static_cast<const std::remove_cvref_t<std::invoke_result_t<Projection&, const T&>>&>(
                           std::invoke(projection, item)));
  }
};

struct PositionKey {
  std::uint64_t position = 0;

  template <class T>
  void operator()(IdList& ids, const T&, std::string_view) {
    ids.add_integer(position++);
  }

  /// Instead, for an item that the input could not give: those behind it keep their positions.
  void pass_over() noexcept { ++position; }
};

/// Items together with the rule that gives their ids.
template <class Items, class Key>
struct KeyedItems {
  Items items;  // a reference where the user gave an lvalue
  Key key;
};

template <class Key>
struct KeyAdaptor {
  Key key;

  template <class Items>
  friend KeyedItems<Items, Key> operator|(Items&& items, KeyAdaptor adaptor) {
    return {std::forward<Items>(items), std::move(adaptor.key)};
  }
};

}  // namespace detail

/// `items | keyed(&Page::url)`, `items | keyed([](const Row& row) { return row.name + row.date; })`: the id
/// of an item is what `projection` returns for it: a string, path or integer. Called once an item, by one
/// thread at a time. What it throws is the item's failure, kind `bad_item`.
template <class Projection>
auto keyed(Projection projection) {
  return detail::KeyAdaptor<detail::ProjectedKey<Projection>>{{std::move(projection)}};
}

/// The id of an item is its position, from 0. Only for inputs that never change between two runs.
inline detail::KeyAdaptor<detail::PositionKey> numbered() { return {}; }

}  // namespace pararun
