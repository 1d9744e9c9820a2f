/// What the environment and the terminal have to say about how progress is shown.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <pararun/options.hpp>

#include "progress/text.hpp"

namespace pararun::progress {

/// The value of an environment variable; empty if it is unset.
using Environment = std::function<std::string(const char* name)>;

/// That of this process, but for programs that run with more privileges than their caller: there it is empty.
std::string process_environment(const char* name);

/// The shape that `mode` takes: `none`, `bar`, `plain` or `json`. `automatic` obeys `PARARUN_PROGRESS` and is
/// otherwise a bar on a terminal and plain lines elsewhere. A dumb terminal never gets a bar. Throws
/// `OptionsError` if the variable counts and holds something else.
Progress choose_shape(Progress mode, bool is_terminal, const Environment& environment);

/// By the locale's name, since the program need not have called `setlocale`.
Charset choose_charset(const Environment& environment);

/// How wide the terminal behind `fd` is at this moment; otherwise what `COLUMNS` says, or 80.
std::size_t window_columns(int fd, const Environment& environment);

}  // namespace pararun::progress
