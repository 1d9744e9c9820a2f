/// What others take for the same lines of a trivial function: Python's multiprocessing.Pool and GNU parallel. They are
/// asked for as many items as they do in about a second.
#include <unistd.h>

#include <ranges>
#include <stdexcept>

#include <pararun/map.hpp>

#include "bench.hpp"
#include "line_checksum.hpp"

namespace bench {
namespace {

constexpr std::size_t kWorkers = 2;

/// A shell line of which `$1` is the number of items and `$2` the file for their lines.
struct Other {
  std::string what;
  std::uint64_t items;
  std::string command;
};

std::vector<Other> others(const Settings& settings) {
  const auto pool = [&](unsigned chunk, std::uint64_t items) {
    return Other{"Python multiprocessing.Pool.imap_unordered, chunksize " + std::to_string(chunk),
                 settings.items(items, 2'000),
                 "exec python3 '" PARARUN_BENCHMARKS_DIR "/imap_unordered.py' \"$1\" \"$2\" " + std::to_string(chunk)};
  };
  return {pool(1, 50'000),
          pool(256, 1'000'000),
          {"GNU parallel", settings.items(1'000, 20),
           "parallel --version 2>/dev/null </dev/null | grep -q '^GNU parallel' || exit 1; "
           "seq -f 'data_%.0f.txt' 0 $(($1 - 1)) | "
           "parallel -j2 'id={}; echo \"{\\\"id\\\":\\\"$id\\\",\\\"result\\\":${#id}}\"' >\"$2\" 2>/dev/null"}};
}

double run_pararun(const FreshFile& file, std::uint64_t items) {
  const pr::Json arguments(pr::object("items", items, "path", file.string()));
  return measure("overhead/pararun", arguments).get<double>("seconds");
}

std::string rate(double per_second) {
  std::string text = per_second >= 1e6   ? number(per_second / 1e6, 1) + " M"
                     : per_second >= 1e4 ? number(per_second / 1e3) + " k"
                                         : number(per_second);
  return text += "/s";
}

std::vector<Row> run(const Settings& settings) {
  const std::uint64_t items = settings.items(1'000'000, 20'000);
  std::vector<double> seconds;
  for (unsigned i = 0; i < settings.repetitions; ++i) {
    seconds.push_back(run_pararun(FreshFile(settings.directory / "others.jsonl"), items));
  }
  const double ours = static_cast<double>(items) / median(seconds);

  std::vector<Row> rows;
  for (const Other& other : others(settings)) {
    const FreshFile file(settings.directory / "others.jsonl");
    const Stopwatch watch;
    const bool ran =
        output_of({"sh", "-c", other.command, "sh", std::to_string(other.items), file.string()}).has_value();
    const double theirs = static_cast<double>(other.items) / watch.seconds();
    Row row{.what = "others: a trivial function, items a second", .ours = rate(ours), .peer = other.what};
    if (!ran) {
      row.peer += ": skipped, it is not installed";
    } else if (checksum_lines(file.path()).lines != other.items) {
      throw std::runtime_error(other.what + " has not written a line for each item");
    } else {
      row.peer.append(" ").append(rate(theirs));
      row.ratio = ours / theirs;
    }
    if (!rows.empty()) row.what.clear();
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

const Case& others_case() {
  static const Case others{"others", {}, run};
  return others;
}

}  // namespace bench
