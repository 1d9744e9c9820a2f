#include "progress/painter.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "progress/render.hpp"

namespace pararun::progress {
namespace {

std::atomic<bool> bar_claimed = false;

constexpr const char* kToLineStart = "\r";
constexpr const char* kEraseToLineEnd = "\x1b[K";

}  // namespace

Painter::BarClaim::BarClaim() noexcept : held_(!bar_claimed.exchange(true)) {}

Painter::BarClaim::~BarClaim() {
  if (held_) bar_claimed = false;
}

Painter::Painter(Progress mode, int fd, const Intervals& intervals, Environment environment)
    : intervals_(intervals), environment_(std::move(environment)) {
  sink_.emplace(fd);
  shape_ = choose_shape(mode, sink_->is_terminal(), environment_);
  charset_ = choose_charset(environment_);
  if (shape_ == Progress::none) sink_.reset();
  if (shape_ != Progress::bar) return;
  claim_.emplace();
  if (!*claim_) shape_ = Progress::plain;
}

std::chrono::nanoseconds Painter::interval() const noexcept {
  return shape_ == Progress::bar ? intervals_.redraw : shape_ == Progress::json ? intervals_.json : intervals_.plain;
}

std::string Painter::text(const ProgressState& state) const {
  if (shape_ == Progress::json) return render_json(state) + "\n";
  if (shape_ == Progress::plain) {
    // Where a bar was wanted another job's stands on this line.
    return (claim_ ? std::string(kToLineStart) + kEraseToLineEnd : "") + render_plain(state, charset_) + "\n";
  }
  // The last column stays free: text there leaves the cursor in a state in which erasing takes the text with it.
  const std::size_t width = std::max<std::size_t>(window_columns(sink_->fd(), environment_), 1) - 1;
  std::string text = kToLineStart;
  return text.append(render_bar(state, width, charset_)).append(kEraseToLineEnd);
}

void Painter::draw(const ProgressState& state) {
  if (!active()) return;
  sink_->offer(text(state));
  bar_stands_ = shape_ == Progress::bar;
}

void Painter::finish(const ProgressState& state) {
  if (!active()) return;
  sink_->insist(text(state) + (shape_ == Progress::bar ? "\n" : ""), intervals_.patience);
  bar_stands_ = false;
}

void Painter::abandon() {
  if (bar_stands_) sink_->insist("\n", intervals_.patience);
  bar_stands_ = false;
}

}  // namespace pararun::progress
