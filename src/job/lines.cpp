#include "job/lines.hpp"

#include <cxxabi.h>

#include <array>
#include <ctime>
#include <exception>
#include <typeinfo>

#include <pararun/error.hpp>
#include <pararun/failure.hpp>

#include "json/text.hpp"
#include "type_name.hpp"

namespace pararun::job {
namespace {

constexpr std::string_view kResult = ",\"result\":";

// A message of somebody's exception may be anything; a line of the failures file stays readable.
constexpr std::size_t kLongestMessage = 16 * 1024;

std::string message_of(const std::exception& exception) noexcept {
  try {
    std::string message = exception.what();
    if (message.size() > kLongestMessage) {
      message.resize(kLongestMessage);
      message.resize(json::valid_utf8_prefix(message));
      message += "...";
    }
    return message;
  } catch (...) {
    return {};
  }
}

Failure failure_of(const std::exception& exception, const char* kind) {
  return {.kind = kind, .type = detail::readable_type(typeid(exception).name()), .message = message_of(exception)};
}

/// `2026-03-01T12:00:00.123Z`
std::string timestamp(std::chrono::system_clock::time_point at) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(at);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(milliseconds);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  const auto fraction = std::to_string(1000 + (milliseconds.time_since_epoch().count() % 1000));
  return std::string(text.data()) + "." + fraction.substr(1) + "Z";
}

void append_id(std::string& out, const detail::IdView& id) {
  if (id.kind == detail::IdKind::integer) {
    out += id.text;
  } else {
    json::append_lossy_string(out, id.text);
  }
}

}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const ItemFailure& failure) {
    Failure described = failure_of(failure, "exception");
    described.details = failure.details();
    return described;
  } catch (const TimeoutError& timeout) {
    return failure_of(timeout, "timeout");
  } catch (const BadResult& result) {
    return failure_of(result, "bad_result");
  } catch (const BadItem& item) {
    return failure_of(item, "bad_item");
  } catch (const std::exception& exception) {
    return failure_of(exception, "exception");
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return {.kind = "exception", .type = type ? detail::readable_type(type->name()) : "unknown", .message = {}};
  }
}

LineFormat::LineFormat(std::string_view key_field, std::uint64_t longest_line)
    : key_field_(key_field), opening_("{"), longest_line_(longest_line) {
  json::append_lossy_string(opening_, key_field);
  opening_ += ':';
}

std::size_t LineFormat::begin_result(std::string& line, JsonWriter& result,
                                     const std::optional<detail::IdView>& id) const {
  line = opening_;
  if (!id) {
    line += "null";
  } else if (id->kind == detail::IdKind::integer) {
    line += id->text;
  } else if (!json::append_string(line, id->text)) {
    return 0;
  }
  line += kResult;
  result.reset();
  result.watch(id ? std::string_view(key_field_) : std::string_view());
  return line.size();
}

void LineFormat::end_result(std::string& line, std::size_t body, const JsonWriter& result, bool has_result) const {
  join(line, body, result, has_result);
  if (line.size() > longest_line_) {
    throw BadResult("result: its line has " + std::to_string(line.size()) + " bytes; none of more than " +
                    std::to_string(longest_line_) + " can be read again");
  }
  line += '\n';
}

/// Makes one object of the id and the result.
void LineFormat::join(std::string& line, std::size_t body, const JsonWriter& result, bool has_result) const {
  const std::size_t id_end = body - kResult.size();
  if (!has_result) {
    line.resize(id_end);
  } else {
    if (!result.complete()) throw BadResult("result: what was written is not one whole JSON value");
    if (line[body] == '{') {
      const JsonWriter::Span key = result.watched();
      if (key.length == 0) {
        // The object's members follow the id in one object.
        const bool empty = line[body + 1] == '}';
        line.erase(id_end + (empty ? 0 : 1), body - id_end + (empty ? 1 : 0));
        return;
      }
      const std::string_view id = std::string_view(line).substr(opening_.size(), id_end - opening_.size());
      const std::string_view own = std::string_view(line).substr(key.begin, key.length);
      if (own != id && !(own == "-0" && id == "0")) {
        throw BadResult("result: its own \"" + key_field_ + "\" is " + std::string(own) + ", but the item's is " +
                        std::string(id));
      }
      line.erase(0, body);
      return;
    }
  }
  line += '}';
}

void LineFormat::write_failure(std::string& line, const Failure& failure, const FailureFacts& facts) const {
  // A second member of the key's name would be read in place of the id.
  const auto may_add = [this](std::string_view name) { return name != key_field_; };
  line = opening_;
  if (facts.id) {
    append_id(line, *facts.id);
  } else {
    line += "null";
    if (may_add("index")) line += ",\"index\":" + std::to_string(facts.index);
    if (!facts.where.empty() && may_add("where")) {
      line += ",\"where\":";
      json::append_lossy_string(line, facts.where);
    }
  }
  line += ",\"error\":{\"kind\":\"";
  line += failure.kind;
  line += "\",\"type\":";
  json::append_lossy_string(line, failure.type);
  line += ",\"message\":";
  json::append_lossy_string(line, failure.message);
  if (!failure.details.empty()) line += ",\"details\":" + failure.details;
  if (failure.signal) line += ",\"signal\":" + std::to_string(*failure.signal);
  if (failure.exit_code) line += ",\"exit_code\":" + std::to_string(*failure.exit_code);
  if (failure.out_of_memory) line += ",\"out_of_memory\":true";
  line += '}';
  if (may_add("attempts")) line += ",\"attempts\":" + std::to_string(facts.attempts);
  if (may_add("seconds")) {
    line += ",\"seconds\":";
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(facts.took).count();
    JsonWriter(line).value(static_cast<double>(microseconds) / 1e6);
  }
  if (may_add("at")) line += ",\"at\":\"" + timestamp(facts.at) + '"';
  line += "}\n";
  if (line.size() > longest_line_ && !failure.details.empty()) {
    Failure without_details = failure;
    without_details.details.clear();
    write_failure(line, without_details, facts);
  }
}

}  // namespace pararun::job
