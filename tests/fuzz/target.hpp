/// What the fuzz targets share. A target is a function that returns, or ends the process if it has found a defect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

/// Called by libFuzzer, or by replay.cpp for each file that it is given.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace pararun::testing {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void require_nothing(const std::string& difference) {
  if (difference.empty()) return;
  std::fprintf(stderr, "defect: %s\n", difference.c_str());
  std::abort();
}

}  // namespace pararun::testing
