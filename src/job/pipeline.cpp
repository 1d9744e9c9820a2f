#include "job/pipeline.hpp"

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "job/parallelism.hpp"
#include "job/threads.hpp"
#include "posix/cancellation.hpp"

namespace pararun::job {

struct Pipeline::Parts {
  explicit Parts(std::size_t workers) : n_workers(workers), parallelism(workers), arena(static_cast<int>(workers), 1) {}

  void set_stages(Stages* now) {
    const std::lock_guard lock(mutex);
    stages = now;
  }

  const std::size_t n_workers;
  Parallelism parallelism;
  tbb::task_arena arena;
  tbb::task_group helpers;
  std::atomic<bool> help_on_its_way{false};  // one helper at a time waits for a worker
  std::mutex mutex;
  Stages* stages = nullptr;  // guarded by mutex; null where a helper would come too early or too late
};

// One of the workers is the calling thread; the thread of the watch is still to come.
Pipeline::Pipeline(std::size_t n_workers)
    : parts_(std::make_unique<Parts>(std::max<std::size_t>(available_threads(n_workers), 1))) {}

Pipeline::~Pipeline() = default;

std::size_t Pipeline::n_workers() const noexcept { return parts_->n_workers; }

void Pipeline::run(std::size_t max_tokens, Stages& stages) {
  parts_->set_stages(&stages);
  const auto input = [&](tbb::flow_control& control) noexcept -> Token* {
    posix::refuse_cancellation();
    Token* const token = stages.input();
    if (token == nullptr) control.stop();
    return token;
  };
  const auto work = [&](Token* token) noexcept -> Token* {
    posix::refuse_cancellation();
    // A user's nested parallelism shall wait for its own tasks alone, not run other items meanwhile.
    tbb::this_task_arena::isolate([&] { stages.work(*token); });
    return token;
  };
  const auto output = [&](Token* token) noexcept { stages.output(*token); };

  parts_->arena.execute([&] {
    // Of its own, so that cancelling what surrounds the job does not lose its results.
    tbb::task_group_context context(tbb::task_group_context::isolated);
    // The output is no serial filter, though its lines go to one writer in turn: of a serial one, tokens that found it
    // busy lie in the queue of the thread that used it, and are stranded there when that thread goes on into the input
    // filter and waits.
    tbb::parallel_pipeline(max_tokens,
                           tbb::make_filter<void, Token*>(tbb::filter_mode::serial_in_order, input) &
                               tbb::make_filter<Token*, Token*>(tbb::filter_mode::parallel, work) &
                               tbb::make_filter<Token*, void>(tbb::filter_mode::parallel, output),
                           context);
    parts_->set_stages(nullptr);
    parts_->helpers.wait();
  });
}

void Pipeline::help() {
  const std::lock_guard lock(parts_->mutex);
  if (parts_->stages == nullptr || parts_->help_on_its_way.exchange(true)) return;
  tbb::task_handle helper = parts_->helpers.defer([this, &stages = *parts_->stages] {
    parts_->help_on_its_way = false;
    while (Token* token = stages.due()) {
      tbb::this_task_arena::isolate([&] { stages.work(*token); });
      stages.output(*token);
    }
  });
  parts_->arena.enqueue(std::move(helper));
}

}  // namespace pararun::job
