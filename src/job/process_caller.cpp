#include "job/process_caller.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>

#include <pararun/error.hpp>
#include <pararun/wire.hpp>

#include "json/text.hpp"

namespace pararun::job {
namespace {

using namespace std::chrono_literals;
using process::Death;
using process::kTick;
using Event = process::Worker::Event;

// Between the request to end and the end, for functions that have something to put in order.
constexpr auto kGrace = 1s;

// A worker that could, and has not begun with anything after this long, never will: somebody has stopped it.
constexpr auto kAwakening = 10s;

// Items are sent together up to this much.
constexpr std::size_t kMostBytes = 1 << 20;

/// One for each token that runs, and some more should the kernel not let one die.
std::size_t places(const Settings& settings) { return settings.n_workers + settings.n_workers / 2 + 2; }

Failure crash(std::string message) {
  return {.kind = "crash", .type = "pararun::BrokenWorkerError", .message = std::move(message)};
}

Failure crash(const Death& death) {
  Failure failure = crash(describe(death));
  if (death.how == Death::How::exited) {
    failure.exit_code = death.value;
  } else {
    failure.signal = death.value;
  }
  failure.out_of_memory = death.how == Death::How::no_memory;
  return failure;
}

/// Keeps the items of a token from being withdrawn while they are read: others would run them, and drop them.
class Encoding {
 public:
  Encoding(Token& token, Errand& errand) : token_(token), errand_(errand) {
    const std::lock_guard lock(token_.lock);
    end_ = errand_.encoding = token_.end;
  }
  ~Encoding() {
    const std::lock_guard lock(token_.lock);
    errand_.encoding = 0;
  }
  Encoding(const Encoding&) = delete;
  Encoding& operator=(const Encoding&) = delete;

  /// Behind the last one.
  std::uint32_t end() const noexcept { return end_; }

 private:
  Token& token_;
  Errand& errand_;
  std::uint32_t end_ = 0;
};

}  // namespace

ProcessCaller::ProcessCaller(detail::Work& work, Shared& shared)
    : work_(work), shared_(shared), service_(work, shared.settings), crew_(places(shared.settings), service_) {}

bool ProcessCaller::call(Token& token, std::uint32_t, detail::Call& call, Clock::time_point, Outcome& outcome) {
  try {
    return send_out(token, call, outcome);
  } catch (...) {
    outcome.error = std::current_exception();  // of what happens here nothing is the item's fault
    return false;
  }
}

bool ProcessCaller::send_out(Token& token, detail::Call& call, Outcome& outcome) {
  Errand& errand = errand_of(token);
  for (process::BarrenStarts barren;;) {
    if (token.next >= errand.end || !errand.open) {
      close(token, errand);
      if (!encode(token, errand, call, outcome.failure)) return false;
      open(token, errand);
    }
    Death death;
    switch (receive(errand)) {
      case Wait::over:
        if (deliver(token, errand, call, outcome)) return !outcome.failure;
        [[fallthrough]];
      case Wait::garbled:
        bury(token, errand, crew_.end(*errand.worker, 0s));
        outcome.failure = crash("the worker process sent what cannot be read");
        return false;
      case Wait::forced:
        outcome.unfinished = true;
        return false;
      case Wait::overdue:
        return end_overdue(token, errand, call, outcome);
      case Wait::asleep:
        bury(token, errand, crew_.end(*errand.worker, 0s));
        death = {Death::How::asleep, 0};
        break;
      case Wait::dead:
        death = errand.worker->death();
        const bool culprit = errand.begun();
        const std::chrono::nanoseconds ago = Clock::now() - errand.worker->began();
        bury(token, errand, true);
        if (!culprit) break;
        outcome.failure = crash(death);
        // However late the death was noticed: it was not the timeout's doing.
        const auto timeout = shared_.settings.options.timeout;
        outcome.took = std::clamp(ago, 0ns, timeout.count() > 0 ? timeout : std::chrono::nanoseconds::max());
        return false;
    }
    if (!barren.may_go_on(death)) throw Error("worker processes end before they begin: " + describe(death));
  }
}

std::uint32_t ProcessCaller::withdraw(Token& token, std::uint32_t from) noexcept {
  const Errand* errand = token.errand;
  if (errand == nullptr) return from;
  if (!errand->open) return std::min(std::max(from, errand->encoding), token.end);
  const std::uint32_t part = std::min(std::max(from, errand->begin) - errand->begin, std::uint32_t{UINT16_MAX});
  return std::max(from, errand->begin + errand->worker->claims().withdraw(static_cast<std::uint16_t>(part)));
}

void ProcessCaller::finish(Token& token) noexcept {
  if (token.errand == nullptr || token.errand->worker == nullptr) return;
  Errand& errand = *token.errand;
  errand.worker->claims().withdraw(0);
  const bool idle = errand.worker->sent() && !errand.begun();
  if (!idle) {
    bury(token, errand, crew_.end(*errand.worker, shared_.stopping.forced() ? kGrace : 0s));
  } else {
    bury(token, errand, true);
  }
}

Errand& ProcessCaller::errand_of(Token& token) {
  if (token.errand == nullptr) {
    const std::lock_guard lock(mutex_);
    Errand& errand = errands_.emplace_back();
    const std::lock_guard token_lock(token.lock);
    token.errand = &errand;
  }
  return *token.errand;
}

/// Makes a message of the token's next item and those after it. False if the first one cannot be sent; the others have
/// their turn.
bool ProcessCaller::encode(Token& token, Errand& errand, const detail::Call& call, std::optional<Failure>& failure) {
  detail::Block& block = *token.piece.block;
  const Encoding encoding(token, errand);
  BatchMessage::begin(errand.message, !call.last_attempt);
  errand.begin = errand.end = token.next;
  while (errand.end < encoding.end() && errand.message.size() < kMostBytes) {
    const std::uint32_t slot = block.runnable[errand.end];
    if (errand.end > token.next && !sendable(block, slot)) break;
    std::optional<Failure> problem;
    const auto add = [&] {
      BatchMessage::add(errand.message, [&](std::string& to) { work_.encode(block, slot, to); });
    };
    if (!succeeds(call, problem, add)) {
      if (errand.end == token.next) failure = std::move(problem);
      break;
    }
    ++errand.end;
  }
  return errand.end > token.next;
}

/// Whether the item will be called at all.
bool ProcessCaller::sendable(const detail::Block& block, std::uint32_t slot) const {
  for (const detail::Block::Broken& broken : block.broken) {
    if (broken.slot == slot) return false;
  }
  const std::uint32_t id = block.id_of[slot];
  if (id == detail::Block::kNoId) return true;
  const std::string_view text = block.ids[id].text;
  return json::valid_utf8_prefix(text) == text.size();
}

void ProcessCaller::open(Token& token, Errand& errand) {
  if (errand.worker == nullptr) errand.worker = crew_.hire();
  if (errand.worker == nullptr) throw Error("too many worker processes cannot be ended");
  errand.taken = 0;
  const std::lock_guard lock(token.lock);
  errand.end = std::min(errand.end, token.end);  // the watch may have found a part of it stuck
  errand.worker->open(errand.message, static_cast<std::uint16_t>(errand.end - errand.begin));
  errand.open = true;
}

void ProcessCaller::close(Token& token, Errand& errand) noexcept {
  const std::lock_guard lock(token.lock);
  errand.open = false;
}

/// Parts with the worker: it has nothing to do any more, or is dead. If it is neither, it is left to itself.
void ProcessCaller::bury(Token& token, Errand& errand, bool dead) noexcept {
  close(token, errand);
  if (dead) crew_.dismiss(*errand.worker);
  errand.worker = nullptr;
}

/// Waits for the next reply, once everything is sent. Can be called again where that did not come.
ProcessCaller::Wait ProcessCaller::receive(const Errand& errand) {
  process::Worker& worker = *errand.worker;
  const auto attempt = [&](Clock::time_point until) {
    const Event event = worker.sent() ? Event::ready : worker.send(until);
    return event == Event::ready ? worker.receive(until) : event;
  };
  const auto timeout = shared_.settings.options.timeout;
  // Most replies are there already, and cost no look at the clock.
  Event event = attempt(Clock::time_point::min());
  Clock::time_point since = event == Event::time ? Clock::now() : Clock::time_point();
  for (Clock::time_point now = since; event == Event::time; now = Clock::now()) {
    const bool begun = errand.begun();
    if (worker.held_up()) since = now;
    Clock::time_point deadline = since + kAwakening;
    if (begun) deadline = timeout.count() > 0 ? after(worker.began(), timeout) : Clock::time_point::max();
    event = attempt(std::min(deadline, now + kTick));
    if (event != Event::time) break;
    if (shared_.stopping.forced()) return Wait::forced;
    if (crew_.lost()) throw Error("the process from which the workers are forked has died, or hangs");
    if (Clock::now() < deadline) continue;
    if (begun) return Wait::overdue;
    if (!errand.begun()) return Wait::asleep;
  }
  return event == Event::ready ? Wait::over : event == Event::ended ? Wait::dead : Wait::garbled;
}

/// False if the reply makes no sense.
bool ProcessCaller::deliver(Token& token, Errand& errand, detail::Call& call, Outcome& outcome) {
  ReplyHead head;
  const std::string_view reply = errand.worker->reply();
  if (reply.size() < sizeof head) return false;
  std::memcpy(&head, reply.data(), sizeof head);
  const std::string_view text = reply.substr(sizeof head);
  if (head.key_begin > text.size() || head.key_size > text.size() - head.key_begin) return false;
  if (head.kind == ReplyHead::Kind::result) {
    call.returned = head.returned;
    if (head.complete) call.result.value_text(text, {head.key_begin, head.key_size});
  } else {
    try {
      WireReader in(text);
      Failure& failure = outcome.failure.emplace();
      failure.kind = name(head.kind);
      failure.type = in.value<std::string>();
      failure.message = in.value<std::string>();
      failure.details = in.value<std::string>();
    } catch (const Error&) {
      return false;
    }
  }
  outcome.took = std::chrono::nanoseconds(head.took);
  ++errand.taken;
  if (head.stopped) errand.end = token.next + 1;
  return true;
}

/// Asks the function to end, then ends the worker. What comes of the item meanwhile counts, if it was not too late.
bool ProcessCaller::end_overdue(Token& token, Errand& errand, detail::Call& call, Outcome& outcome) {
  process::Worker& worker = *errand.worker;
  const Clock::time_point began = worker.began();
  worker.claims().withdraw(0);
  crew_.signal(worker, SIGTERM);
  Event event = Event::time;
  for (const auto end = Clock::now() + kGrace; event == Event::time && Clock::now() < end && !crew_.lost();) {
    event = worker.receive(std::min(end, Clock::now() + kTick));
  }
  const bool dead = crew_.end(worker, 0s);
  if (event == Event::time) event = worker.receive(Clock::time_point::min());
  const bool delivered = event == Event::ready && deliver(token, errand, call, outcome);
  // That it took too long stands, whatever the worker has written over its beginning.
  if (!delivered) outcome = {.took = std::max(Clock::now() - began, shared_.settings.options.timeout + 1ns)};
  bury(token, errand, dead);
  return delivered && !outcome.failure;
}

}  // namespace pararun::job
