/// Items in worker processes: what holds for threads holds here too, and what would end a program ends one item.
#include <pararun/options.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/culprits.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/process_job.hpp"
#include "support/shared_counts.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace shop {

struct Order {
  int id = 0;
  std::vector<std::string> lines;
};
PARARUN_WIRE(Order, id, lines)

struct Stranger {
  int id = 0;
};

/// Tells when it is dropped, in whatever process.
class Fragile {
 public:
  static constexpr int kCount = 20'000;

  Fragile() = default;
  explicit Fragile(int number) : number_(number) {}
  Fragile(Fragile&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fragile& operator=(Fragile&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fragile() {
    if (number_ >= 0) dropped_[static_cast<std::size_t>(number_)] = true;
  }
  int number() const { return number_; }
  static inline std::atomic<int> written_late{0};
  static bool dropped(int number) { return dropped_[static_cast<std::size_t>(number)]; }

 private:
  static inline std::array<std::atomic<bool>, kCount> dropped_{};
  int number_ = -1;
};

}  // namespace shop

/// Some are slow to be written; what comes after them must not be run, and dropped, meanwhile.
template <>
struct pararun::Wire<shop::Fragile> {
  static void write(WireWriter& out, const shop::Fragile& item) {
    const int number = item.number();
    if (number < 0 || shop::Fragile::dropped(number)) ++shop::Fragile::written_late;
    const int next = std::min(number + 1, shop::Fragile::kCount - 1);
    if (number % 1000 == 500) std::ignore = eventually([&] { return shop::Fragile::dropped(next); }, 30ms);
    out.value(number);
  }
  static shop::Fragile read(WireReader& in) { return shop::Fragile(in.value<int>()); }
};

namespace {

bool has_action(int signal, void (*handler)(int)) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == handler;
}

}  // namespace

TEST_CASE("items are worked on in processes of their own, by any function, with what it refers to") {
  const TempDir dir;
  const std::map<int, std::string> names{{0, "none"}, {1, "one"}, {2, "two"}};
  const pr::Report report =
      pr::map([&names](int item) { return pr::object("name", names.at(item), "pid", ::getpid()); }, numbers(3),
              in_processes(dir));
  CHECK(report.succeeded == 3);
  CHECK(report.exit_code() == 0);
  for (const pr::Json& line : values_in(dir / "r.jsonl")) {
    CHECK(line.get<std::string>("name") == names.at(line.get<int>("id")));
    CHECK(line.get<int>("pid") != ::getpid());
  }
}

TEST_CASE("the lines are the same as those of threads") {
  const TempDir dir;
  const auto fn = [](int item) -> pr::Json {
    switch (item % 5) {
      case 0:
        return pr::Json(pr::object("id", item, "square", item * item));
      case 1:
        return pr::Json(item / 4.0);
      case 2:
        return pr::Json(pr::object("text", "a \"quoted\"\n line", "id", item));
      case 3:
        return pr::Json();
      default:
        return pr::Json(std::vector<int>{item, item});
    }
  };
  pr::Options options = in_processes(dir);
  options.order = pr::Order::input;
  pr::map(fn, numbers(1000), options);
  options.backend = pr::Backend::thread;
  options.cache_path = dir / "threads.jsonl";
  pr::map(fn, numbers(1000), options);
  CHECK(read_file(dir / "r.jsonl") == read_file(dir / "threads.jsonl"));
}

TEST_CASE("so are the failures") {
  const TempDir dir;
  const auto fn = [](int item) -> pr::Json {
    switch (item) {
      case 0:
        throw std::runtime_error("bad header");
      case 1:
        throw pr::ItemFailure("bad line", pr::object("line", 17));
      case 2:
        throw 3;
      case 3:
        return pr::Json(pr::object("id", "another"));
      case 4:
        return pr::Json("\xff");
      case 5:
        throw pr::TimeoutError("gave up");
      default:
        return pr::Json();
    }
  };
  pr::Options options = in_processes(dir);
  options.order = pr::Order::input;
  options.batch = GENERATE(1, 4);
  CHECK(pr::map(fn, numbers(7), options).failed == 6);
  options.backend = pr::Backend::thread;
  options.cache_path = dir / "threads.jsonl";
  CHECK(pr::map(fn, numbers(7), options).failed == 6);
  const auto here = values_in(dir / "threads.failed.jsonl"), there = values_in(dir / "r.failed.jsonl");
  REQUIRE(here.size() == there.size());
  for (std::size_t i = 0; i < here.size(); ++i) {
    for (const char* member : {"id", "error", "attempts"}) CHECK(there[i][member] == here[i][member]);
  }
}

TEST_CASE("a function that returns nothing, or NaN, is no exception") {
  const TempDir dir;
  CHECK(pr::map([](int) {}, numbers(3), in_processes(dir)).succeeded == 3);
  CHECK(sorted(lines_in(dir / "r.jsonl")) == std::vector<std::string>{R"({"id":0})", R"({"id":1})", R"({"id":2})"});
  pr::Options options = in_processes(dir);
  options.cache_path = dir / "nan.jsonl";
  CHECK(pr::map([](int) { return std::nan(""); }, numbers(1), options).failed == 1);
  CHECK(values_in(dir / "nan.failed.jsonl")[0]["error"].get<std::string>("kind") == "bad_result");
}

TEST_CASE("items of many types cross") {
  const TempDir dir;
  SECTION("strings of a view") {
    const auto names =
        std::vector<std::string>{"a", "b"} | std::views::transform([](auto& name) { return name + "!"; });
    CHECK(pr::map([](const std::string& name) { return name; }, names, in_processes(dir)).succeeded == 2);
    CHECK(sorted(ids_in(dir / "r.jsonl")) == std::vector<std::string>{R"("a!")", R"("b!")"});
  }
  SECTION("pairs of a map, unpacked") {
    const std::map<std::string, int> ages{{"ann", 31}, {"bob", 42}};
    CHECK(pr::map([](const std::string&, int age) { return age; }, ages, in_processes(dir)).succeeded == 2);
    CHECK(sorted(lines_in(dir / "r.jsonl"))[0] == R"({"id":"ann","result":31})");
  }
  SECTION("a struct of the user's") {
    const std::vector<shop::Order> orders{{1, {"x", "y"}}, {2, {}}};
    CHECK(pr::map([](const shop::Order& order) { return order.lines.size(); }, orders, in_processes(dir)).succeeded ==
          2);
    CHECK(sorted(lines_in(dir / "r.jsonl"))[0] == R"({"id":1,"result":2})");
  }
  SECTION("JSON, to be changed and returned") {
    write_file(dir / "in.jsonl", "{\"id\":\"a\",\"score\":1.10}\n{\"id\":\"b\"}\n");
    const auto mark = [](pr::Json item) {
      item.set("seen", true);
      return item;
    };
    CHECK(pr::map(mark, pr::jsonl(dir / "in.jsonl"), in_processes(dir)).succeeded == 2);
    CHECK(sorted(lines_in(dir / "r.jsonl"))[0] == R"({"id":"a","score":1.10,"seen":true})");
  }
  SECTION("larger ones than any buffer, and as large results") {
    const std::vector<std::string> items{std::string(5'000'000, 'x'), std::string(3'000'001, 'y'), "z"};
    const auto doubled = [](const std::string& text) { return text + text; };
    CHECK(pr::map(doubled, items | pr::numbered(), in_processes(dir)).succeeded == 3);
    std::size_t total = 0;
    for (const pr::Json& line : values_in(dir / "r.jsonl")) total += line.get<std::string>("result").size();
    CHECK(total == 2 * (5'000'000 + 3'000'001 + 1));
  }
}

TEST_CASE("an item that cannot cross is an error that names its type, and none with threads") {
  const TempDir dir;
  pr::Options options = in_processes(dir);
  const auto take = [](const auto&) {};
  const auto refused = [&](const auto& items) {
    const auto error = thrown<pr::OptionsError>([&] { pr::map(take, items, options); });
    REQUIRE(error);
    CHECK(error->field() == "backend");
    return std::string(error->what());
  };
  CHECK(refused(std::vector<shop::Stranger>{{1}}).find("shop::Stranger") != std::string::npos);
  CHECK(refused(std::vector<std::string_view>{"a"}).find("string_view") != std::string::npos);
  CHECK(refused(std::vector<std::pair<int, int*>>{{1, nullptr}}).find("int*") != std::string::npos);
  options.backend = pr::Backend::thread;
  CHECK(pr::map(take, std::vector<shop::Stranger>{{1}}, options).succeeded == 1);
}

TEST_CASE("a function that wants to own its item gets one of its own for each attempt") {
  const TempDir dir;
  pr::Options options = in_processes(dir);
  options.retries = 2;
  options.retry_delay = 1ms;
  const SharedCounts attempts(1);
  const auto fn = [&](std::string item) {
    const std::string mine = std::move(item);
    if (++attempts[0] < 3) throw std::runtime_error("not yet");
    return mine;
  };
  CHECK(pr::map(fn, std::vector<std::string>{"precious"}, options).succeeded == 1);
  CHECK(lines_in(dir / "r.jsonl") == std::vector<std::string>{R"({"id":"precious","result":"precious"})"});
}

TEST_CASE("what cannot be called is not sent, and the items around it are") {
  const TempDir dir;
  pr::Options options = in_processes(dir);
  options.batch = 8;
  const SharedCounts calls(1);
  std::vector<std::string> items;
  for (int i = 0; i < 20; ++i) items.push_back(i % 5 == 2 ? "\xff" + std::to_string(i) : std::to_string(i));
  const pr::Report report = pr::map([&](const std::string&) { ++calls[0]; }, items, options);
  CHECK(report.succeeded == 16);
  CHECK(report.failed == 4);
  CHECK(calls[0] == 16);
  CHECK(values_in(dir / "r.failed.jsonl")[0]["error"].get<std::string>("kind") == "bad_item");
}

TEST_CASE("finished items are skipped, duplicates are run once, lines stay in order") {
  const TempDir dir;
  pr::Options options = in_processes(dir);
  options.order = pr::Order::input;
  options.retries = 1;
  options.retry_delay = 1ms;
  write_file(dir / "r.jsonl", "{\"id\":3,\"result\":0}\n");
  std::vector<int> items = numbers(200);
  items.push_back(5);
  const SharedCounts calls(1);
  const auto fn = [&](int item) {
    if (item == 50 && ++calls[0] == 1) die_of(SIGKILL);
    return 0;
  };
  const pr::Report report = pr::map(fn, items, options);
  CHECK(report.skipped == 1);
  CHECK(report.duplicates == 1);
  CHECK(report.succeeded == 199);
  std::vector<std::string> expected{"3"};
  for (int i = 0; i < 200; ++i) {
    if (i != 3) expected.push_back(std::to_string(i));
  }
  CHECK(ids_in(dir / "r.jsonl") == expected);
}

TEST_CASE("jobs of both kinds may follow each other, run inside of each other and leave no child behind") {
  const TempDir dir;
  pr::Options threads{.n_workers = 2, .progress = pr::Progress::none};
  pr::Options processes = threads;
  processes.backend = pr::Backend::process;
  const auto nothing = [](int) {};
  for (int round = 0; round < 3; ++round) {
    CHECK(pr::map(nothing, numbers(100), threads).succeeded == 100);
    CHECK(pr::map(nothing, numbers(100), processes).succeeded == 100);
  }
  const pr::Report report = pr::map(
      [&](int) {
        if (pr::map(nothing, numbers(10), processes).succeeded != 10) throw std::runtime_error("inner");
      },
      numbers(6), threads);
  CHECK(report.succeeded == 6);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("a worker has none of pararun's descriptors, of whatever job, and default signal handling") {
  const TempDir dir;
  std::set<std::string> mine;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) mine.insert(entry.path().filename());
  ::signal(SIGUSR1, [](int) {});
  const auto look = [](int) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code ignored;
      found.push_back(entry.path().filename().string() + " " + std::filesystem::read_symlink(entry, ignored).string());
    }
    ::sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    int defaults = 0;
    for (const int signal : {SIGUSR1, SIGCHLD, SIGPIPE, SIGHUP, SIGQUIT}) defaults += has_action(signal, SIG_DFL);
    return pr::object("fds", found, "blocked", ::sigismember(&mask, SIGTERM) + ::sigismember(&mask, SIGCHLD),
                      "defaults", defaults, "interrupt", has_action(SIGINT, SIG_IGN));
  };
  const auto job_in_job = [&](int) {
    const pr::WorkerPool pool({.max_workers = 1});
    pr::map(look, numbers(1), in_processes(dir));
  };
  pr::map(job_in_job, numbers(1),
          {.n_workers = 1, .cache_path = dir / "outer.jsonl", .handle_signals = true, .progress = pr::Progress::none});
  ::signal(SIGUSR1, SIG_DFL);
  const pr::Json line = values_in(dir / "r.jsonl").at(0);
  CHECK(line.get<int>("blocked") == 0);
  CHECK(line.get<int>("defaults") == 5);
  CHECK(line.get<bool>("interrupt"));
  for (const std::string& fd : line.get<std::vector<std::string>>("fds")) {
    INFO(fd);
    const bool by_looking = fd.find("/fd") != std::string::npos;
    CHECK((mine.contains(fd.substr(0, fd.find(' '))) || by_looking));
    CHECK(fd.find("eventfd") == std::string::npos);
    CHECK(fd.find("socket") == std::string::npos);
    CHECK(fd.find(".jsonl") == std::string::npos);
  }
}

TEST_CASE("items that take their time to be sent are not given to others meanwhile") {
  const auto items = std::views::iota(0, shop::Fragile::kCount) |
                     std::views::transform([](int number) { return shop::Fragile(number); });
  const pr::Report report = pr::map([](const shop::Fragile& item) { return item.number(); }, items,
                                    {.n_workers = 2, .backend = pr::Backend::process, .progress = pr::Progress::none});
  CHECK(report.succeeded == shop::Fragile::kCount);
  CHECK(shop::Fragile::written_late == 0);
}

TEST_CASE("an exception of the input ends the job, and the workers with it") {
  const TempDir dir;
  int next = 0;
  const auto items = [&]() -> std::optional<int> {
    if (next == 10) throw std::runtime_error("no more");
    return next++;
  };
  CHECK_THROWS_AS(pr::map([](int) {}, items, in_processes(dir)), std::runtime_error);
  CHECK(count_lines(dir / "r.jsonl") == 10);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}
