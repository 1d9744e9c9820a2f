// One line of a results file, under keys of several kinds; and the same text as a line of the input.
#include <cstddef>
#include <cstdint>

#include "fuzz/compare.hpp"
#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pararun::testing;
  const std::string_view text = as_text(data, size);
  for (const char* key_field : {"id", "", "\"\\\xc3\xa9"}) require_nothing(compare_scan(text, key_field));
  require_nothing(compare_parse(text));
  return 0;
}
