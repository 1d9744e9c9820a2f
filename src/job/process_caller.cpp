#include "job/process_caller.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include <pararun/error.hpp>
#include <pararun/wire.hpp>

#include "json/text.hpp"

namespace pararun::job {
namespace {

using namespace std::chrono_literals;
using process::Death;
using Event = process::Worker::Event;

// Who waits for a worker looks up this often, for what nobody wakes it for: a forced stop, the template's death.
constexpr auto kTick = 50ms;

// Between the request to end and the end, for functions that have something to put in order.
constexpr auto kGrace = 1s;

// A worker that has not begun with anything after this long never will: somebody has stopped it.
constexpr auto kAwakening = 10s;

// So many workers in a row may die, or not even come to life, before any of them has begun with the item.
constexpr unsigned kMostBarren = 10;

// Items are sent together up to this much.
constexpr std::size_t kMostBytes = 1 << 20;

// Longer than any line that can be read again.
constexpr std::uint64_t kLongestReply = std::uint64_t{1} << 31;

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

}  // namespace

ProcessCaller::ProcessCaller(detail::Work& work, Shared& shared)
    : work_(work), shared_(shared), service_(work, shared.settings), crew_(places(shared.settings), service_) {}

Outcome ProcessCaller::call(Token& token, std::uint32_t, detail::Call& call, Clock::time_point) {
  Errand& errand = errand_of(token);
  for (unsigned barren = 0;; ++barren) {
    if (token.next >= errand.end || !errand.open) {
      close(token, errand);
      if (auto failure = encode(token, errand, call)) return {.failure = std::move(failure)};
      open(token, errand);
    }
    Death death;
    switch (receive(errand)) {
      case Wait::over:
        return deliver(token, errand, call);
      case Wait::forced:
        return {.unfinished = true};
      case Wait::overdue:
        return end_overdue(token, errand, call);
      case Wait::garbled:
        bury(token, errand, crew_.end(*errand.worker, 0s));
        return {.failure = crash("the worker process sent what cannot be read")};
      case Wait::asleep:
        bury(token, errand, crew_.end(*errand.worker, 0s));
        break;
      case Wait::dead:
        death = errand.worker->death();
        const bool culprit = errand.begun();
        bury(token, errand, true);
        if (culprit) return {.failure = crash(death)};
        break;
    }
    if (barren == kMostBarren) throw Error("worker processes end before they begin: " + describe(death));
    // Where there are too many processes at the moment there may be fewer in a moment.
    if (death.how == Death::How::not_born) std::this_thread::sleep_for(2ms * (1U << barren));
  }
}

std::uint32_t ProcessCaller::withdraw(Token& token, std::uint32_t from) noexcept {
  const Errand* errand = token.errand;
  if (errand == nullptr || !errand->open) return from;
  const std::uint32_t part = std::min(std::max(from, errand->begin) - errand->begin, std::uint32_t{UINT16_MAX});
  return std::max(from, errand->begin + errand->worker->claims().withdraw(static_cast<std::uint16_t>(part)));
}

void ProcessCaller::finish(Token& token) noexcept {
  if (token.errand == nullptr || token.errand->worker == nullptr) return;
  Errand& errand = *token.errand;
  errand.worker->claims().withdraw(0);
  const bool idle = errand.unsent.empty() && !errand.begun();
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
    const std::lock_guard token_lock(token.mutex);
    token.errand = &errand;
  }
  return *token.errand;
}

/// Makes a message of the token's next item and those after it. Returns what is wrong with the first one, if anything
/// is; the others have their turn.
std::optional<Failure> ProcessCaller::encode(Token& token, Errand& errand, const detail::Call& call) {
  detail::Block& block = *token.piece.block;
  std::uint32_t end = 0;
  {
    const std::lock_guard lock(token.mutex);
    end = token.end;
  }
  BatchMessage::begin(errand.message, !call.last_attempt);
  errand.begin = errand.end = token.next;
  while (errand.end < end && errand.message.size() < kMostBytes) {
    const std::uint32_t slot = block.runnable[errand.end];
    if (errand.end > token.next && !sendable(block, slot)) break;
    auto failure = failure_in(
        call, [&] { BatchMessage::add(errand.message, [&](std::string& to) { work_.encode(block, slot, to); }); });
    if (failure && errand.end == token.next) return failure;
    if (failure) break;
    ++errand.end;
  }
  return std::nullopt;
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
  errand.unsent = errand.message;
  errand.taken = 0;
  errand.head.reset();
  const std::lock_guard lock(token.mutex);
  errand.end = std::min(errand.end, token.end);  // the watch may have found a part of it stuck
  errand.worker->open(static_cast<std::uint16_t>(errand.end - errand.begin));
  errand.open = true;
}

void ProcessCaller::close(Token& token, Errand& errand) noexcept {
  const std::lock_guard lock(token.mutex);
  errand.open = false;
}

/// Parts with the worker: it has nothing to do any more, or is dead. If it is neither, it is left to itself.
void ProcessCaller::bury(Token& token, Errand& errand, bool dead) noexcept {
  close(token, errand);
  if (dead) crew_.dismiss(*errand.worker);
  errand.worker = nullptr;
}

/// Waits for the next whole reply. Can be called again where that did not come.
ProcessCaller::Wait ProcessCaller::receive(Errand& errand) {
  process::Worker& worker = *errand.worker;
  if (!errand.unsent.empty()) {
    const Wait sent = wait(errand, [&](Clock::time_point until) { return worker.send(errand.unsent, until); });
    if (sent != Wait::over) return sent;
  }
  const auto await = [&](std::size_t size) {
    if (worker.available() >= size) return Wait::over;
    return wait(errand, [&](Clock::time_point until) { return worker.await(size, until); });
  };
  if (!errand.head) {
    const Wait come = await(sizeof(ReplyHead));
    if (come != Wait::over) return come;
    std::array<char, sizeof(ReplyHead)> bytes{};
    char* to = bytes.data();
    worker.take(bytes.size(), [&](std::string_view piece) { to = std::copy(piece.begin(), piece.end(), to); });
    std::memcpy(&errand.head.emplace(), bytes.data(), bytes.size());
    errand.text.clear();
  }
  const ReplyHead& head = *errand.head;
  if (head.size > kLongestReply || head.key_begin > head.size || head.key_size > head.size - head.key_begin) {
    return Wait::garbled;
  }
  while (errand.text.size() < head.size) {
    const std::size_t size = std::min(head.size - errand.text.size(), process::Pipe::kCapacity / 2);
    const Wait come = await(size);
    if (come != Wait::over) return come;
    worker.take(size, [&](std::string_view piece) { errand.text += piece; });
  }
  return Wait::over;
}

template <class Attempt>
ProcessCaller::Wait ProcessCaller::wait(const Errand& errand, Attempt attempt) {
  const auto timeout = shared_.settings.options.timeout;
  const Clock::time_point since = Clock::now();
  for (Clock::time_point now = since;; now = Clock::now()) {
    const bool begun = errand.begun();
    Clock::time_point deadline = since + kAwakening;
    if (begun) deadline = timeout.count() > 0 ? after(errand.worker->began(), timeout) : Clock::time_point::max();
    switch (attempt(std::min(deadline, now + kTick))) {
      case Event::ready:
        return Wait::over;
      case Event::ended:
        return Wait::dead;
      case Event::time:
        break;
    }
    if (shared_.stopping.forced()) return Wait::forced;
    if (crew_.lost()) throw Error("the process from which the workers are forked has died");
    if (begun && Clock::now() >= deadline) return Wait::overdue;
    if (!begun && Clock::now() >= deadline && !errand.begun()) return Wait::asleep;
  }
}

Outcome ProcessCaller::deliver(Token& token, Errand& errand, detail::Call& call) {
  const ReplyHead head = *errand.head;
  errand.head.reset();
  ++errand.taken;
  if (head.stopped) errand.end = token.next + 1;
  Outcome outcome{.took = std::chrono::nanoseconds(head.took)};
  if (head.kind == ReplyHead::Kind::result) {
    call.returned = head.returned;
    if (head.complete) call.result.value_text(errand.text, {head.key_begin, head.key_size});
    return outcome;
  }
  try {
    WireReader in(errand.text);
    Failure& failure = outcome.failure.emplace();
    failure.kind = name(head.kind);
    failure.type = in.value<std::string>();
    failure.message = in.value<std::string>();
    failure.details = in.value<std::string>();
  } catch (const Error&) {
    outcome.failure = crash("the worker process sent what cannot be read");
  }
  return outcome;
}

/// Ends the worker. Should the item have been finished meanwhile, that counts.
Outcome ProcessCaller::end_overdue(Token& token, Errand& errand, detail::Call& call) {
  const Clock::time_point began = errand.worker->began();
  const bool dead = crew_.end(*errand.worker, kGrace);
  Outcome outcome;
  if (dead && receive(errand) == Wait::over) {
    outcome = deliver(token, errand, call);
  } else {
    outcome.took = Clock::now() - began;
  }
  bury(token, errand, dead);
  return outcome;
}

}  // namespace pararun::job
