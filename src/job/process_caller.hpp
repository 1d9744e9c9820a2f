/// Calls the function in worker processes. The first item of a token takes those behind it along, in one message, and
/// the next calls only wait for their replies; what the token gives up meanwhile is taken back from the worker, unless
/// it has begun with it.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>

#include "job/batch_service.hpp"
#include "job/caller.hpp"
#include "process/crew.hpp"

namespace pararun::job {

/// What is under way for a token.
class Errand {
 public:
  process::Worker* worker = nullptr;  ///< while the token runs
  std::uint32_t begin = 0, end = 0;   ///< the items that were sent, as the token counts them
  bool open = false;                  ///< the worker's claims are about this; guarded by the token's lock
  std::uint32_t encoding = 0;         ///< the items before this one are being made a message of; likewise
  std::string message;
  std::uint32_t taken = 0;  ///< so many replies have been taken

  /// Whether the worker has begun with the item that comes next.
  bool begun() const noexcept { return worker->claims().get().claimed > taken; }
};

class ProcessCaller final : public Caller {
 public:
  /// Forks the template. Throws `Error` if it cannot.
  ProcessCaller(detail::Work& work, Shared& shared);

  bool call(Token& token, std::uint32_t slot, detail::Call& call, Clock::time_point now, Outcome& outcome) override;
  std::uint32_t withdraw(Token& token, std::uint32_t from) noexcept override;
  void finish(Token& token) noexcept override;

 private:
  /// How a wait for a worker has ended.
  enum class Wait {
    over,     ///< what was waited for has come
    dead,     ///< it never will
    garbled,  ///< what has come makes no sense
    overdue,  ///< the item takes too long
    asleep,   ///< the worker does not even begin
    forced,   ///< nobody wants it any more
  };

  bool send_out(Token& token, detail::Call& call, Outcome& outcome);
  Errand& errand_of(Token& token);
  bool encode(Token& token, Errand& errand, const detail::Call& call, std::optional<Failure>& failure);
  bool sendable(const detail::Block& block, std::uint32_t slot) const;
  void open(Token& token, Errand& errand);
  void close(Token& token, Errand& errand) noexcept;
  void bury(Token& token, Errand& errand, bool dead) noexcept;

  Wait receive(const Errand& errand);
  bool deliver(Token& token, Errand& errand, detail::Call& call, Outcome& outcome);
  bool end_overdue(Token& token, Errand& errand, detail::Call& call, Outcome& outcome);

  detail::Work& work_;
  Shared& shared_;
  BatchService service_;
  process::Crew crew_;
  std::mutex mutex_;
  std::list<Errand> errands_;  // guarded by mutex_
};

}  // namespace pararun::job
