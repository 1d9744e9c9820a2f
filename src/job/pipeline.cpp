#include "job/pipeline.hpp"

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "job/handover.hpp"
#include "job/parallelism.hpp"
#include "job/threads.hpp"
#include "posix/cancellation.hpp"

namespace pararun::job {
namespace {

// Stands for the tasks of helpers in what is told to ThreadSanitizer: a task cannot say where it lies without being
// read itself.
const char helper_mark = 0;

}  // namespace

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
  int input_mark = 0, output_mark = 0;

  const auto input = [&](tbb::flow_control& control) noexcept -> Token* {
    posix::refuse_cancellation();
    take(&stages);
    take(&input_mark);
    Token* token = stages.input();
    if (token == nullptr) {
      control.stop();
    } else {
      give(token);
    }
    give(&input_mark);
    give(&stages);
    return token;
  };
  const auto work = [&](Token* token) noexcept -> Token* {
    posix::refuse_cancellation();
    take(token);
    // A user's nested parallelism shall wait for its own tasks alone, not run other items meanwhile.
    tbb::this_task_arena::isolate([&] { stages.work(*token); });
    give(token);
    return token;
  };
  const auto output = [&](Token* token) noexcept {
    take(token);
    take(&output_mark);
    stages.output(*token);
    give(&output_mark);
    give(&stages);
  };

  give(&stages);
  parts_->arena.execute([&] {
    // Of its own, so that cancelling what surrounds the job does not lose its results.
    tbb::task_group_context context(tbb::task_group_context::isolated);
    // The flow keeps to `max_tokens` itself. One token more than it ever gives out means that the input filter
    // always stands ready, and that a thread which enters it, and may wait there, has no other task of the
    // pipeline left in its queue: a finished token that found the output busy would be stranded by that.
    tbb::parallel_pipeline(max_tokens + 1,
                           tbb::make_filter<void, Token*>(tbb::filter_mode::serial_in_order, input) &
                               tbb::make_filter<Token*, Token*>(tbb::filter_mode::parallel, work) &
                               tbb::make_filter<Token*, void>(tbb::filter_mode::serial_out_of_order, output),
                           context);
    parts_->set_stages(nullptr);
    parts_->helpers.wait();
  });
  take(&stages);
}

void Pipeline::help() {
  const std::lock_guard lock(parts_->mutex);
  if (parts_->stages == nullptr || parts_->help_on_its_way.exchange(true)) return;
  take(&helper_mark);
  tbb::task_handle helper = parts_->helpers.defer([this, &stages = *parts_->stages] {
    posix::refuse_cancellation();
    take(&helper_mark);
    parts_->help_on_its_way = false;
    while (Token* token = stages.due()) {
      tbb::this_task_arena::isolate([&] { stages.work(*token); });
      stages.output(*token);
    }
    give(&stages);
    give(&helper_mark);
  });
  give(&helper_mark);
  parts_->arena.enqueue(std::move(helper));
}

}  // namespace pararun::job
