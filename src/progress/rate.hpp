/// How fast a job runs: a moving average over the items that this run worked on. What an earlier run settled
/// says nothing about how long the rest will take, so it does not count, and neither does the time at the
/// beginning in which only such items passed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <pararun/progress.hpp>

namespace pararun::progress {

/// Pure: its only clock is the `elapsed` of the states it is shown. Not thread-safe.
class RateEstimator {
 public:
  /// Takes note of a later state of the same job. States may come at any intervals.
  void observe(const ProgressState& state);

  /// Items a second of late, 0 while unknown. What happened 15 seconds ago weighs 1/e of what happens now;
  /// for slow items the memory is as long as ten of them take, so that each single one does not make it leap.
  /// While the next item is overdue the rate sinks.
  double current() const;

  /// Items a second over the whole run, 0 while unknown.
  double average() const;

 private:
  struct Average {
    double sum = 0;
    double weight = 0;  // less than 1 at first; dividing by it leaves no bias towards 0

    double value() const { return weight > 0 ? sum / weight : 0; }
    void fold(double items, double seconds);
  };

  ProgressState last_;
  Average average_;
  double pending_seconds_ = 0;  // since the interval that was folded last
  double worked_seconds_ = 0;
  std::uint64_t worked_items_ = 0;
};

/// How many items there are, where that can be believed: more have not been seen yet.
std::optional<std::uint64_t> credible_total(const ProgressState& state);

/// How long what is not settled will take at `rate`; nothing where that or the total is unknown.
std::optional<std::chrono::duration<double>> remaining(const ProgressState& state, double rate);

}  // namespace pararun::progress
