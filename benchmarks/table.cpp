#include "table.hpp"

#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <ostream>
#include <stdexcept>

#include <pararun/version.hpp>

namespace bench {
namespace {

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::string file_system(const std::filesystem::path& directory) {
  struct statfs info {};
  if (::statfs(directory.c_str(), &info) != 0) return "unknown file system";
  switch (static_cast<std::uint64_t>(info.f_type)) {
    case 0xef53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x9123683e:
      return "btrfs";
    case 0x01021994:
      return "tmpfs";
    case 0x794c7630:
      return "overlayfs";
    default:
      return "file system " + std::to_string(info.f_type);
  }
}

std::string text_of(const Budget& budget) {
  const bool whole = budget.limit == static_cast<double>(static_cast<long>(budget.limit));
  const char* const sign = budget.kind == Budget::Kind::at_most ? "<= " : ">= ";
  return sign + number(budget.limit, whole ? 0 : budget.unit.empty() ? 2 : 1) + budget.unit;
}

std::string verdict(const Row& row, bool judge) {
  if (!row.budget || !judge) return "";
  return row.budget->met(row.value) ? "met" : "MISSED";
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

pr::Json describe_machine(const Settings& settings) {
  utsname system{};
  ::uname(&system);
  std::array<double, 1> load{};
  if (::getloadavg(load.data(), 1) != 1) load = {0};
  return pr::Json(pr::object("pararun",
                             std::to_string(PARARUN_VERSION_MAJOR) + "." + std::to_string(PARARUN_VERSION_MINOR) + "." +
                                 std::to_string(PARARUN_VERSION_PATCH),
                             "processor", processor(), "processors", ::sysconf(_SC_NPROCESSORS_ONLN), "system",
                             std::string(system.sysname) + " " + system.release, "compiler", "g++ " __VERSION__,
                             "file_system", file_system(settings.directory), "directory", settings.directory,
                             "load_average", load[0], "repetitions", settings.repetitions, "toy", settings.toy));
}

void print_table(std::ostream& out, const pr::Json& machine, std::span<const CaseResult> results, bool judge) {
  constexpr std::size_t kColumns = 6;
  using Line = std::array<std::string, kColumns>;
  std::vector<Line> lines{{"what", "pararun", "peer", "ratio", "budget", ""}};
  for (const CaseResult& result : results) {
    for (const Row& row : result.rows) {
      lines.push_back({row.what, row.ours, row.peer, row.ratio ? number(*row.ratio, 2) : "",
                       row.budget ? text_of(*row.budget) : "", verdict(row, judge)});
    }
  }
  std::array<std::size_t, kColumns> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  out << "\npararun " << machine.get<std::string>("pararun") << ", " << machine["processors"].dump() << " x "
      << machine.get<std::string>("processor") << ", " << machine.get<std::string>("system") << ", "
      << machine.get<std::string>("compiler") << "\nfiles on " << machine.get<std::string>("file_system") << " in "
      << machine.get<std::string>("directory") << "; medians of " << machine["repetitions"].dump()
      << "; load average at the start " << number(machine.get<double>("load_average"), 1)
      << (machine.get<bool>("toy") ? "; toy size: the figures mean nothing" : "") << "\n\n";
  for (std::size_t at = 0; at < lines.size(); ++at) {
    std::string text;
    for (std::size_t i = 0; i < kColumns; ++i) {
      text += lines[at][i] + std::string(widths[i] - width(lines[at][i]) + 2, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
    if (at == 0) out << std::string(width(text), '-') << '\n';
  }
}

void write_results(const std::filesystem::path& path, const pr::Json& machine, std::span<const CaseResult> results,
                   bool judge) {
  pr::Json rows = pr::Json::array();
  for (const CaseResult& result : results) {
    for (const Row& row : result.rows) {
      pr::Json line(
          pr::object("case", result.name, "what", row.what, "pararun", row.ours, "peer", row.peer, "ratio", row.ratio));
      if (row.budget) {
        line.set("value", row.value).set("budget", text_of(*row.budget));
        if (judge) line.set("met", row.budget->met(row.value));
      }
      line.set("samples", row.samples);
      rows.push_back(std::move(line));
    }
  }
  std::ofstream file(path);
  file << pr::Json(pr::object("machine", machine, "rows", rows)).dump() << '\n' << std::flush;
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

bool all_met(std::span<const CaseResult> results) {
  return std::ranges::all_of(results, [](const CaseResult& result) {
    return std::ranges::all_of(result.rows, [](const Row& row) { return !row.budget || row.budget->met(row.value); });
  });
}

}  // namespace bench
