/// What a pool's worker does: makes the calls that it is sent, one after the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <pararun/process.hpp>

#include "process/worker.hpp"

namespace pararun::process {

/// The last byte of a reply: what stands before it.
enum class CallOutcome : char {
  returned,     ///< what the call returned
  threw,        ///< the exception
  init_failed,  ///< what is wrong, in words; there was no call
};

class CallService final : public Service {
 public:
  explicit CallService(const PoolOptions& options) : options_(options) {}

  void begin() override;
  void serve(std::string_view message, Port& port) override;
  bool goes_on() override;
  std::chrono::nanoseconds patience() const override { return options_.idle_timeout; }

 private:
  const PoolOptions& options_;
  std::string reply_;
  std::string init_problem_;
  std::uint64_t calls_ = 0;
};

}  // namespace pararun::process
