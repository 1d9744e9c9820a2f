/// The output filter's work: hands finished lines to the store, in the order that was asked for.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "job/shared.hpp"
#include "job/token.hpp"

namespace pararun::job {

class Output {
 public:
  explicit Output(Shared& shared) : shared_(shared) {}

  /// Takes what a token brings. Returns the block if all of its items have their verdicts. Any thread.
  detail::Block* accept(Token& token);

  /// Takes what was freed from a token that is still at work. Any thread.
  void accept(Finished part);

 private:
  struct Held {
    Finished part;
    bool last_of_token;
  };

  bool in_order() const noexcept { return shared_.settings.options.order == Order::input; }
  void hand_over(std::string_view lines, std::string_view failure_lines, store::Settled settled);
  void accept_in_order(Finished part, bool last_of_token);

  Shared& shared_;
  std::mutex mutex_;
  std::map<std::uint64_t, Held> held_;  // by position; guarded by mutex_
  std::uint64_t next_ = 0;              // the position whose turn it is; guarded by mutex_
};

}  // namespace pararun::job
