/// `benchmarks/run` starts this: runs the cases, prints the table and writes the JSON beside it.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bench.hpp"
#include "table.hpp"

namespace bench {
namespace {

constexpr std::string_view kHelp =
    "usage: benchmarks/run [--toy] [--only CASE] [--repetitions N] [--dir DIRECTORY]\n"
    "  --toy            all of it, small enough for a few seconds; judges no budgets\n"
    "  --only CASE      overhead, efficiency, resume, memory, processes or others; may be given again\n"
    "  --repetitions N  of each measurement (5)\n"
    "  --dir DIRECTORY  on the file system to measure (beside the JSON file)\n"
    "  --json FILE      where all figures go (build/benchmarks/results.json)\n"
    "Exit status: 0 all budgets are met, 1 one is missed, 2 something failed.\n";

struct Arguments {
  Settings settings;
  std::vector<std::string> only;
  std::filesystem::path json = "results.json";
  std::string part, part_arguments;
  bool help = false;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value = [&] {
      if (++i == argc) throw std::invalid_argument(std::string(word) + " wants a value");
      return std::string(argv[i]);
    };
    if (word == "--toy") {
      arguments.settings.toy = true;
      arguments.settings.repetitions = 1;
    } else if (word == "--only") {
      arguments.only.push_back(value());
    } else if (word == "--repetitions") {
      arguments.settings.repetitions = static_cast<unsigned>(std::max(std::stoi(value()), 1));
    } else if (word == "--dir") {
      arguments.settings.directory = value();
    } else if (word == "--json") {
      arguments.json = value();
    } else if (word == "--part") {
      arguments.part = value();
      arguments.part_arguments = value();
    } else if (word == "--help") {
      arguments.help = true;
    } else {
      throw std::invalid_argument("unknown option " + std::string(word) + "; see --help");
    }
  }
  return arguments;
}

std::vector<const Case*> all_cases() {
  return {&overhead_case(), &efficiency_case(), &resume_case(), &memory_case(), &processes_case(), &others_case()};
}

std::vector<const Case*> chosen_cases(const std::vector<std::string>& only) {
  std::vector<const Case*> cases = all_cases();
  for (const std::string& name : only) {
    if (std::ranges::none_of(cases, [&](const Case* one) { return one->name == name; })) {
      throw std::invalid_argument("no case is named " + name + "; see --help");
    }
  }
  if (!only.empty()) std::erase_if(cases, [&](const Case* one) { return std::ranges::count(only, one->name) == 0; });
  return cases;
}

int run_part(const Arguments& arguments) {
  for (const Case* one : all_cases()) {
    for (const NamedPart& part : one->parts) {
      if (part.name != arguments.part) continue;
      answer(part.run, arguments.part_arguments);
      return 0;
    }
  }
  throw std::invalid_argument("no part is named " + arguments.part);
}

/// A directory of our own within the one that was asked for.
class WorkDirectory {
 public:
  explicit WorkDirectory(const std::filesystem::path& parent) {
    std::filesystem::create_directories(parent);
    std::string name = (std::filesystem::absolute(parent) / "pararun-benchmarks-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a directory in " + parent.string());
    path_ = name;
  }
  ~WorkDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

int run_cases(Arguments arguments) {
  const std::vector<const Case*> cases = chosen_cases(arguments.only);
  Settings& settings = arguments.settings;
  if (settings.directory.empty()) settings.directory = std::filesystem::absolute(arguments.json).parent_path();
  const WorkDirectory work(settings.directory);
  settings.directory = work.path();

  const pr::Json machine = describe_machine(settings);
  std::vector<CaseResult> results;
  for (const Case* one : cases) {
    const Stopwatch watch;
    std::cerr << one->name << " ..." << std::flush;
    results.push_back({one->name, one->run(settings)});
    std::cerr << ' ' << number(watch.seconds()) << " s\n";
  }
  const bool judge = !settings.toy;
  print_table(std::cout, machine, results, judge);
  write_results(arguments.json, machine, results, judge);
  return judge && !all_met(results) ? 1 : 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  try {
    bench::Arguments arguments = bench::parse(argc, argv);
    if (arguments.help) {
      std::cout << bench::kHelp;
      return 0;
    }
    return arguments.part.empty() ? bench::run_cases(std::move(arguments)) : bench::run_part(arguments);
  } catch (const std::exception& error) {
    std::cerr << "benchmarks: " << error.what() << '\n';
    return 2;
  }
}
