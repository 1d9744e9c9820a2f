/// The library prints nothing but progress, whatever happens. Every job runs in a child process.
#include <pararun/options.hpp>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/rendezvous.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;
using namespace std::chrono_literals;

namespace {

/// What a process that does this prints, on either stream.
template <class Action>
std::string printed_by(Action action) {
  Child child([&](const Child::Parent&) {
    action();
    return 0;
  });
  const std::string text = child.printed();
  CHECK(child.end() == 0);
  return text;
}

}  // namespace

TEST_CASE("many more workers than cores bring no warning from oneTBB") {
  const std::size_t n_workers = GENERATE(16U, 256U);
  CHECK(printed_by([&] {
          tbb::parallel_for(0, 100, [](int) {});
          Rendezvous all(n_workers);
          std::atomic<std::size_t> met{0};
          const auto run = [&](std::size_t workers) {
            pr::map([&](std::size_t) { met += all.meet(); }, std::views::iota(std::size_t{0}, workers),
                    {.n_workers = workers, .progress = pr::Progress::none});
          };
          {
            const std::jthread half([&] { run(n_workers / 2); });
            run(n_workers / 2);
          }
          if (met != n_workers) throw std::runtime_error("not all at once");
          run(3);
          tbb::parallel_for(0, 100, [](int) {});
        }).empty());
}

TEST_CASE("failures, refusals, stops and errors are told to the caller, not to the terminal") {
  const TempDir dir;
  CHECK(printed_by([&] {
          pr::Options options{.n_workers = 4,
                              .cache_path = dir / "r.jsonl",
                              .timeout = 1ms,
                              .retries = 1,
                              .retry_delay = 1ns,
                              .max_failures = 50,
                              .handle_signals = true,
                              .progress = pr::Progress::none};
          pr::map(
              [](int item, const std::stop_token&) -> double {
                if (item % 3 == 0) throw std::runtime_error("no");
                return item % 3 == 1 ? 0.0 / 0.0 : 1.0;
              },
              std::views::iota(0, 1000), options);
          try {
            pr::map([](int) {}, []() -> std::optional<int> { throw 1; }, options);
          } catch (int) {
          }
          try {
            const tbb::global_control smaller(tbb::global_control::max_allowed_parallelism, 2);
            pr::map([](int) {}, std::vector{1}, options);
          } catch (const pr::OptionsError&) {
          }
          try {
            options.cache_path = dir.path();
            pr::map([](int) {}, std::vector{1}, options);
          } catch (const pr::StoreError&) {
          }
        }).empty());
}

TEST_CASE("with progress the last line tells the outcome") {
  const TempDir dir;
  CHECK_THAT(printed_by([&] {
               pr::map([](int) {}, std::vector{1, 2, 3},
                       {.n_workers = 2, .cache_path = dir / "clean.jsonl", .progress = pr::Progress::plain});
             }),
             Catch::StartsWith("clean: 100% 3/3 ["));
}
