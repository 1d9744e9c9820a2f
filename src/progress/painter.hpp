/// Puts the states of one job on a descriptor in the shape that was chosen: a bar that is drawn over itself,
/// or one line after the other.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <pararun/options.hpp>
#include <pararun/progress.hpp>

#include "progress/sink.hpp"
#include "progress/terminal.hpp"

namespace pararun::progress {

/// The least time between two of each.
struct Intervals {
  std::chrono::nanoseconds redraw = std::chrono::milliseconds(100);  ///< of the bar; also calls of `on_progress`
  std::chrono::nanoseconds json = std::chrono::seconds(1);
  std::chrono::nanoseconds plain = std::chrono::seconds(30);
  std::chrono::nanoseconds patience = std::chrono::seconds(1);  ///< how long the last line may wait for room
};

/// Each call writes at most once. Two bars in one process would draw over each other, so while one lives the
/// next gives plain lines instead. Writing never fails; used by one thread, with SIGPIPE blocked.
class Painter {
 public:
  /// Throws `OptionsError` if `PARARUN_PROGRESS` counts and makes no sense.
  Painter(Progress mode, int fd, const Intervals& intervals, Environment environment);

  /// Whether there is anything to draw at all, and how often.
  bool active() const noexcept { return shape_ != Progress::none; }
  std::chrono::nanoseconds interval() const noexcept;

  void draw(const ProgressState& state);

  /// Draws the last state, on a line of its own.
  void finish(const ProgressState& state);

  /// Ends the line of a bar whose job has come to no proper end.
  void abandon();

 private:
  /// The right to draw a bar, which one object in the process has at a time.
  class BarClaim {
   public:
    BarClaim() noexcept;
    ~BarClaim();
    BarClaim(const BarClaim&) = delete;
    BarClaim& operator=(const BarClaim&) = delete;
    explicit operator bool() const noexcept { return held_; }

   private:
    bool held_;
  };

  std::string text(const ProgressState& state) const;

  Progress shape_ = Progress::none;
  Charset charset_ = Charset::ascii;
  Intervals intervals_;
  Environment environment_;
  std::optional<Sink> sink_;
  std::optional<BarClaim> claim_;
  bool bar_stands_ = false;
};

}  // namespace pararun::progress
