#include "job/runner.hpp"

#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include <pararun/error.hpp>

#include "job/backoff.hpp"
#include "json/text.hpp"

namespace pararun::job {
namespace {

using detail::Block;

std::optional<detail::IdView> id_of(const Block& block, std::uint32_t slot) {
  const std::uint32_t id = block.id_of[slot];
  if (id == Block::kNoId) return std::nullopt;
  return block.ids[id];
}

std::string seconds(std::chrono::nanoseconds time) {
  std::string text;
  JsonWriter(text).value(static_cast<double>(time.count()) / 1e9);
  return text + " s";
}

}  // namespace

Runner::Runner(detail::Work& work, Caller& caller, Shared& shared)
    : work_(work), caller_(caller), shared_(shared), format_(shared.settings.options.key_field) {}

void Runner::run(Token& token) noexcept {
  token.end = token.piece.begin;
  if (token.piece.size() == 0) return;
  ItemClock clock(shared_.settings.options.timeout.count() > 0);
  const Clock::time_point started = clock.now();
  {
    const std::lock_guard held(token.lock);
    token.working = true;
    token.next = token.piece.begin;
    token.end = token.piece.end;
    token.freed = 0;
    token.started = token.next_started = started;
  }
  try {
    bool more = true;
    while (more) {
      const Verdict verdict = attempt(token, clock);
      more = conclude(token, verdict, clock.now());
    }
  } catch (...) {
    shared_.fail(std::current_exception());
    abandon(token);
  }
  caller_.finish(token);
  if (token.piece.attempts == 0) {
    shared_.batch.measured(token.end - token.piece.begin, clock.ask() - started + token.pulled_in);
  }
}

Runner::Verdict Runner::attempt(Token& token, ItemClock& clock) {
  Block& block = *token.piece.block;
  const std::uint32_t slot = block.runnable[token.next];
  const Options& options = shared_.settings.options;
  const unsigned attempts = token.piece.attempts + 1;
  if (shared_.stopping.forced() || (token.piece.attempts > 0 && shared_.stopping.draining())) {
    return Verdict::unfinished;
  }

  LineFormat::FailureFacts facts{.id = id_of(block, slot),
                                 .index = block.first_index + slot,
                                 .where = {},
                                 .attempts = attempts,
                                 .took = {},
                                 .at = {}};
  for (const auto& [broken, why, where] : block.broken) {
    if (broken != slot) continue;
    Failure failure;
    try {
      std::rethrow_exception(why);
    } catch (...) {
      failure = current_failure();
    }
    failure.kind = "bad_item";
    facts.where = where;
    facts.attempts = 0;
    return fail_item(token, failure, facts);
  }
  const std::size_t body = format_.begin_result(token.scratch, token.result, facts.id);
  if (body == 0) {
    std::string readable;
    json::append_lossy_string(readable, facts.id->text);
    facts.id.reset();
    facts.attempts = 0;
    return fail_item(
        token, {.kind = "bad_item", .type = "pararun::BadItem", .message = "the id is not valid UTF-8: " + readable},
        facts);
  }

  detail::Call call{.result = token.result, .stop = {}, .last_attempt = attempts > options.retries};
  const Clock::time_point began = clock.now();
  Outcome outcome;
  std::optional<Failure>& failure = outcome.failure;
  succeeds(call, failure, [&] {
    if (!caller_.call(token, slot, call, began, outcome)) return;
    format_.end_result(token.scratch, body, token.result, call.returned);
  });
  if (outcome.unfinished) return Verdict::unfinished;
  if (outcome.error) std::rethrow_exception(outcome.error);
  const Clock::time_point ended = failure ? clock.ask() : clock.glance();
  facts.took = outcome.took.value_or(ended - began);
  if (options.timeout.count() > 0 && facts.took > options.timeout) {
    failure = {.kind = "timeout",
               .type = "pararun::TimeoutError",
               .message = "took " + seconds(facts.took) + ", longer than the timeout of " + seconds(options.timeout)};
  }
  if (!failure) return Verdict::succeeded;
  const std::string_view kind = failure->kind;
  const bool final = kind == "bad_result" || kind == "bad_item" || call.last_attempt;
  if (!final) return shared_.stopping.draining() ? Verdict::unfinished : Verdict::retry;
  return fail_item(token, *failure, facts);
}

Runner::Verdict Runner::fail_item(Token& token, const Failure& failure, LineFormat::FailureFacts facts) {
  facts.at = std::chrono::system_clock::now();
  format_.write_failure(token.scratch, failure, facts);
  return Verdict::failed;
}

/// Records the verdict and returns whether the token has another item to run.
bool Runner::conclude(Token& token, Verdict verdict, Clock::time_point now) {
  Block& block = *token.piece.block;
  Piece rest{.block = &block};
  Piece retry{.block = &block};
  bool more = false;
  // `next` is not read back from the token, where it would be waited for: it has just been stored.
  const std::uint32_t here = token.next, next = here + 1;
  {
    const std::lock_guard held(token.lock);
    const bool keeps_lines = shared_.store != nullptr;
    switch (verdict) {
      case Verdict::succeeded:
        if (keeps_lines) token.lines += token.scratch;
        ++token.settled.succeeded;
        break;
      case Verdict::failed:
        if (keeps_lines) token.failure_lines += token.scratch;
        ++token.settled.failed;
        break;
      case Verdict::unfinished:
        ++shared_.counters.unfinished;
        break;
      case Verdict::retry:
        break;
    }
    token.next = next;
    const bool heavy = !shared_.batch.fixed() && now - token.started > BatchSize::kSlice;
    if (verdict == Verdict::retry) {
      retry.begin = here;
      retry.end = next;
    }
    if (verdict == Verdict::retry || heavy) [[unlikely]] {
      rest.begin = next < token.end ? caller_.withdraw(token, next) : token.end;
      rest.end = token.end;
      token.end = verdict == Verdict::retry ? here : rest.begin;
    }
    more = next < token.end;
    token.next_started = now;
    token.working = more;
  }
  if (verdict != Verdict::retry) work_.drop(block, block.runnable[here]);
  if (verdict == Verdict::failed) {
    const auto failures = shared_.counters.verdicts_failed.fetch_add(1) + 1;
    if (const auto& most = shared_.settings.options.max_failures; most && failures > *most) {
      shared_.stopping.drain(StopReason::too_many_failures);
    }
  }
  if (rest.size() > 0) shared_.flow.give_back(rest);
  if (retry.size() > 0) {
    retry.attempts = token.piece.attempts + 1;
    const std::uint64_t index = block.first_index + block.runnable[retry.begin];
    const auto random = index ^ static_cast<std::uint64_t>(now.time_since_epoch().count());
    retry.due = after(now, backoff(shared_.settings.options.retry_delay, retry.attempts, random));
    shared_.flow.give_back(retry);
    shared_.expect(retry.due);
  }
  return more;
}

/// Out of memory for bookkeeping: the job ends with that error, and what the token had left is unfinished.
void Runner::abandon(Token& token) noexcept {
  const std::lock_guard held(token.lock);
  token.working = false;
  shared_.counters.unfinished += token.end - token.next;
  token.next = token.end;
}

Finished Runner::free_stuck(Token& token, Clock::time_point now) {
  Finished freed;
  Piece rest{.block = nullptr};
  {
    const std::lock_guard held(token.lock);
    // A measured batch is given back by the worker itself before it takes much longer than that.
    const Clock::time_point since = shared_.batch.fixed() ? token.started : token.next_started;
    if (!token.working || now - since < BatchSize::kSlice) return freed;
    const std::uint32_t first = token.piece.begin + token.freed;
    freed = {.sequence = token.piece.block->first_sequence + first,
             .count = token.next - first,
             .lines = std::exchange(token.lines, {}),
             .failure_lines = std::exchange(token.failure_lines, {}),
             .settled = std::exchange(token.settled, {})};
    token.freed += freed.count;
    if (!shared_.batch.fixed() && token.next + 1 < token.end) {
      rest = {.block = token.piece.block, .begin = caller_.withdraw(token, token.next + 1), .end = token.end};
      token.end = rest.begin;
    }
  }
  if (rest.size() > 0) shared_.flow.give_back(rest);
  return freed;
}

}  // namespace pararun::job
