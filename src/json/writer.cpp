#include <pararun/json_writer.hpp>

#include "json/text.hpp"

namespace pararun {

JsonWriter& JsonWriter::key(std::string_view name) {
  begin_step();
  if (open_.empty() || open_.back() != '{') refuse("a key stands outside of an object");
  if (key_pending_) refuse("a key follows a key");
  if (comma_) out_->push_back(',');
  const std::size_t start = out_->size();
  if (!json::append_string(*out_, name)) refuse("a key is not valid UTF-8");
  last_key_ = start;
  out_->push_back(':');
  key_pending_ = true;
  if (open_.size() == 1 && !watched_.empty() && name == watched_) {
    if (found_.length != 0) refuse("the key of the item is written twice");
    watching_ = true;
    found_.begin = out_->size();
  }
  whole_ = true;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  before_value();
  if (!json::append_string(*out_, text)) refuse("a string is not valid UTF-8");
  after_value();
  return *this;
}

JsonWriter& JsonWriter::end(char bracket, char closing) {
  begin_step();
  if (open_.empty() || open_.back() != bracket) refuse("a bracket is closed that is not open");
  if (key_pending_) refuse("a key has no value");
  out_->push_back(closing);
  open_.pop_back();
  after_value();
  return *this;
}

void JsonWriter::reset() noexcept {
  open_.clear();
  found_ = {};
  last_key_ = std::string::npos;
  whole_ = true;
  started_ = comma_ = key_pending_ = watching_ = false;
}

void JsonWriter::misplaced_value() const {
  refuse(open_.empty() ? "a second value follows a whole one" : "a value in an object has no key");
}

void JsonWriter::refuse(const char* problem) const {
  std::string message = "result: ";
  message += problem;
  if (last_key_ != std::string::npos && last_key_ < out_->size()) {
    const std::size_t end = out_->find("\":", last_key_);
    if (end != std::string::npos)
      message += " (at or after the key " + out_->substr(last_key_, end + 1 - last_key_) + ")";
  }
  throw BadResult(message);
}

void JsonWriter::end_watched() {
  watching_ = false;
  found_.length = out_->size() - found_.begin;
}

}  // namespace pararun
