/// SIGINT and SIGTERM as requests to stop, for as long as a job wants them so.
#pragma once

#include "posix/event.hpp"

namespace pararun::posix {

/// While any of these lives, the first two of these signals are only counted; the third has its default action.
/// The last one to go restores what was.
class StopSignals {
 public:
  /// `event` is rung at each signal and must outlive this. Throws `Error` where too many jobs ask at once.
  explicit StopSignals(Event& event);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// How many came since this was made.
  int count() const noexcept;

 private:
  int place_;
  int before_;
};

}  // namespace pararun::posix
