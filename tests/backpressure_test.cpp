/// How many items there are at once, and how many of them a token carries.
#include "job/batch_size.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <istream>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/counted.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/rendezvous.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;
using pr::job::BatchSize;

namespace {

pr::generator<Counted> counted(Counted::Census& census, int count) {
  for (int i = 0; i < count; ++i) co_yield Counted(census, i);
}

void work_for(std::chrono::microseconds time) {
  for (const auto end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end;) {
  }
}

/// A forward range that counts how many of its elements have been looked at.
auto looked_at(std::atomic<int>& pulled, int count) {
  return std::views::iota(0, count) | std::views::transform([&pulled](int i) {
           ++pulled;
           return i;
         });
}

}  // namespace

TEST_CASE("with batch = 1 at most twice as many items as workers are alive") {
  const TempDir dir;
  Counted::Census census;
  const std::size_t n_workers = GENERATE(1U, 2U, 5U);
  const pr::Report report = pr::map(
      [](const Counted& item) {
        if (item.id % 3 == 0) std::this_thread::yield();
        if (item.id % 11 == 0) throw std::runtime_error("again");
        return item.id;
      },
      counted(census, 3000),
      {.n_workers = n_workers,
       .cache_path = dir / "r.jsonl",
       .retries = 1,
       .retry_delay = 1ms,
       .order = GENERATE(pr::Order::completion, pr::Order::input),
       .batch = 1,
       .progress = pr::Progress::none});
  CHECK(report.seen == 3000);
  CHECK(census.most_alive <= 2 * n_workers);
  CHECK(census.alive == 0);
}

TEST_CASE("max_tokens bounds the items, whatever the number of workers") {
  Counted::Census census;
  const std::size_t max_tokens = GENERATE(1U, 3U, 50U);
  const pr::Report report =
      pr::map([](const Counted&) { std::this_thread::yield(); }, counted(census, 1000),
              {.n_workers = 4, .max_tokens = max_tokens, .batch = 1, .progress = pr::Progress::none});
  CHECK(report.succeeded == 1000);
  CHECK(census.most_alive <= max_tokens);
}

TEST_CASE("items are pulled only as they are worked on") {
  std::atomic<int> pulled{0}, finished{0}, most_ahead{0};
  pr::map(
      [&](int) {
        const int ahead = pulled.load() - finished.load();
        for (int most = most_ahead; ahead > most && !most_ahead.compare_exchange_weak(most, ahead);) {
        }
        work_for(100us);
        ++finished;
      },
      [&]() -> std::optional<int> { return pulled < 300 ? std::optional<int>(pulled++) : std::nullopt; },
      {.n_workers = 2, .progress = pr::Progress::none});
  CHECK(most_ahead <= 4);
}

TEST_CASE("a batch that was asked for is pulled whole before its first item is run") {
  std::atomic<int> pulled{0};
  std::vector<int> pulled_before(64);
  pr::map([&](int item) { pulled_before[static_cast<std::size_t>(item)] = pulled; }, looked_at(pulled, 64),
          {.n_workers = 1, .batch = 16, .progress = pr::Progress::none});
  for (std::size_t i = 0; i < 64; ++i) CHECK(pulled_before[i] == static_cast<int>(i / 16 + 1) * 16);
}

TEST_CASE("a heavy function gets one item a token") {
  std::atomic<int> pulled{0};
  std::vector<int> ahead(100);
  pr::map(
      [&](int item) {
        ahead[static_cast<std::size_t>(item)] = pulled - item;
        work_for(200us);
      },
      looked_at(pulled, 100), {.n_workers = 1, .progress = pr::Progress::none});
  CHECK(std::ranges::all_of(ahead, [](int count) { return count == 1; }));
}

TEST_CASE("so does one over items that take long to pull") {
  int pulled = 0;
  std::vector<int> ahead(300);
  const bool at_first = GENERATE(true, false);
  const int first_slow = at_first ? 0 : 200;
  const auto slow = std::views::iota(0, 300) | std::views::transform([&](int item) {
                      if (item >= first_slow) work_for(300us);
                      ++pulled;
                      return item;
                    });
  pr::map([&](int item) { ahead[static_cast<std::size_t>(item)] = pulled - std::max(item, first_slow); }, slow,
          {.n_workers = 1, .progress = pr::Progress::none});
  // A batch that was to be of cheap ones is ended after some.
  CHECK(std::ranges::all_of(ahead, [&](int count) { return count <= (at_first ? 1 : 16); }));
  CHECK(std::ranges::all_of(ahead.end() - 50, ahead.end(), [](int count) { return count == 1; }));
}

TEST_CASE("a trivial function over a forward range gets batches, of at most 256 items") {
  std::atomic<int> pulled{0};
  int longest = 0;
  pr::map([&](int item) { longest = std::max(longest, pulled - item); }, looked_at(pulled, 200'000),
          {.n_workers = 1, .progress = pr::Progress::none});
  CHECK(longest > 16);
  CHECK(longest <= 256);
}

TEST_CASE("lines of a regular file come in batches, lines of a pipe one by one") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i) + "\n";
  write_file(dir / "in.txt", text);
  CHECK_FALSE(pr::lines(dir / "in.txt").may_block());
  CHECK_FALSE(pr::jsonl(dir / "in.txt").may_block());
  const Ends pipe = Ends::of(Ends::Kind::pipe);
  CHECK(pr::lines("/proc/self/fd/" + std::to_string(pipe.reader())).may_block());
  CHECK(pr::map([](const std::string&) {}, pr::lines(dir / "in.txt"), {.n_workers = 2, .progress = pr::Progress::none})
            .succeeded == 20'000);
}

namespace {

/// How many items of 300,000 bytes a token carries at most that may carry 64.
template <class Make>
int most_in_a_token(Make make) {
  std::atomic<int> pulled{0};
  int most = 0, done = 0;
  const auto large = std::views::iota(0, 64) | std::views::transform([&](int) {
                       ++pulled;
                       return make();
                     });
  pr::map([&](const std::invoke_result_t<Make>&) { most = std::max(most, pulled - done++); }, large,
          {.n_workers = 1, .batch = 64, .progress = pr::Progress::none});
  return most;
}

}  // namespace

TEST_CASE("a batch is bounded in bytes") {
  CHECK(most_in_a_token([] { return std::string(300'000, 'x'); }) == 4);
  CHECK(most_in_a_token([] { return std::vector<double>(37'500); }) == 4);
  CHECK(most_in_a_token([] { return std::pair(1, std::string(300'000, 'x')); }) == 4);
  // What items only refer to is there once.
  const std::vector<double> model(37'500);
  CHECK(most_in_a_token([&] { return std::tuple<const std::vector<double>&, int>(model, 1); }) == 64);
  CHECK(most_in_a_token([&] { return std::span(model); }) == 64);
}

TEST_CASE("so is one of JSON values") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 64; ++i) text += "{\"text\":\"" + std::string(300'000, 'x') + "\"}\n";
  write_file(dir / "in.jsonl", text);
  pr::JsonLines items = pr::jsonl(dir / "in.jsonl");
  ::off_t read_for_the_first = 0;
  pr::map(
      [&](const pr::Json&) {
        if (read_for_the_first == 0) read_for_the_first = ::lseek(items.descriptor(), 0, SEEK_CUR);
      },
      items, {.n_workers = 1, .batch = 64, .progress = pr::Progress::none});
  CHECK(read_for_the_first > 900'000);
  CHECK(read_for_the_first < 3'000'000);
}

TEST_CASE("an item that comes alone is worked on although no second one has arrived") {
  Ends pipe = Ends::of(Ends::Kind::pipe);
  std::atomic<int> done{0};
  std::atomic<bool> each_in_time{true};
  std::jthread writer([&] {
    for (int i = 1; i <= 20; ++i) {
      const std::string line = std::to_string(i) + "\n";
      if (::write(pipe.writer(), line.data(), line.size()) < 0) break;
      if (!eventually([&] { return done == i; })) each_in_time = false;
    }
    pipe.close_writer();
  });
  pr::map([&](const std::string&) { ++done; }, pr::lines("/proc/self/fd/" + std::to_string(pipe.reader())),
          {.n_workers = GENERATE(1U, 2U, 4U), .progress = pr::Progress::none});
  writer.join();
  CHECK(each_in_time);
  CHECK(done == 20);
}

TEST_CASE("what a generator, a one-pass range or a callable gives is worked on before it is asked for more") {
  std::atomic<int> done{0};
  bool each_in_time = true;
  auto next = [&, given = 0]() mutable -> std::optional<int> {
    each_in_time = each_in_time && eventually([&] { return done == given; });
    return given < 20 ? std::optional<int>(given++) : std::nullopt;
  };
  const pr::Options options{.n_workers = GENERATE(1U, 2U, 4U), .progress = pr::Progress::none};
  const auto work = [&](int) { ++done; };
  SECTION("a generator") {
    pr::map(
        work,
        [](auto give) -> pr::generator<int> {
          while (const std::optional<int> item = give()) co_yield *item;
        }(next),
        options);
  }
  SECTION("a one-pass range") {
    struct Buffer : std::streambuf {
      std::function<std::optional<int>()> next;
      std::string line;
      int_type underflow() override {
        const std::optional<int> item = next();
        if (!item) return traits_type::eof();
        line = std::to_string(*item) + ' ';
        setg(line.data(), line.data(), line.data() + line.size());
        return traits_type::to_int_type(line.front());
      }
    } buffer;
    buffer.next = next;
    std::istream stream(&buffer);
    pr::map(work, std::views::istream<int>(stream), options);
  }
  SECTION("a callable") { pr::map(work, next, options); }
  CHECK(each_in_time);
  CHECK(done == 20);
}

TEST_CASE("what is finished reaches the file although the input waits for its next item") {
  const TempDir dir;
  bool in_time = false;
  int pulled = 0;
  pr::map([](int) {},
          [&]() -> std::optional<int> {
            if (pulled < 100) return pulled++;
            in_time = eventually([&] { return count_lines(dir / "r.jsonl") == 100; });
            return std::nullopt;
          },
          {.n_workers = GENERATE(1U, 2U, 8U), .cache_path = dir / "r.jsonl", .progress = pr::Progress::none});
  CHECK(in_time);
}

TEST_CASE("finished results of a batch that was asked for reach the file although the batch takes long") {
  const TempDir dir;
  const pr::Order order = GENERATE(pr::Order::completion, pr::Order::input);
  int times = 0;
  for (int round = 0; round < 10; ++round) {
    const auto path = dir / (std::to_string(round) + ".jsonl");
    bool in_time = false;
    pr::map(
        [&](int) {
          // None of them alone takes long enough to be noticed.
          if (!in_time) work_for(300us);
          in_time = in_time || std::filesystem::file_size(path) > 0;
        },
        std::views::iota(0, 256),
        {.n_workers = 1,
         .cache_path = path,
         .timeout = 10s,
         .flush_interval = 1ms,
         .order = order,
         .batch = 256,
         .progress = pr::Progress::none});
    times += in_time;
  }
  CHECK(times > 5);
}

TEST_CASE("a finished result of a batch reaches the file although the next item of the batch takes long") {
  const TempDir dir;
  std::atomic<bool> in_time{false};
  const std::size_t batch = GENERATE(0U, 8U);
  const int cheap = batch == 0 ? 20'000 : 7;
  pr::map(
      [&](int item) {
        if (item == cheap) {
          in_time = eventually([&] { return count_lines(dir / "r.jsonl") == static_cast<std::size_t>(cheap); });
        }
      },
      std::views::iota(0, cheap + 1),
      {.n_workers = 1,
       .cache_path = dir / "r.jsonl",
       .order = GENERATE(pr::Order::completion, pr::Order::input),
       .batch = batch,
       .progress = pr::Progress::none});
  CHECK(in_time);
}

TEST_CASE("items that have become heavy are in progress at once, although they came in one batch") {
  constexpr int kCheap = 10'000;
  Rendezvous rendezvous(16);
  std::atomic<int> met{0};
  const pr::Report report = pr::map(
      [&](int item) {
        if (item >= kCheap) met += rendezvous.meet();
      },
      std::views::iota(0, kCheap + 16), {.n_workers = 16, .progress = pr::Progress::none});
  CHECK(met == 16);
  CHECK(report.succeeded == kCheap + 16);
}

TEST_CASE("items stuck behind a long one in their batch are run by the other workers") {
  constexpr int kCheap = 20'000;
  std::atomic<int> done{0};
  std::atomic<bool> in_time{false};
  pr::map(
      [&](int item) {
        if (item == kCheap / 2) in_time = eventually([&] { return done == kCheap - 1; });
        ++done;
      },
      std::views::iota(0, kCheap), {.n_workers = 2, .progress = pr::Progress::none});
  CHECK(in_time);
}

TEST_CASE("a batch grows step by step to what hides a token's cost, and shrinks at once") {
  BatchSize size(0);
  CHECK_FALSE(size.fixed());
  CHECK(size.get() == 1);
  std::vector<std::size_t> steps;
  for (int i = 0; i < 10; ++i) {
    size.measured(size.get(), std::chrono::nanoseconds(10) * size.get());
    steps.push_back(size.get());
  }
  CHECK(steps == std::vector<std::size_t>{2, 4, 8, 16, 32, 64, 128, 256, 256, 256});
  size.measured(256, 25'600us);
  CHECK(size.get() == 1);
  for (int i = 0; i < 10; ++i) size.measured(size.get(), 1us * size.get());
  CHECK(size.get() * 1us >= BatchSize::kWorthwhile / 2);
  CHECK(size.get() * 1us <= BatchSize::kWorthwhile);
}

TEST_CASE("a batch of a size that was asked for never changes") {
  const std::size_t fixed = GENERATE(1U, 7U, 256U);
  BatchSize size(fixed);
  CHECK(size.fixed());
  size.measured(fixed, 1h);
  CHECK(size.get() == fixed);
  size.measured(fixed, 0ns);
  CHECK(size.get() == fixed);
}

TEST_CASE("items that cost nothing, and none at all, can be measured") {
  BatchSize size(0);
  size.measured(1, 0ns);
  CHECK(size.get() == 2);
  size.measured(0, 1h);
  CHECK(size.get() == 2);
}
