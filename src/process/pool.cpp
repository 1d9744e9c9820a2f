#include "process/pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include <pararun/error.hpp>

#include "posix/cpus.hpp"
#include "process/exceptions.hpp"

namespace pararun::process {
namespace {

using namespace std::chrono_literals;
using Event = Worker::Event;

constexpr std::size_t kMostWorkers = 4096;

PoolOptions check(PoolOptions options) {
  if (options.max_workers > kMostWorkers) {
    throw OptionsError("max_workers", "must not be above " + std::to_string(kMostWorkers));
  }
  if (options.idle_timeout < 0ns) throw OptionsError("idle_timeout", "must not be negative");
  if (options.grace_period < 0ns) throw OptionsError("grace_period", "must not be negative");
  if (options.max_workers == 0) options.max_workers = posix::usable_cpus();
  return options;
}

/// What a call returned, or throws what it threw.
void read(std::string_view reply, Pool::Take take, void* to) {
  const auto outcome = static_cast<CallOutcome>(reply.back());
  reply.remove_suffix(1);
  WireReader in(reply);
  if (outcome == CallOutcome::init_failed) throw BrokenWorkerError(std::string(reply));
  if (outcome == CallOutcome::threw) throw_exception(in);
  if (take != nullptr) take(to, in);
}

[[noreturn]] void throw_broken(const Death& death) {
  std::optional<int> signal, exit_code;
  if (death.how == Death::How::exited) exit_code = death.value;
  if (death.how == Death::How::killed || death.how == Death::How::no_memory) signal = death.value;
  throw BrokenWorkerError(describe(death), signal, exit_code, death.how == Death::How::no_memory);
}

}  // namespace

/// The right to have a worker.
class Pool::Turn {
 public:
  Turn(Pool& pool, const std::stop_token& stop) : pool_(pool) {
    std::unique_lock lock(pool_.mutex_);
    pool_.changed_.wait(lock, stop, [&] { return pool_.closed_ || pool_.running_ < pool_.options_.max_workers; });
    if (pool_.closed_) throw Error("the pool of workers is closed");
    if (stop.stop_requested()) throw BrokenWorkerError("a stop was requested before the call began");
    ++pool_.running_;
  }
  ~Turn() {
    const std::lock_guard lock(pool_.mutex_);
    --pool_.running_;
    pool_.changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Pool& pool_;
};

/// A worker, for one call.
class Pool::Hired {
 public:
  Hired(Crew& crew, Worker& worker) : crew_(crew), worker_(worker) {}
  ~Hired() {
    if (done_ || crew_.end(worker_, 0ns)) crew_.dismiss(worker_);
  }
  Hired(const Hired&) = delete;
  Hired& operator=(const Hired&) = delete;

  /// It has replied, or died. Otherwise it is ended.
  void is_done() { done_ = true; }

 private:
  Crew& crew_;
  Worker& worker_;
  bool done_ = false;
};

Pool::Pool(PoolOptions options)
    : options_(check(std::move(options))), service_(options_), owner_(::getpid()), crew_(new_crew()) {}

// Twice as many places as can be taken, should the kernel not let some workers die.
std::shared_ptr<Crew> Pool::new_crew() { return std::make_shared<Crew>(2 * options_.max_workers, service_); }

void Pool::call(const std::stop_token& stop, std::string& message, Take take, void* to) {
  if (!is_mine()) throw Error("this pool of workers belongs to the process that this one was forked from");
  const Turn turn(*this, stop);
  for (BarrenStarts barren;;) {
    const std::shared_ptr<Crew> crew = this->crew();
    Worker* worker = crew->hire();
    if (worker == nullptr) throw Error("too many worker processes cannot be ended");
    Hired hired(*crew, *worker);
    const Fate fate = fate_of(*crew, *worker, stop, message);
    if (fate == Fate::replied || fate == Fate::died) hired.is_done();
    switch (fate) {
      case Fate::replied:
        return read(worker->reply(), take, to);
      case Fate::given_up:
        throw BrokenWorkerError(stop.stop_requested() ? "the call was ended, for a stop was requested"
                                                      : "the call was ended, for the pool was closed",
                                SIGKILL);
      case Fate::garbled:
        throw BrokenWorkerError("the worker process sent what cannot be read");
      case Fate::lost:
        replace(crew);
        break;
      case Fate::died:
        break;
    }
    const bool begun = worker->claims().get().claimed > 0;
    const Death death = fate == Fate::lost ? Death{Death::How::killed, SIGKILL} : worker->death();
    if (begun || !barren.may_go_on(death)) throw_broken(death);
  }
}

Pool::Fate Pool::fate_of(Crew& crew, Worker& worker, const std::stop_token& stop, std::string& message) {
  worker.open(message, 1);
  const std::stop_callback wake(stop, [&] { worker.interrupt(); });
  for (;;) {
    const Clock::time_point until = Clock::now() + kTick;
    Event event = worker.sent() ? Event::ready : worker.send(until);
    if (event == Event::ready) event = worker.receive(until);
    if (event == Event::ready) return worker.reply().empty() ? Fate::garbled : Fate::replied;
    if (event == Event::garbled) return Fate::garbled;
    if (event == Event::ended) return Fate::died;
    if (crew.lost()) return Fate::lost;
    if (stop.stop_requested()) return Fate::given_up;
    const std::lock_guard lock(mutex_);
    if (over_) return Fate::given_up;
  }
}

bool Pool::is_mine() const noexcept { return ::getpid() == owner_; }

PoolStatistics Pool::statistics() {
  const std::lock_guard lock(mutex_);
  return {.idle_workers = crew_->idle(), .running_workers = running_};
}

std::shared_ptr<Crew> Pool::crew() {
  const std::lock_guard lock(mutex_);
  return crew_;
}

/// Its template has died, which is nobody's fault here: the system's want of memory, say.
void Pool::replace(const std::shared_ptr<Crew>& lost) {
  const std::lock_guard lock(mutex_);
  if (crew_ == lost) crew_ = new_crew();
}

void Pool::close() noexcept {
  if (!is_mine()) return;
  std::unique_lock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
  const auto none = [&] { return running_ == 0; };
  const auto longest = std::chrono::hours(24 * 365);
  changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(options_.grace_period, longest), none);
  over_ = true;
  changed_.wait(lock, none);
  lock.unlock();
  crew_->end_all();
}

}  // namespace pararun::process

namespace pararun {

WorkerPool::WorkerPool(PoolOptions options) : pool_(std::make_unique<process::Pool>(std::move(options))) {}

WorkerPool::~WorkerPool() {
  close();
  // In a forked child, threads that were left behind may wait in it for ever, for which its members would wait.
  if (!pool_->is_mine()) [[maybe_unused]]
    const process::Pool* left = pool_.release();
}

PoolStatistics WorkerPool::statistics() const { return pool_->statistics(); }

void WorkerPool::close() noexcept { pool_->close(); }

namespace {

// Larger ones are given back to the system after the call.
constexpr std::size_t kMostKept = 1 << 23;

// Not an object with a destructor: calls from destructors of globals come after those of the thread.
thread_local bool forgotten = false;

struct Kept {
  std::string bytes;
  ~Kept() { forgotten = true; }
};

/// Null at the end of the thread.
std::string* kept_bytes() noexcept {
  if (forgotten) return nullptr;
  thread_local Kept kept;
  return &kept.bytes;
}

}  // namespace

WorkerPool::Message::Message(detail::Thunk thunk) {
  if (std::string* const kept = kept_bytes()) bytes.swap(*kept);
  process::Worker::begin(bytes);
  WireWriter(bytes).bytes(&thunk, sizeof thunk);
}

WorkerPool::Message::~Message() {
  std::string* const kept = kept_bytes();
  if (kept != nullptr && bytes.capacity() <= kMostKept) kept->swap(bytes);
}

void WorkerPool::call(const std::stop_token& stop, std::string& message, void (*take)(void* to, WireReader& in),
                      void* to) {
  pool_->call(stop, message, take, to);
}

WorkerPool& detail::shared_pool() {
  struct Shared {
    ::pid_t owner;
    WorkerPool* pool;
  };
  // Without a mutex, which a template that is forked by another thread meanwhile would find locked for ever. Never
  // destroyed: calls may come from destructors of globals, and the workers end with this process anyway.
  static std::atomic<const Shared*> shared{nullptr};
  const Shared* found = shared.load();
  const ::pid_t me = ::getpid();
  if (found != nullptr && found->owner == me) return *found->pool;
  auto pool = std::make_unique<WorkerPool>();
  auto made = std::make_unique<Shared>(Shared{me, pool.get()});
  if (shared.compare_exchange_strong(found, made.get())) {
    [[maybe_unused]] const WorkerPool* kept_for_ever = pool.release();
    return *made.release()->pool;
  }
  return *found->pool;
}

}  // namespace pararun
