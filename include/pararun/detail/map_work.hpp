/// Binds a user's function and items to the compiled core.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <pararun/detail/invoke.hpp>
#include <pararun/detail/job.hpp>
#include <pararun/detail/reader.hpp>
#include <pararun/error.hpp>
#include <pararun/json_writer.hpp>
#include <pararun/key.hpp>
#include <pararun/wire.hpp>

namespace pararun::detail {

template <class T>
std::size_t weight(const T& item);

/// What an element of a tuple holds on to outside of the tuple.
template <class Element>
std::size_t beyond(const Element& element) {
  if constexpr (std::is_reference_v<Element>) {
    return 0;
  } else {
    return detail::weight(element) - sizeof(Element);
  }
}

/// Roughly how much memory an item holds on to.
template <class T>
std::size_t weight(const T& item) {
  if constexpr (StringLike<T>) {
    return sizeof(T) + std::string_view(item).size();
  } else if constexpr (TupleLike<T>) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (sizeof(T) + ... + beyond<std::tuple_element_t<I, T>>(std::get<I>(item)));
    }
    (std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (std::ranges::sized_range<const T> && !std::ranges::view<T>) {
    return sizeof(T) + static_cast<std::size_t>(std::ranges::size(item)) * sizeof(std::ranges::range_value_t<const T>);
  } else {
    return sizeof(T);
  }
}

template <class T>
std::size_t weight(const Lent<T>&) {
  return sizeof(Lent<T>);
}

template <class F, class Items, class Key>
class MapWork final : public Work {
  static_assert(Readable<Items>,
                "pararun: the items must be an input range, one of pararun's sources, or a callable that returns "
                "std::optional<Item> (one that changes itself must not be const)");

  using Source = Reader<Items>;
  using Value = typename Source::Value;
  using Stored = typename Source::Stored;
  using Accepts = Acceptance<F, Value>;

  static constexpr bool kLends = !std::same_as<Stored, Value>;
  // Whether the item itself may be given away: not if it lies in somebody else's container.
  static constexpr bool kOurs = !kLends || !std::same_as<Stored, Lent<const Value>>;

  static_assert(Accepts::kept || Accepts::consumed,
                "pararun: the function must take the item, by value or by const reference, or its elements if it is "
                "tuple-like; a std::stop_token may follow");
  static_assert(
      Accepts::kept || kOurs,
      "pararun: the function wants to own its items, which cannot be copied: pass the container as an rvalue");

  struct Slots final : Block {
    std::vector<std::optional<Stored>> items;
    std::optional<Value> arrived{};  // what slot 0 refers to, if it came from another process
  };

  static Slots& slots(Block& block) noexcept { return static_cast<Slots&>(block); }

 public:
  MapWork(F& fn, Items&& items, Key key, const Options& options)
      : fn_(fn), options_(options), source_(std::forward<Items>(items)), key_(std::move(key)) {}

  Traits traits() override {
    using Kept = Shape<F&, const Value&>;
    using Consumed = Shape<F&, Value&&>;
    return {.has_key = kHasKey,
            .item_type = typeid(Value).name(),
            .takes_stop_token = Kept::takes_token || Consumed::takes_token,
            .consumes = !Accepts::kept,
            .crosses = Wireable<Value>,
            .may_block = source_.may_block(),
            .size = source_.size(),
            .descriptor = source_.descriptor()};
  }

  std::unique_ptr<Block> make_block() override { return std::make_unique<Slots>(); }

  void clear(Block& block) noexcept override {
    slots(block).items.clear();
    block.ids.clear();
    block.id_of.clear();
    block.broken.clear();
    block.runnable.clear();
    block.bytes = 0;
  }

  bool pull(Block& block, std::size_t most, std::chrono::steady_clock::time_point deadline) override {
    constexpr std::size_t kMostBytes = 1 << 20;
    constexpr std::size_t kItemsBetweenLooks = 8;  // at the clock, which costs as much as a cheap item
    while (block.id_of.size() < most && block.bytes < kMostBytes) {
      const std::size_t pulled = block.id_of.size();
      if (pulled % kItemsBetweenLooks == kItemsBetweenLooks - 1 && std::chrono::steady_clock::now() > deadline) break;
      if (!pull_one(slots(block))) return source_.gave_up();
    }
    return true;
  }

  void call(Block& block, std::uint32_t slot, Call& call) override {
    Stored& stored = *slots(block).items[slot];
    if constexpr (kOurs && Accepts::consumed) {
      if (!Accepts::kept || call.last_attempt) return run(std::move(value(stored)), call);
    }
    if constexpr (Accepts::kept) run(std::as_const(value(stored)), call);
  }

  void encode(Block& block, std::uint32_t slot, std::string& bytes) override {
    if constexpr (Wireable<Value>) {
      WireWriter(bytes).value(std::as_const(value(*slots(block).items[slot])));
    } else {
      refuse_wire("its type has no pararun::Wire");
    }
  }

  void decode(Block& block, std::string_view bytes) override {
    if constexpr (Wireable<Value>) {
      Slots& into = slots(block);
      into.items.resize(1);
      WireReader in(bytes);
      if constexpr (kLends) {
        into.arrived.emplace(in.value<Value>());
        into.items[0] = Stored{&*into.arrived};
      } else {
        into.items[0].emplace(in.value<Value>());
      }
    } else {
      refuse_wire("its type has no pararun::Wire");
    }
  }

  void drop(Block& block, std::uint32_t slot) noexcept override { slots(block).items[slot].reset(); }

  void stop_pulling_when(std::function<bool()> stopping) override { source_.stop_when(std::move(stopping)); }

 private:
  static constexpr bool kHasKey = std::is_invocable_v<Key&, IdList&, const Value&, std::string_view>;

  static auto& value(Stored& stored) noexcept {
    if constexpr (kLends) {
      return *stored.item;
    } else {
      return stored;
    }
  }

  std::size_t weigh(const Stored& item) const {
    if constexpr (requires { source_.length(); }) {
      return sizeof(Stored) + source_.length();
    } else {
      return detail::weight(item);
    }
  }

  bool pull_one(Slots& block) {
    const auto slot = static_cast<std::uint32_t>(block.id_of.size());
    try {
      std::optional<Stored> item = source_.next();
      if (!item) return false;
      block.bytes += weigh(*item);
      block.items.push_back(std::move(item));
    } catch (const BadItem& bad) {
      if (source_.over()) throw;
      block.items.emplace_back();
      block.id_of.push_back(Block::kNoId);
      block.broken.push_back({slot, std::current_exception(), bad.where()});
      if constexpr (requires { key_.pass_over(); }) key_.pass_over();
      return true;
    }
    block.id_of.push_back(Block::kNoId);
    if constexpr (kHasKey) {
      if (!options_.cache_path.empty()) {
        const std::size_t ids = block.ids.size();
        try {
          key_(block.ids, std::as_const(value(*block.items.back())), options_.key_field);
          block.id_of.back() = static_cast<std::uint32_t>(ids);
        } catch (const BadItem& bad) {
          block.broken.push_back({slot, std::current_exception(), bad.where().empty() ? source_.where() : bad.where()});
        } catch (...) {
          block.broken.push_back({slot, std::current_exception(), source_.where()});
        }
      }
    }
    return true;
  }

  template <class Item>
  void run(Item&& item, Call& call) {
    using Result = decltype(invoke_item(fn_, std::forward<Item>(item), call.stop));
    if constexpr (std::is_void_v<Result>) {
      invoke_item(fn_, std::forward<Item>(item), call.stop);
    } else {
      static_assert(JsonWritable<std::remove_cvref_t<Result>>,
                    "pararun: the function's result cannot be written as JSON: declare the struct with PARARUN_JSON or "
                    "give it a write_json(pararun::JsonWriter&, const T&)");
      const auto& result = invoke_item(fn_, std::forward<Item>(item), call.stop);
      call.returned = true;
      call.result.value(result);
    }
  }

  F& fn_;
  const Options& options_;
  // What changes with every pull lies apart from what every call reads: else those who call would wait, for each item,
  // for the cache line that whoever pulls has just written.
  alignas(64) alignas(Source) Source source_;
  Key key_;
};

template <class T>
inline constexpr bool is_keyed = false;
template <class Items, class Key>
inline constexpr bool is_keyed<KeyedItems<Items, Key>> = true;

/// Calls `use` with the items themselves and the rule for their ids.
template <class Items, class Use>
decltype(auto) with_key(Items&& items, Use&& use) {
  if constexpr (is_keyed<std::remove_cvref_t<Items>>) {
    // Of keyed items that the user keeps, nothing may be moved out.
    if constexpr (std::is_lvalue_reference_v<Items>) {
      return use(items.items, items.key);
    } else {
      using Inner = decltype(items.items);
      return use(static_cast<Inner&&>(items.items), std::move(items.key));
    }
  } else {
    return use(std::forward<Items>(items), OwnKey());
  }
}

}  // namespace pararun::detail
