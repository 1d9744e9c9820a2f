/// The progress of a running job, shown and told from a thread of its own: the job only offers a snapshot
/// and never waits for a terminal or a callback.
#pragma once

#include <unistd.h>

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <pararun/options.hpp>
#include <pararun/progress.hpp>

#include "progress/painter.hpp"
#include "progress/rate.hpp"

namespace pararun::progress {

struct DisplayOptions {
  Progress mode = Progress::automatic;
  std::function<void(const ProgressState&)> on_progress{};
  int fd = STDERR_FILENO;
  Intervals intervals{};
  Environment environment = process_environment;
};

class Display {
 public:
  /// Starts showing. `snapshot` gives everything but `rate`, `remaining` and `finished`, which are filled in
  /// here; it is called on the display's thread. `on_error` is given the first exception from `on_progress`,
  /// once, on that thread, and must not throw; afterwards `on_progress` is not called again. Without anything
  /// to draw or to call no thread is started and neither is called.
  ///
  /// Throws `OptionsError` if `PARARUN_PROGRESS` counts and makes no sense, and `Error` if there is an
  /// `on_progress` but no thread to be had.
  Display(DisplayOptions options, std::function<ProgressState()> snapshot,
          std::function<void(std::exception_ptr)> on_error);

  /// Stops at once, without a last state unless `finish` was called.
  ~Display();

  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  /// Shows one last snapshot, with `finished` set, also to `on_progress`, and ends the thread. Waits for
  /// `on_progress` to return, and for a blocked terminal no longer than `Intervals::patience`.
  void finish();

 private:
  enum class Order { go_on, finish, abandon };

  void give(Order order);
  void run();
  void show(bool last);
  std::chrono::nanoseconds tick() const noexcept;

  DisplayOptions options_;
  std::function<ProgressState()> snapshot_;
  std::function<void(std::exception_ptr)> on_error_;
  Painter painter_;
  RateEstimator rate_;
  std::chrono::steady_clock::time_point next_draw_{};
  std::mutex mutex_;
  std::condition_variable order_given_;
  Order order_ = Order::go_on;  // guarded by mutex_
  std::thread thread_;
};

/// What a job's lines begin with: the stem of its results file, or the program's name without one.
std::string describe(const std::filesystem::path& cache_path);

}  // namespace pararun::progress
