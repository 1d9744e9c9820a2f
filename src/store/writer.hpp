/// The thread that writes. Lines are handed to it through a bounded buffer and written in groups, so that the
/// pipeline neither waits for the disk nor makes a system call for every item, and a result is counted only once
/// its group is safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <pararun/options.hpp>

#include "store/append_file.hpp"
#include "store/results_store.hpp"

namespace pararun::store {

class Writer {
 public:
  struct Settings {
    Durability durability = Durability::process;
    std::chrono::milliseconds flush_interval{50};
    std::chrono::milliseconds full_disk_wait{5000};
  };

  /// Bytes that may wait to be written; more makes `append` wait.
  static constexpr std::size_t kCapacity = std::size_t{4} << 20;
  /// Bytes that are worth a system call at once.
  static constexpr std::size_t kWorthWriting = std::size_t{256} << 10;

  /// Both files must outlive the writer. `on_commit` is as for `ResultsStore`.
  Writer(const LockedFile& results, const LockedFile& failures, Settings settings,
         std::function<void(Settled)> on_commit);

  /// Ends the thread. What was not committed is dropped, but for a group that is being written.
  ~Writer();

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// See `ResultsStore`.
  void append(std::string_view lines, std::string_view failure_lines, Settled settled);
  bool failed() const noexcept { return failed_.load(std::memory_order_relaxed); }
  void finish();

 private:
  struct Group {
    std::string lines;
    std::string failure_lines;
    Settled settled;
    bool empty = true;

    std::size_t bytes() const noexcept { return lines.size() + failure_lines.size(); }
    void clear();
  };

  void run() noexcept;
  bool take(Group& group);
  void commit(const Group& group);
  bool wait_for_room(std::chrono::steady_clock::time_point give_up);
  void end_thread();

  const Settings settings_;
  const std::function<void(Settled)> on_commit_;
  AppendFile results_;
  AppendFile failures_;

  std::mutex mutex_;  ///< guards everything from here to `error_`
  std::condition_variable work_;
  std::condition_variable room_;
  Group pending_;
  std::chrono::steady_clock::time_point pending_since_;
  bool finishing_ = false;
  bool abandoned_ = false;

  std::exception_ptr error_;  ///< this and the next are the thread's own until it has been joined
  bool has_failures_ = false;
  std::atomic<bool> failed_ = false;
  std::thread thread_;
};

}  // namespace pararun::store
