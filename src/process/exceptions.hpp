/// How exceptions cross from a worker.
#pragma once

#include <pararun/wire.hpp>

namespace pararun::process {

/// The exception in flight, to be called in a `catch`.
void write_exception(WireWriter& out);

/// Throws what was written: a standard exception or one of pararun's as what it was, any other as `RemoteError`.
[[noreturn]] void throw_exception(WireReader& in);

}  // namespace pararun::process
