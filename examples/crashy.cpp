/// Ten thousand items, some of which crash, hang or eat all memory, as a parser of other people's files does. Each runs
/// in a worker process, so that every other item is done all the same, and the failures file names the culprits.
///
///     crashy [<results file>]
#include <pararun/pararun.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <ranges>
#include <string>
#include <vector>

namespace pr = pararun;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr int kItems = 10'000;

/// What an item turns out to be. Nobody knows beforehand.
enum class Nature { harmless, crashes, hangs, eats_memory };

Nature nature_of(int item) {
  if (item % 1000 == 17) return Nature::crashes;
  if (item % 2500 == 1234) return Nature::hangs;
  if (item % 2000 == 777) return Nature::eats_memory;
  return Nature::harmless;
}

/// Whether the failures file may say so.
bool may_fail_with(Nature nature, const std::string& kind) {
  switch (nature) {
    case Nature::crashes:
      return kind == "crash";
    case Nature::hangs:
      return kind == "timeout";
    case Nature::eats_memory:
      return kind == "exception" || kind == "crash";  // std::bad_alloc, unless the allocator dies where others throw
    case Nature::harmless:
      break;
  }
  return false;
}

/// A worker may have as much memory as there is; this program wants to leave some to others.
void limit_memory() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{64} << 20);
  ::setrlimit(RLIMIT_AS, &limit);
}

std::size_t parse(int item) {
  [[maybe_unused]] static const bool limited = (limit_memory(), true);  // once in each worker
  switch (nature_of(item)) {
    case Nature::crashes:
      ::kill(::getpid(), SIGSEGV);
      break;
    case Nature::hangs:
      for (;;) ::pause();
    case Nature::eats_memory:
      for (std::vector<std::string> all;;) all.emplace_back(std::size_t{16} << 20, 'x');
    case Nature::harmless:
      break;
  }
  return std::to_string(item).size();
}

/// How many items have failed in which way.
std::map<std::string, int> count_failures(const fs::path& path) {
  std::map<std::string, int> counts;
  for (const pr::Json& failure : pr::jsonl(path)) {
    const auto kind = failure["error"].get<std::string>("kind");
    const auto id = failure.get<int>("id");
    if (!may_fail_with(nature_of(id), kind)) throw pr::Error("item " + std::to_string(id) + " is no " + kind);
    ++counts[kind];
  }
  return counts;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const fs::path results = argc > 1 ? argv[1] : "crashy.jsonl";
    const pr::Report report =
        pr::map(parse, std::views::iota(0, kItems),
                {.cache_path = results, .backend = pr::Backend::process, .timeout = 2s, .handle_signals = true});
    std::cout << report << '\n';
    for (const auto& [kind, count] : count_failures(report.failures_path)) {
      std::cout << count << " items: " << kind << '\n';
    }
    return report.exit_code();
  } catch (const std::exception& error) {
    std::cerr << "crashy: " << error.what() << '\n';
    return 2;
  }
}
