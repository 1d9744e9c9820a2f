#include "bench.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <system_error>

namespace bench {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

rusage used() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage;
}

/// `getrusage` would also tell of the process that forked this one.
std::uint64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  throw std::runtime_error("/proc/self/status does not tell VmHWM");
}

struct Ended {
  std::string output;
  bool well = false;
};

Ended run(const std::vector<std::string>& command) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  pid_t child = 0;
  const int refused = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  Ended ended;
  if (refused == 0) {
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::read(pipe[0], buffer.data(), buffer.size())) > 0;) {
      ended.output.append(buffer.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ended.well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  ::close(pipe[0]);
  return ended;
}

}  // namespace

pr::Json measure(std::string_view part, const pr::Json& arguments) {
  const Ended ended = run({"/proc/self/exe", "--part", std::string(part), arguments.dump()});
  if (!ended.well) throw std::runtime_error("the part " + std::string(part) + " of a benchmark failed");
  return pr::Json::parse(ended.output);
}

std::optional<std::string> output_of(const std::vector<std::string>& command) {
  Ended ended = run(command);
  if (!ended.well) return std::nullopt;
  return std::move(ended.output);
}

void answer(Part part, const std::string& arguments) {
  pr::Json result = part(pr::Json::parse(arguments));
  result.set("peak_bytes", peak_bytes());
  std::cout << result.dump() << std::flush;
}

Stopwatch::Stopwatch()
    : start_(std::chrono::steady_clock::now()),
      user_(seconds_of(used().ru_utime)),
      system_(seconds_of(used().ru_stime)) {}

double Stopwatch::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

pr::Json Stopwatch::times() const {
  const double wall = seconds();
  const rusage usage = used();
  return pr::Json(pr::object("seconds", wall, "user_seconds", seconds_of(usage.ru_utime) - user_, "system_seconds",
                             seconds_of(usage.ru_stime) - system_));
}

void FreshFile::remove() noexcept {
  std::error_code missing;
  std::filesystem::remove(path_, missing);
  std::filesystem::path failures = path_;
  failures.replace_extension(".failed" + path_.extension().string());
  std::filesystem::remove(failures, missing);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median(const pr::Json& samples, std::string_view member) {
  std::vector<double> values;
  for (const pr::Json& sample : samples.elements()) values.push_back(sample.get<double>(member));
  return median(std::move(values));
}

double median_ratio(const pr::Json& a, const pr::Json& b, std::string_view member) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i].get<double>(member) / b[i].get<double>(member));
  return median(std::move(ratios));
}

std::string number(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string count(std::uint64_t items) {
  const auto value = static_cast<double>(items);
  if (items >= 1'000'000) return number(value / 1e6, items % 1'000'000 == 0 ? 0 : 1) + " M";
  if (items >= 1'000) return number(value / 1e3, items % 1'000 == 0 ? 0 : 1) + " k";
  return std::to_string(items);
}

std::string file_name(std::uint64_t n) {
  std::string name = "data_";
  name += std::to_string(n);
  name += ".txt";
  return name;
}

}  // namespace bench
