/// What it costs to come back: a results file of 10 million lines is opened and all of its items are skipped. The peer
/// parses the lines with RapidJSON, one after the other, and keeps the ids in a std::unordered_set.
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <ranges>
#include <stdexcept>
#include <unordered_set>

#include <pararun/map.hpp>

#include "bench.hpp"

#include <rapidjson/reader.h>

namespace bench {
namespace {

constexpr std::size_t kWorkers = 2;
constexpr std::size_t kLineBytes = 80;

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

pr::Json run_pararun(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  Clock::time_point opened{};
  const auto name = [&](std::uint64_t n) {
    if (n == 0) opened = Clock::now();
    return file_name(n);
  };
  const Clock::time_point started = Clock::now();
  const pr::Report report = pr::map(
      [](const std::string& id) { return id.size(); },
      std::views::iota(std::uint64_t{0}, items) | std::views::transform(name),
      {.n_workers = kWorkers, .cache_path = arguments.get<std::string>("path"), .progress = pr::Progress::none});
  const Clock::time_point ended = Clock::now();
  if (report.skipped != items) throw std::runtime_error("not every item was skipped");
  return pr::Json(
      pr::object("open_seconds", seconds_between(started, opened), "skip_seconds", seconds_between(opened, ended)));
}

/// Remembers the member "id" of an object.
struct IdHandler : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, IdHandler> {
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    is_id = std::string_view(text, length) == "id";
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    if (is_id) id.assign(text, length);
    return true;
  }

  bool is_id = false;
  std::string id;
};

pr::Json run_plain(const pr::Json& arguments) {
  const auto items = arguments.get<std::uint64_t>("items");
  const Clock::time_point started = Clock::now();
  std::unordered_set<std::string> seen;
  std::ifstream file(arguments.get<std::string>("path"));
  rapidjson::Reader reader;
  IdHandler handler;
  for (std::string line; std::getline(file, line);) {
    rapidjson::StringStream stream(line.c_str());
    reader.Parse<rapidjson::kParseValidateEncodingFlag>(stream, handler);
    seen.insert(handler.id);
  }
  const Clock::time_point opened = Clock::now();
  std::uint64_t skipped = 0;
  for (std::uint64_t n = 0; n < items; ++n) skipped += seen.contains(file_name(n)) ? 1 : 0;
  const Clock::time_point ended = Clock::now();
  if (skipped != items) throw std::runtime_error("not every item was skipped");
  return pr::Json(
      pr::object("open_seconds", seconds_between(started, opened), "skip_seconds", seconds_between(opened, ended)));
}

/// Lines as a job writes them, all of the same length.
void write_lines(const std::filesystem::path& path, std::uint64_t items) {
  std::ofstream file(path, std::ios::binary);
  for (std::uint64_t n = 0; n < items; ++n) {
    std::string line = "{\"id\":\"" + file_name(n) + "\",\"status\":\"done\",\"text\":\"";
    line.append(kLineBytes - 3 - line.size(), 'x');
    file << line << "\"}\n";
  }
  file.close();
  // Otherwise it is written while the others are measured.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (!file || fd < 0 || ::fdatasync(fd) != 0) throw std::runtime_error("cannot write " + path.string());
  ::close(fd);
}

std::vector<Row> run(const Settings& settings) {
  const std::uint64_t items = settings.items(10'000'000, 50'000);
  const FreshFile file(settings.directory / "resume.jsonl");
  write_lines(file.path(), items);
  const pr::Json arguments(pr::object("items", items, "path", file.string()));
  pr::Json ours = pr::Json::array(), plain = pr::Json::array();
  for (unsigned i = 0; i < settings.repetitions; ++i) {
    ours.push_back(measure("resume/pararun", arguments));
    plain.push_back(measure("resume/plain", arguments));
  }
  const auto nanoseconds = [&](const pr::Json& samples) {
    return median(samples, "skip_seconds") / static_cast<double>(items) * 1e9;
  };
  const auto seconds = [](const pr::Json& samples) { return number(median(samples, "open_seconds"), 2) + " s"; };
  return {{.what = "opening a results file of " + count(items) + " lines of 80 bytes",
           .ours = seconds(ours),
           .peer = "RapidJSON and std::unordered_set " + seconds(plain),
           .ratio = median_ratio(ours, plain, "open_seconds"),
           .budget = Budget{.limit = 1.2, .unit = " s"},
           .value = median(ours, "open_seconds"),
           .samples = pr::Json(pr::object("pararun", ours, "plain", plain))},
          {.what = "skipping an item that is in it",
           .ours = number(nanoseconds(ours)) + " ns",
           .peer = "one look-up there " + number(nanoseconds(plain)) + " ns",
           .ratio = median_ratio(ours, plain, "skip_seconds"),
           .budget = Budget{.limit = 150, .unit = " ns"},
           .value = nanoseconds(ours)}};
}

}  // namespace

const Case& resume_case() {
  static const Case resume{"resume", {{"resume/pararun", run_pararun}, {"resume/plain", run_plain}}, run};
  return resume;
}

}  // namespace bench
