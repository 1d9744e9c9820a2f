/// The lines of the two files. See `store/FORMAT.md`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <pararun/detail/id_list.hpp>
#include <pararun/detail/job.hpp>
#include <pararun/json_writer.hpp>

#include "store/scan.hpp"

namespace pararun::job {

/// Why an item has no result.
struct Failure {
  const char* kind = "exception";
  std::string type;
  std::string message;
  std::string details{};                     ///< JSON; empty: none
  std::optional<int> signal{}, exit_code{};  ///< of a process that died
  bool out_of_memory = false;                ///< it was killed for want of memory
};

/// The exception in flight, to be called in a `catch`.
Failure current_failure();

/// Runs `action`, which is a part of `call`. False if it throws; then `failure` says what.
template <class Action>
bool succeeds(const detail::Call& call, std::optional<Failure>& failure, Action&& action) {
  try {
    action();
    return true;
  } catch (...) {
    failure = current_failure();
    if (call.returned) failure->kind = "bad_result";
    return false;
  }
}

/// Writes lines. Thread-safe: it only holds what never changes.
class LineFormat {
 public:
  /// `longest_line` is for tests to make small.
  explicit LineFormat(std::string_view key_field, std::uint64_t longest_line = store::kLongestLine);

  /// Starts a result line in `line`, which is cleared, lets `result` write behind it and returns where that is; 0 if
  /// the id is no UTF-8. Without an id the line is never written anywhere; the result is still checked.
  std::size_t begin_result(std::string& line, JsonWriter& result, const std::optional<detail::IdView>& id) const;

  /// Ends the line, with its newline, once the result has been written at `body` (`has_result`) or there is none.
  /// Throws `BadResult` where it is not one value, holds another id, or is so long that no later run would read it.
  void end_result(std::string& line, std::size_t body, const JsonWriter& result, bool has_result) const;

  struct FailureFacts {
    std::optional<detail::IdView> id;
    std::uint64_t index;     ///< told where there is no id
    std::string_view where;  ///< likewise
    unsigned attempts;
    std::chrono::nanoseconds took;
    std::chrono::system_clock::time_point at;
  };

  /// Replaces `line` by a failure line, with its newline; without the details where it would be too long to be read
  /// again.
  void write_failure(std::string& line, const Failure& failure, const FailureFacts& facts) const;

 private:
  void join(std::string& line, std::size_t body, const JsonWriter& result, bool has_result) const;

  std::string key_field_;
  std::string opening_;  // `{"id":`
  std::uint64_t longest_line_;
};

}  // namespace pararun::job
