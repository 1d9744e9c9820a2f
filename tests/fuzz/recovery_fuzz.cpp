// A results file and a failures file as another program, a torn write or a power loss may have left them; and the same
// content as the input of a job.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "fuzz/compare.hpp"
#include "fuzz/target.hpp"

namespace {

struct Scratch {
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path = pararun::testing::make_scratch_directory();
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pararun::testing;
  static const Scratch scratch;
  const std::string_view content = as_text(data, size);
  require_nothing(compare_open(scratch.path, content));
  require_nothing(compare_open_failures(scratch.path, content));
  require_nothing(compare_load(scratch.path, content));
  require_nothing(compare_sources(scratch.path, content));
  return 0;
}
