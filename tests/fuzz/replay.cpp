// The main of a fuzz target that is built without libFuzzer: runs it on the files given, and on those of directories
// given. It prints each name first, so that the last one printed is the one at fault.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "fuzz/target.hpp"

int main(int argc, char** argv) try {
  std::set<std::filesystem::path> inputs;
  for (const char* argument : std::vector<const char*>(argv + 1, argv + argc)) {
    if (!std::filesystem::is_directory(argument)) {
      inputs.insert(argument);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argument)) inputs.insert(entry.path());
  }
  for (const std::filesystem::path& path : inputs) {
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (in.bad() || !in.is_open()) throw std::runtime_error("cannot read " + path.string());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs, no defect\n", inputs.size());
  return inputs.empty() ? 2 : 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
