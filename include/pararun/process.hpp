/// Calls in worker processes: what crashes, hangs or leaks there does so without harm to this process.
///
///     double y = pr::isolate(simulate, x);
///
///     pr::WorkerPool pool({.max_workers = 8, .init = load_model, .max_calls = 1000});
///     std::string label = pool.run(classify, image);         // on as many threads as you like
///
/// Items of a stream are run in processes by `pr::map` with `Backend::process`, which sends many at a time.
///
/// What a worker is: a fork of this process, made by a template that was itself forked when the pool was made. So it
/// sees globals as they were then, and functions of libraries that were loaded then. It shares standard input, output
/// and error with this process and has a process group of its own; what it starts is ended with it. It ignores SIGINT,
/// ends without running destructors of globals, and never outlives this process, however that ends.
///
/// What is safe: to make a pool whatever other threads do at that moment, in as far as `malloc` and the C library's
/// streams are concerned. A lock of the program's own, or of another library, that another thread holds at that moment
/// stays locked in the workers for ever. oneTBB does not survive a fork: calls must not use it. `std::cout` after
/// `std::ios::sync_with_stdio(false)` must be flushed before the pool is made, and in the calls that print.
///
/// What it is not: a wall against attackers. A worker is the same user with the same files and may do whatever this
/// process may.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <pararun/detail/remote_call.hpp>
#include <pararun/error.hpp>
#include <pararun/wire.hpp>

namespace pararun {

namespace process {
class Pool;
}

struct PoolOptions {
  /// Calls in progress at once; further ones wait for their turn. 0: the CPUs this process may use. At most 4096.
  std::size_t max_workers = 0;

  /// A worker that has had nothing to do for this long ends.
  std::chrono::nanoseconds idle_timeout = std::chrono::minutes(10);

  /// Called in each worker before its first call. What it throws arrives as a `BrokenWorkerError` at that call.
  std::function<void()> init{};

  /// Asked in the worker after each call, once its result is on its way: true, or an exception, ends the worker.
  std::function<bool()> retire{};

  /// A worker ends after so many calls; 0: never. For functions that leave something behind each time.
  std::uint64_t max_calls = 0;

  /// A worker that holds more memory than so many bytes after a call ends; 0: no limit.
  std::uint64_t max_rss = 0;

  /// How long calls that are in progress when the pool is closed may take until they are ended.
  std::chrono::nanoseconds grace_period = std::chrono::seconds(30);
};

struct PoolStatistics {
  std::size_t idle_workers = 0;
  std::size_t running_workers = 0;
};

/// A cache of worker processes. The one that was used last is used next, so that those which are not needed grow old
/// and end. All members are thread-safe, and calls may be made by many threads at once; a process that is forked from
/// this one must make pools of its own.
class WorkerPool {
 public:
  /// Starts the template, and no workers yet. Throws `OptionsError`, whose fields are those of `PoolOptions`, or
  /// `Error` where there is no process to be had.
  explicit WorkerPool(PoolOptions options = {});

  /// Closes the pool.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Calls `fn(args...)` in a worker and returns what it returns. `fn` is a function, or a callable without state. The
  /// arguments and the result cross as values (`wire.hpp`).
  ///
  /// Throws what the call throws: an exception of `<stdexcept>`, `<new>` or `<system_error>`, of a stream, a file
  /// system, a bad cast or access, or of pararun's but `OptionsError` and those that name a file, arrives as what it
  /// is, if it is exactly that; any other as `RemoteError`. A worker that dies throws `BrokenWorkerError`; the next
  /// call gets a fresh one. One that dies while it has nothing to do is replaced without a word.
  template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, std::stop_token>) auto run(F&& fn, Args&&... args) {
    return run(std::stop_token(), std::forward<F>(fn), std::forward<Args>(args)...);
  }

  /// Likewise; when a stop is requested the worker is killed, and the call throws `BrokenWorkerError`, whose `signal`
  /// is SIGKILL then. For a call that may take so long and no longer, request the stop from a timer of your own.
  template <class F, class... Args>
  auto run(const std::stop_token& stop, F&& fn, Args&&... args) {
    using Call = detail::RemoteCall<std::decay_t<F>, std::decay_t<Args>...>;
    Message message(&Call::run);
    WireWriter out(message.bytes);
    Call::write(out, fn, args...);
    using Result = typename Call::Result;
    if constexpr (std::is_void_v<Result>) {
      call(stop, message.bytes, nullptr, nullptr);
    } else {
      std::optional<Result> result;
      call(
          stop, message.bytes,
          [](void* to, WireReader& in) { static_cast<std::optional<Result>*>(to)->emplace(in.value<Result>()); },
          &result);
      return *std::move(result);
    }
  }

  PoolStatistics statistics() const;

  /// Takes no more calls: those that wait for their turn, and later ones, throw `Error`. Waits for those in progress,
  /// at most for the grace period, after which they throw `BrokenWorkerError`. Ends all workers.
  void close() noexcept;

 private:
  /// The bytes of a call. Their memory is used again by the next call of the same thread.
  struct Message {
    explicit Message(detail::Thunk thunk);
    ~Message();
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    std::string bytes;
  };

  /// Where the call returns something, `take(to, ...)` is given that.
  void call(const std::stop_token& stop, std::string& message, void (*take)(void* to, WireReader& in), void* to);

  std::unique_ptr<process::Pool> pool_;
};

namespace detail {
WorkerPool& shared_pool();
}

/// Calls `fn(args...)` in a worker of a pool that all calls of `isolate` share, made at the first one with default
/// options. A stop token may come first. See `WorkerPool::run`.
template <class F, class... Args>
auto isolate(F&& fn, Args&&... args) {
  return detail::shared_pool().run(std::forward<F>(fn), std::forward<Args>(args)...);
}

}  // namespace pararun
