/// What a pool sends to a worker: which function to call, as the address of a piece of code that both processes have,
/// and the arguments.
#pragma once

#include <concepts>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <pararun/wire.hpp>

namespace pararun::detail {

/// Takes the arguments of a call, makes it, and writes what it returns.
using Thunk = void (*)(WireReader& in, WireWriter& out);

template <class F>
concept PlainPointer =
    (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>) || std::is_member_pointer_v<F>;

template <class F>
concept Stateless = std::is_empty_v<F> && std::default_initializable<F>;

/// A call of `F` with arguments of these types, none of which is a reference.
template <class F, class... Args>
struct RemoteCall {
  static_assert(PlainPointer<F> || Stateless<F>,
                "pararun: a pool takes functions, and callables without state such as lambdas without captures; pass "
                "state as arguments");
  static_assert(std::is_invocable_v<F&, Args...>, "pararun: the function cannot be called with these arguments");

  using Result = std::invoke_result_t<F&, Args...>;

  static consteval bool check() {
    (check_wireable<Args>(), ...);
    if constexpr (!std::is_void_v<Result>) check_wireable<Result>();
    return true;
  }
  static_assert(check());

  static void write(WireWriter& out, const F& fn, const Args&... args) {
    if constexpr (PlainPointer<F>) out.bytes(&fn, sizeof fn);
    (out.value(args), ...);
  }

  static void run(WireReader& in, WireWriter& out) {
    F fn = read_function(in);
    // The braces see to it that they are read in order.
    std::tuple<Args...> args{in.value<Args>()...};
    if constexpr (std::is_void_v<Result>) {
      std::apply(fn, std::move(args));
    } else {
      out.value<Result>(std::apply(fn, std::move(args)));
    }
  }

 private:
  static F read_function(WireReader& in) {
    if constexpr (PlainPointer<F>) {
      F fn = nullptr;
      std::memcpy(&fn, in.bytes(sizeof fn).data(), sizeof fn);
      return fn;
    } else {
      return F();
    }
  }
};

}  // namespace pararun::detail
