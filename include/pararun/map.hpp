/// Start here. `map` runs a function on a stream of items, in parallel, and keeps every result in a file:
///
///     pr::Report report = pr::map(
///         [](const std::string& file) { return pr::object("status", "done", "bytes", size_of(file)); },
///         files, {.n_workers = 4, .cache_path = "results.jsonl"});
///     return report.exit_code();
///
/// Run it, kill it, run it again: items whose results are in the file are not run again.
#pragma once

#include <utility>

#include <pararun/detail/map_work.hpp>
#include <pararun/options.hpp>
#include <pararun/report.hpp>

namespace pararun {

/// Runs `fn` on every item and returns what became of them. Returns, or throws, only once everything that was
/// in flight is finished and written.
///
/// `fn` takes `Item` or `const Item&`, or the elements of a tuple-like item; a `std::stop_token` may follow,
/// which is requested at the item's timeout and at a forced stop. It is called by `n_workers` threads at once,
/// one of them the caller's, and may use oneTBB itself. What it returns is written as JSON (`json_writer.hpp`);
/// what it throws is that item's failure and ends nothing else. With `retries`, every attempt is given the
/// original item. A function that wants to own an item that cannot be copied is given it, and has one attempt.
///
/// `items` is any input range (the elements of a container are not copied), a callable that returns
/// `std::optional<Item>`, or one of the sources in `source.hpp`. It is read by one thread at a time, not always
/// the same, and only as fast as there is room: `2 * n_workers` tokens are alive at once, of one item each, or of up to
/// 256 where items are trivial and the input does not wait (`Options::batch`). Ids: `key.hpp`.
///
/// With a `cache_path`: an item is run at least once, its success is recorded once. A result is counted only
/// when it is as safe as `Options::durability` asks. One job at a time can have the file.
///
/// No user code may end the thread that it is called on: `pthread_exit` ends the program, with every counted result in
/// the file. A `pthread_cancel` of the calling thread waits until `map` has returned; one of any other is without
/// effect.
///
/// With `Backend::process` the function runs in `n_workers` worker processes, and whatever becomes of one of them is
/// the failure of the item that it was on, and of no other: a crash, an exit, a stack that overflows, memory that runs
/// out (kind `crash`), a loop without end (kind `timeout`). The workers are forked from a template, which is itself
/// forked when the job begins, before it has threads. So any function will do, with all that it has captured, as it was
/// at that moment; what it changes stays in its worker. Cheap items are sent many at a time.
///
///   - It is safe to begin such a job whatever other threads do at that moment, in as far as `malloc` and the streams
///     of the C library are concerned. A lock of the program's own, or of another library, that another thread holds
///     then stays locked in the workers for ever; an item that needs it hangs until its `timeout`.
///   - Items must not use oneTBB, which does not survive a fork.
///   - A worker has the program's standard streams but not pararun's files, default signal handlers, no signal blocked,
///     and a process group of its own, which ends with it. It ignores SIGINT, and SIGTERM from strangers: how a job
///     ends is for the process to say that runs it. It leaves no core behind, and runs no destructors of globals.
///   - What an item prints through `std::printf` or `std::cout` appears once, after the item; what was printed earlier
///     is not printed again. After `std::ios::sync_with_stdio(false)` that is up to you: flush `std::cout` before the
///     job, and in the items that print.
///   - No worker outlives the process, however that ends; the thread that began the job may end before.
///   - It contains crashes, not attackers: a worker is the same user with the same files.
///
/// Throws `OptionsError`, `CacheLocked`, `CacheDamaged` or `StoreError`, and what `items` or `on_progress`
/// threw; never what `fn` threw. `Error` where there are no threads or processes to be had. Several jobs may run side
/// by side in one process, also one inside an item of another.
template <class F, class Items>
Report map(F&& fn, Items&& items, const Options& options = {}) {
  return detail::with_key(std::forward<Items>(items), [&]<class Inner, class Key>(Inner&& inner, Key key) {
    detail::MapWork<std::remove_reference_t<F>, Inner, Key> work(fn, std::forward<Inner>(inner), std::move(key),
                                                                 options);
    return detail::run_job(work, options);
  });
}

}  // namespace pararun
