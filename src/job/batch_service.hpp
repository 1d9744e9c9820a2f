/// What a job's worker process does: calls the function on the items that it is sent, one after the other, and sends
/// back the JSON of each result, or what was thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include <pararun/detail/job.hpp>
#include <pararun/json_writer.hpp>

#include "job/item_clock.hpp"
#include "job/lines.hpp"
#include "job/settings.hpp"
#include "posix/event.hpp"
#include "process/worker.hpp"

namespace pararun::job {

/// The items of one message.
class BatchMessage {
 public:
  /// `may_retry`: an item that fails will be tried again, so the worker shall not go on after it.
  static void begin(std::string& message, bool may_retry);

  /// Appends what `encode(message)` appends as the next item. Should it throw, nothing has changed.
  template <class Encode>
  static void add(std::string& message, Encode encode) {
    const std::size_t head = message.size();
    std::uint64_t size = 0;
    try {
      message.append(sizeof size, '\0');
      encode(message);
    } catch (...) {
      message.resize(head);
      throw;
    }
    size = message.size() - head - sizeof size;
    message.replace(head, sizeof size, reinterpret_cast<const char*>(&size), sizeof size);
  }
};

/// What stands before the text of each reply: the result's JSON, or type, message and details of a failure.
struct ReplyHead {
  enum class Kind : std::uint8_t { result, exception, timeout, bad_result, bad_item };

  std::int64_t took = 0;                      ///< nanoseconds
  std::uint64_t key_begin = 0, key_size = 0;  ///< `JsonWriter::watched`
  Kind kind = Kind::result;
  bool returned = false;  ///< there is a result, and not just the end of the function
  bool complete = false;  ///< and it is a whole JSON value
  bool stopped = false;   ///< the worker leaves what comes after this to others
};

/// The name of a kind of failures, as `Failure` has it, and back.
const char* name(ReplyHead::Kind kind) noexcept;
ReplyHead::Kind kind_named(std::string_view name) noexcept;

class BatchService final : public process::Service {
 public:
  BatchService(detail::Work& work, const Settings& settings) : work_(work), settings_(settings) {}

  void begin() override;
  void serve(std::string_view message, process::Port& port) override;

 private:
  void watch_for_stop();
  std::stop_token new_stop_token();
  void reply_to(std::string_view item, bool may_retry, ItemClock& clock, process::Port& port);

  detail::Work& work_;
  const Settings& settings_;
  std::unique_ptr<detail::Block> block_;
  std::string reply_;
  JsonWriter result_{reply_};
  Clock::time_point woken_{};
  bool stopped_ = false;

  // Where the function takes a stop token.
  std::unique_ptr<posix::Event> terminate_;
  std::mutex mutex_;
  std::stop_source stop_;  // of the item in progress; guarded by mutex_
};

}  // namespace pararun::job
