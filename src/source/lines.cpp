/// `Lines` and `JsonLines`: what is made of each line.
#include <pararun/source.hpp>

#include "source/line_reader.hpp"

namespace pararun {

Lines::Lines(const std::filesystem::path& path) : reader_(std::make_unique<detail::LineReader>(path)) {}
Lines::Lines(Lines&&) noexcept = default;
Lines& Lines::operator=(Lines&&) noexcept = default;
Lines::~Lines() = default;

std::optional<std::string> Lines::next() {
  if (const auto line = reader_->next()) return std::string(*line);
  return std::nullopt;
}

std::string Lines::where() const { return reader_->where(); }

bool Lines::may_block() const noexcept { return reader_->may_block(); }

int Lines::descriptor() const noexcept { return reader_->descriptor(); }

void Lines::stop_when(std::function<bool()> stopping) { reader_->stop_when(std::move(stopping)); }

JsonLines::JsonLines(const std::filesystem::path& path) : reader_(std::make_unique<detail::LineReader>(path)) {}
JsonLines::JsonLines(JsonLines&&) noexcept = default;
JsonLines& JsonLines::operator=(JsonLines&&) noexcept = default;
JsonLines::~JsonLines() = default;

std::optional<Json> JsonLines::next() {
  while (const auto line = reader_->next()) {
    if (line->find_first_not_of(" \t\r") == std::string_view::npos) continue;
    length_ = line->size();
    try {
      return Json::parse(*line);
    } catch (const JsonError& error) {
      throw BadItem(error.what(), reader_->where());
    }
  }
  return std::nullopt;
}

std::string JsonLines::where() const { return reader_->where(); }

bool JsonLines::may_block() const noexcept { return reader_->may_block(); }

int JsonLines::descriptor() const noexcept { return reader_->descriptor(); }

void JsonLines::stop_when(std::function<bool()> stopping) { reader_->stop_when(std::move(stopping)); }

}  // namespace pararun
