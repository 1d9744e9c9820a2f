/// What a progress line says, as pure functions of the state.
#pragma once

#include <cstddef>
#include <string>

#include <pararun/progress.hpp>

#include "progress/text.hpp"

namespace pararun::progress {

/// `clean: 42%|███   | 420/1000 [00:10<00:14, 41.2it/s, failed=3, skipped=200]`, or without a credible total
/// `clean: 420it [00:10, 41.2it/s]`. As wide as `width` columns where there is a bar, and never wider: where
/// room is short the bar shrinks first, then the description is cut to a third of the line, then parts are
/// dropped from the right. Empty if nothing fits. No control characters.
std::string render_bar(const ProgressState& state, std::size_t width, Charset charset);

/// The same in words, for a log: `clean: 42% 420/1000 [00:10<00:14, 41.2it/s, failed=3]`. No newline.
std::string render_plain(const ProgressState& state, Charset charset);

/// A JSON object with the members of `ProgressState` by their names, durations in seconds, `null` for what is
/// unknown. No newline, always UTF-8.
std::string render_json(const ProgressState& state);

}  // namespace pararun::progress
