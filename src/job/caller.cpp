#include "job/caller.hpp"

namespace pararun::job {

void ThreadCaller::call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now, Outcome& outcome) {
  const auto run = [&] { succeeds(call, outcome.failure, [&] { work_.call(*token.piece.block, slot, call); }); };
  if (!shared_.settings.traits.takes_stop_token) return run();
  const Options& options = shared_.settings.options;
  const Clock::time_point deadline =
      options.timeout.count() > 0 ? after(now, options.timeout) : Clock::time_point::max();
  const RegisteredCall registered(shared_.calls, deadline);
  call.stop = registered.token();
  // A forced stop that came before the call was registered has not reached it.
  outcome.unfinished = shared_.stopping.forced();
  if (outcome.unfinished) return;
  if (options.timeout.count() > 0) shared_.expect(deadline);
  run();
  // What a function returns, or throws, once it was told to give up says nothing about its item.
  outcome.unfinished = shared_.stopping.forced() && call.stop.stop_requested();
}

}  // namespace pararun::job
