#include "job/caller.hpp"

namespace pararun::job {

bool ThreadCaller::call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point, Outcome&) {
  work_.call(*token.piece.block, slot, call);
  return true;
}

bool StoppableCaller::call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now,
                           Outcome& outcome) {
  const Options& options = shared_.settings.options;
  const bool timed = options.timeout.count() > 0;
  const Clock::time_point deadline = timed ? after(now, options.timeout) : Clock::time_point::max();
  const RegisteredCall registered(shared_.calls, deadline);
  call.stop = registered.token();
  // A forced stop that came before the call was registered has not reached it.
  outcome.unfinished = shared_.stopping.forced();
  if (outcome.unfinished) return false;
  if (timed) shared_.expect(deadline);
  succeeds(call, outcome.failure, [&] { ThreadCaller::call(token, slot, call, now, outcome); });
  // What a function returns, or throws, once it was told to give up says nothing about its item.
  outcome.unfinished = shared_.stopping.forced() && call.stop.stop_requested();
  return !outcome.failure && !outcome.unfinished;
}

}  // namespace pararun::job
