#include <pararun/detail/job.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <pararun/error.hpp>

#include "job/caller.hpp"
#include "job/id_check.hpp"
#include "job/input.hpp"
#include "job/output.hpp"
#include "job/pipeline.hpp"
#include "job/process_caller.hpp"
#include "job/runner.hpp"
#include "job/settings.hpp"
#include "job/shared.hpp"
#include "job/token_pool.hpp"
#include "job/watch.hpp"
#include "posix/cancellation.hpp"
#include "posix/cpus.hpp"
#include "posix/stop_signals.hpp"
#include "progress/display.hpp"
#include "store/results_store.hpp"

namespace pararun::job {
namespace {

/// Here the template of worker processes is forked: before there are threads, open files and what else a job has.
std::unique_ptr<Caller> make_caller(detail::Work& work, Shared& shared) {
  if (shared.settings.in_processes()) return std::make_unique<ProcessCaller>(work, shared);
  if (shared.settings.traits.takes_stop_token) return std::make_unique<StoppableCaller>(work, shared);
  return std::make_unique<ThreadCaller>(work);
}

class Job final : public Stages {
 public:
  Job(detail::Work& work, const Options& options)
      : started_(Clock::now()),
        work_(work),
        options_(options),
        settings_(check(options, work.traits())),
        shared_(settings_),
        caller_(make_caller(work, shared_)),
        id_check_(work, shared_),
        input_(work, shared_, id_check_),
        runner_(work, *caller_, shared_),
        output_(shared_) {
    work_.stop_pulling_when([this] { return shared_.stopping.draining(); });
  }

  // The source may be the caller's, who reads on.
  ~Job() override { work_.stop_pulling_when({}); }

  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  Report run() {
    // From the very beginning, though the opening of a file is not cut short, and up to the very end: an impatient
    // second signal shall not cost what is finished but not yet written.
    std::optional<posix::StopSignals> signals;
    if (options_.handle_signals) signals.emplace(shared_.bell);
    open_store();
    progress::Display display(
        {.mode = options_.progress, .on_progress = options_.on_progress}, [this] { return state(); },
        [this](std::exception_ptr error) { shared_.fail(std::move(error)); });
    run_pipeline(signals ? &*signals : nullptr);
    if (store_) store_->finish();
    display.finish();
    if (shared_.error) std::rethrow_exception(shared_.error);
    return report();
  }

  Token* input() noexcept override {
    Piece piece;
    std::chrono::nanoseconds pulled_in{0};
    while (input_.next(piece, pulled_in)) {
      Token* const token = token_for(piece, pulled_in);
      if (token == nullptr) continue;
      if (!piece.checked) token->turn = turns_++;
      return token;
    }
    return nullptr;
  }

  void work(Token& token) noexcept override {
    if (!token.piece.checked) check_ids(token);
    runner_.run(token);
  }

  void output(Token& token) noexcept override {
    try {
      input_.recycle(output_.accept(token));
    } catch (...) {
      shared_.fail(std::current_exception());
    }
    tokens_.give_back(token);
  }

  Token* due() noexcept override {
    Piece piece;
    return shared_.flow.take_due(piece) ? token_for(piece, std::chrono::nanoseconds(0)) : nullptr;
  }

 private:
  void open_store() {
    if (!settings_.stores()) return;
    const auto threads = static_cast<unsigned>(std::max(settings_.n_workers, posix::usable_cpus()));
    store_.emplace(store::StoreOptions{.path = options_.cache_path,
                                       .key_field = options_.key_field,
                                       .durability = options_.durability,
                                       .flush_interval = options_.flush_interval,
                                       .strict = options_.strict,
                                       .retry_failed = options_.retry_failed,
                                       .threads = std::min(threads, 64U),
                                       .expected_ids = settings_.traits.size.value_or(0)},
                   [this](store::Settled settled) {
                     shared_.counters.succeeded += settled.succeeded;
                     shared_.counters.failed += settled.failed;
                   });
    shared_.store = &*store_;
  }

  void run_pipeline(const posix::StopSignals* signals) {
    const std::stop_callback stop(options_.stop, [this] { shared_.stopping.drain(StopReason::stop_requested); });
    Pipeline pipeline(settings_.n_workers);
    const Watch watch({.started = started_,
                       .shared = shared_,
                       .runner = runner_,
                       .output = output_,
                       .tokens = tokens_,
                       .pipeline = pipeline,
                       .signals = signals});
    pipeline.run(settings_.max_tokens, *this);
  }

  void check_ids(Token& token) noexcept {
    const std::size_t pulled = token.piece.size();
    token.pulled_in += id_check_.check_in_turn(token);
    if (token.piece.size() > 0) return;
    // Nothing but settled items: the next ones may be as cheap.
    shared_.batch.measured(pulled, token.pulled_in);
    input_.recycle(token.piece.block);
  }

  /// Null without memory for one: the piece is dropped then, and the job will throw.
  Token* token_for(const Piece& piece, std::chrono::nanoseconds pulled_in) noexcept {
    try {
      Token& token = tokens_.take();
      token.piece = piece;
      token.pulled_in = pulled_in;
      token.lines.clear();
      token.failure_lines.clear();
      token.settled = {};
      return &token;
    } catch (...) {
      shared_.fail(std::current_exception());
      shared_.flow.ran(piece, 0);
      shared_.flow.left();
      return nullptr;
    }
  }

  ProgressState state() const {
    const Counters& counters = shared_.counters;
    ProgressState state;
    state.description = progress::describe(options_.cache_path);
    state.total = options_.total ? options_.total : settings_.traits.size;
    // What is settled first, so that no snapshot shows more of it than was seen.
    state.succeeded = counters.succeeded;
    state.failed = counters.failed;
    state.skipped = counters.skipped;
    state.duplicates = counters.duplicates;
    state.seen = counters.seen;
    state.elapsed = Clock::now() - started_;
    state.stopping = shared_.stopping.draining();
    return state;
  }

  Report report() const {
    const Counters& counters = shared_.counters;
    Report report;
    report.seen = counters.seen;
    report.skipped = counters.skipped;
    report.skipped_failed = counters.skipped_failed;
    report.duplicates = counters.duplicates;
    report.succeeded = counters.succeeded;
    report.failed = counters.failed;
    report.unfinished = counters.unfinished;
    report.stopped = stop_reason();
    report.elapsed = Clock::now() - started_;
    if (store_) {
      report.recovery = store_->recovery();
      report.failures_path = store::failures_path(options_.cache_path);
    }
    return report;
  }

  /// A stop that found nothing left to stop was none.
  StopReason stop_reason() const {
    const StopReason reason = shared_.stopping.reason();
    if (reason == StopReason::too_many_failures) return reason;
    const bool all_seen = shared_.flow.input_ended() || shared_.counters.seen == settings_.traits.size;
    const bool nothing_left = all_seen && shared_.counters.unfinished == 0;
    return nothing_left ? StopReason::finished : reason;
  }

  const Clock::time_point started_;
  detail::Work& work_;
  const Options& options_;
  const Settings settings_;
  Shared shared_;
  const std::unique_ptr<Caller> caller_;
  IdCheck id_check_;
  std::uint64_t turns_ = 0;  // of the input filter
  Input input_;
  Runner runner_;
  Output output_;
  TokenPool tokens_;
  std::optional<store::ResultsStore> store_;
};

}  // namespace
}  // namespace pararun::job

namespace pararun::detail {

Report run_job(Work& work, const Options& options) {
  const posix::CancellationHeldOff held_off;
  return job::Job(work, options).run();
}

}  // namespace pararun::detail
