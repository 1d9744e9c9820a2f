#include "job/caller.hpp"

namespace pararun::job {

Outcome ThreadCaller::call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now) {
  const Options& options = shared_.settings.options;
  std::optional<RegisteredCall> registered;
  if (shared_.settings.traits.takes_stop_token) {
    const Clock::time_point deadline =
        options.timeout.count() > 0 ? after(now, options.timeout) : Clock::time_point::max();
    registered.emplace(shared_.calls, deadline);
    call.stop = registered->token();
    // A forced stop that came before the call was registered has not reached it.
    if (shared_.stopping.forced()) return {.unfinished = true};
    if (options.timeout.count() > 0) shared_.expect(deadline);
  }
  Outcome outcome{.failure = failure_in(call, [&] { work_.call(*token.piece.block, slot, call); })};
  // What a function returns, or throws, once it was told to give up says nothing about its item.
  outcome.unfinished = registered && shared_.stopping.forced() && call.stop.stop_requested();
  return outcome;
}

}  // namespace pararun::job
