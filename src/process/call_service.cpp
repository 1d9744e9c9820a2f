#include "process/call_service.hpp"

#include <unistd.h>

#include <cstring>
#include <exception>
#include <fstream>
#include <optional>

#include <pararun/error.hpp>

#include "process/exceptions.hpp"

namespace pararun::process {
namespace {

/// In bytes; nothing where the system does not tell.
std::optional<std::uint64_t> resident_memory() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  if (!(statm >> size >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// The exception in flight as a text.
std::string in_words() {
  std::string bytes;
  WireWriter out(bytes);
  write_exception(out);
  try {
    WireReader in(bytes);
    throw_exception(in);
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

void CallService::begin() {
  if (!options_.init) return;
  try {
    options_.init();
  } catch (...) {
    init_problem_ = "the worker's init failed: " + in_words();
  }
}

void CallService::serve(std::string_view message, Port& port) {
  if (!port.claim()) return;
  Port::begin(reply_);
  const std::size_t begin = reply_.size();
  WireWriter out(reply_);
  CallOutcome outcome = CallOutcome::returned;
  if (!init_problem_.empty()) {
    outcome = CallOutcome::init_failed;
    reply_ += init_problem_;
  } else {
    try {
      WireReader in(message);
      detail::Thunk thunk = nullptr;
      std::memcpy(&thunk, in.bytes(sizeof thunk).data(), sizeof thunk);
      thunk(in, out);
    } catch (...) {
      outcome = CallOutcome::threw;
      reply_.resize(begin);
      write_exception(out);
    }
  }
  reply_ += static_cast<char>(outcome);
  ++calls_;
  port.send(reply_);
}

bool CallService::goes_on() {
  if (!init_problem_.empty()) return false;
  if (options_.max_calls > 0 && calls_ >= options_.max_calls) return false;
  if (options_.max_rss > 0 && resident_memory().value_or(0) > options_.max_rss) return false;
  return !options_.retire || !options_.retire();
}

}  // namespace pararun::process
