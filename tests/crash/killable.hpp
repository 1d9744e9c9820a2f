/// Runs `crash_job` as a process that can be killed, and keeps what it has said.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crash/arguments.hpp"

namespace pararun::testing {

class Killable {
 public:
  /// One line that it said.
  struct Said {
    std::string subject;
    Arguments words;
  };

  /// `environment` is added to this process's own, and stands above it.
  Killable(const std::filesystem::path& results, const std::vector<std::string>& arguments,
           const std::vector<std::string>& environment = {});
  ~Killable();
  Killable(const Killable&) = delete;
  Killable& operator=(const Killable&) = delete;

  /// That it was started with.
  const Arguments& arguments() const { return arguments_; }

  /// Takes what it has said since, without waiting.
  void listen();

  /// Listens until the condition is met or it has ended.
  void listen_until(const std::function<bool()>& condition);

  /// What it says from now on about what is safe is not believed.
  void believe_no_more() { believed_ = false; }

  /// Ends it, unless it has ended by itself, and takes the rest of what it said.
  void kill();

  /// Waits for its own end, which must come within two minutes, and takes the rest of what it said.
  void wait();

  bool has_ended() const { return ended_; }  ///< as far as `listen` has seen
  bool held() const { return held_; }
  int times_told() const { return times_told_; }  ///< of any progress

  /// The last it said about what is safe.
  std::uint64_t told_succeeded() const { return told_succeeded_; }
  std::uint64_t told_failed() const { return told_failed_; }

  /// Everything, in order.
  const std::vector<Said>& log() const { return log_; }

  const std::optional<Arguments>& report() const { return report_; }
  const std::optional<Arguments>& error() const { return error_; }

  /// After its end: 0 to 255, or less than 0, a signal's number.
  int status() const { return status_; }
  bool was_killed() const;

 private:
  void take(std::chrono::milliseconds wait);
  void heed(const std::string& line);
  void reap();

  const Arguments arguments_;
  pid_t pid_ = 0;
  int pipe_ = -1;
  std::string partial_;
  std::vector<Said> log_;
  bool ended_ = false;
  bool held_ = false;
  bool believed_ = true;
  int times_told_ = 0;
  std::uint64_t told_succeeded_ = 0;
  std::uint64_t told_failed_ = 0;
  std::optional<Arguments> report_;
  std::optional<Arguments> error_;
  int status_ = 0;
};

}  // namespace pararun::testing
