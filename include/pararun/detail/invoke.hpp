/// How an item function is called: with the item or, where it takes those instead, the item's elements;
/// followed by a `std::stop_token` if it takes one.
#pragma once

#include <functional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

namespace pararun::detail {

template <class F, class Item, class... Token>
struct CallsUnpacked : std::false_type {};

template <class F, class Item, class... Token>
requires requires { std::tuple_size<std::remove_cvref_t<Item>>::value; }
struct CallsUnpacked<F, Item, Token...> {
  template <std::size_t... I>
  static std::bool_constant<std::is_invocable_v<F, decltype(std::get<I>(std::declval<Item>()))..., Token...>> test(
      std::index_sequence<I...>);
  static std::false_type test(...);  // its elements come by some other way than std::get
  static constexpr bool value =
      decltype(test(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<Item>>>()))::value;
};

/// The ways to call `F` with `Item`, a reference type.
template <class F, class Item>
struct Shape {
  static constexpr bool whole_with_token = std::is_invocable_v<F, Item, std::stop_token>;
  static constexpr bool whole = std::is_invocable_v<F, Item>;
  static constexpr bool unpacked_with_token = CallsUnpacked<F, Item, std::stop_token>::value;
  static constexpr bool unpacked = CallsUnpacked<F, Item>::value;
  static constexpr bool takes_token = whole_with_token || (!whole && unpacked_with_token);
  static constexpr bool callable = whole_with_token || whole || unpacked_with_token || unpacked;
};

template <class F, class Item>
decltype(auto) invoke_item(F& fn, Item&& item, const std::stop_token& stop) {
  using S = Shape<F&, Item&&>;
  if constexpr (S::whole_with_token) {
    return std::invoke(fn, std::forward<Item>(item), stop);
  } else if constexpr (S::whole) {
    return std::invoke(fn, std::forward<Item>(item));
  } else {
    return std::apply(
        [&]<class... Elements>(Elements&&... elements) -> decltype(auto) {
          if constexpr (S::unpacked_with_token) {
            return std::invoke(fn, std::forward<Elements>(elements)..., stop);
          } else {
            return std::invoke(fn, std::forward<Elements>(elements)...);
          }
        },
        std::forward<Item>(item));
  }
}

/// What a function of this item type can be given: `kept` if it leaves the item alone (or copies it), so
/// that another attempt can have it; `consumed` if it may also be given the item itself.
template <class F, class Value>
struct Acceptance {
  static constexpr bool kept = Shape<F&, const Value&>::callable;
  static constexpr bool consumed = Shape<F&, Value&&>::callable;
};

}  // namespace pararun::detail
