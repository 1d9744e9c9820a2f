#include "job/batch_service.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <thread>
#include <type_traits>

#include <pararun/wire.hpp>

#include "posix/signals.hpp"
#include "process/child.hpp"
#include "process/crew.hpp"

namespace pararun::job {
namespace {

static_assert(std::is_trivially_copyable_v<ReplyHead>);

constexpr std::array<const char*, 5> kKinds{"", "exception", "timeout", "bad_result", "bad_item"};

// Results of a batch that turns out heavy shall not wait for its end; waking for each of a light one would cost too
// much.
constexpr std::chrono::microseconds kSilence{500};

}  // namespace

void BatchMessage::begin(std::string& message, bool may_retry) {
  process::Worker::begin(message);
  WireWriter(message).value(may_retry);
}

const char* name(ReplyHead::Kind kind) noexcept {
  const auto index = static_cast<std::size_t>(kind);
  return kKinds[index < kKinds.size() ? index : 1];
}

ReplyHead::Kind kind_named(std::string_view name) noexcept {
  for (std::size_t index = 2; index < kKinds.size(); ++index) {
    if (name == kKinds[index]) return static_cast<ReplyHead::Kind>(index);
  }
  return ReplyHead::Kind::exception;
}

void BatchService::begin() {
  block_ = work_.make_block();
  if (settings_.traits.takes_stop_token) watch_for_stop();
}

/// Starts a thread that makes a stop request of the parent's SIGTERM: no signal handler may.
void BatchService::watch_for_stop() {
  terminate_ = std::make_unique<posix::Event>();
  const posix::AllSignalsBlocked blocked;
  std::thread([this] {
    for (;;) {
      if (!terminate_->wait(Clock::time_point::max())) continue;
      std::unique_lock lock(mutex_);
      std::stop_source stop = stop_;
      lock.unlock();  // it runs what the function has registered
      stop.request_stop();
    }
  }).detach();
  process::ring_at_terminate(*terminate_);
}

std::stop_token BatchService::new_stop_token() {
  if (!terminate_) return {};
  const std::lock_guard lock(mutex_);
  stop_ = std::stop_source();
  return stop_.get_token();
}

void BatchService::serve(std::string_view message, process::Port& port) {
  WireReader in(message);
  const bool may_retry = in.value<bool>();
  const bool timed = settings_.options.timeout.count() > 0;
  ItemClock clock(timed);
  woken_ = clock.now();
  stopped_ = false;
  while (!stopped_ && !in.left().empty()) {
    port.began(clock.now());
    if (!port.claim()) break;
    const auto size = in.value<std::uint64_t>();
    reply_to(in.bytes(size), may_retry, clock, port);
  }
}

void BatchService::reply_to(std::string_view item, bool may_retry, ItemClock& clock, process::Port& port) {
  const Clock::time_point began = clock.now();
  ReplyHead head;
  process::Port::begin(reply_);
  const std::size_t at = reply_.size();
  reply_.append(sizeof head, '\0');
  result_.reset();
  result_.watch(settings_.options.key_field);
  detail::Call call{.result = result_, .stop = new_stop_token(), .last_attempt = true};
  std::optional<Failure> failure;
  succeeds(call, failure, [&] {
    work_.decode(*block_, item);
    work_.call(*block_, 0, call);
  });
  const Clock::time_point ended = failure ? clock.ask() : clock.glance();
  head.took = std::chrono::nanoseconds(ended - began).count();
  if (failure) {
    reply_.resize(at + sizeof head);
    WireWriter(reply_).value(failure->type).value(failure->message).value(failure->details);
    head.kind = kind_named(failure->kind);
  } else {
    head.returned = call.returned;
    head.complete = call.returned && result_.complete();
    const JsonWriter::Span key = result_.watched();
    if (key.length > 0) {
      head.key_begin = key.begin - at - sizeof head;
      head.key_size = key.length;
    }
  }
  work_.drop(*block_, 0);
  const bool late = settings_.options.timeout.count() > 0 && ended - began > settings_.options.timeout;
  if (may_retry && (failure || late)) {
    port.stop();
    head.stopped = stopped_ = true;
  }
  std::memcpy(reply_.data() + at, &head, sizeof head);
  port.send(reply_);
  if (ended - woken_ >= kSilence) {
    woken_ = ended;
    port.wake();
  }
}

}  // namespace pararun::job
