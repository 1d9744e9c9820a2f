/// Functions that end their thread, or have it cancelled. Every job runs in a child process.
#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <new>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

#include "support/child.hpp"
#include "support/ends.hpp"
#include "support/job.hpp"
#include "support/temp_dir.hpp"

namespace pr = pararun;
using namespace pararun::testing;

namespace {

constexpr std::uint64_t kItems = 100;
constexpr std::uint64_t kLast = 60;  ///< the one that ends its thread

/// A number that a child process leaves behind.
class SharedNumber {
 public:
  SharedNumber()
      : number_(new (::mmap(nullptr, sizeof *number_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
                    std::atomic<std::uint64_t>(0)) {}
  ~SharedNumber() { ::munmap(number_, sizeof *number_); }
  SharedNumber(const SharedNumber&) = delete;
  SharedNumber& operator=(const SharedNumber&) = delete;

  std::atomic<std::uint64_t>& operator*() const { return *number_; }

 private:
  std::atomic<std::uint64_t>* number_;
};

/// Where user code runs.
enum class Place { function, input, callback };

pr::Options options_for(const std::filesystem::path& path, std::size_t n_workers) {
  return {.n_workers = n_workers,
          .cache_path = path,
          .flush_interval = std::chrono::milliseconds(0),
          .progress = pr::Progress::none};
}

/// A job of which one item does this, in one of the places.
pr::Report run(pr::Options options, Place place, const std::function<void()>& act) {
  const auto callback = options.on_progress;
  std::atomic<bool> acts{false};
  options.on_progress = [&](const pr::ProgressState& state) {
    if (callback) callback(state);
    if (place == Place::callback && acts.exchange(false)) act();
  };
  std::uint64_t next = 0;
  const auto items = [&]() -> std::optional<std::uint64_t> {
    if (next == kItems) return std::nullopt;
    if (place == Place::input && next == kLast) act();
    return next++;
  };
  const auto function = [&](std::uint64_t item) {
    if (item == kLast) acts = true;
    if (place == Place::function && item == kLast) act();
    return item;
  };
  return pr::map(function, items, options);
}

void cancel_this_thread() {
  ::pthread_cancel(::pthread_self());
  ::pthread_testcancel();
}

/// Runs `action` on a thread, and returns whether that is cancelled after it. Not in it: AddressSanitizer does not
/// notice that a cancellation leaves frames.
bool is_cancelled_in(std::function<void()> action) {
  pthread_t thread;
  const auto start = [](void* what) -> void* {
    (*static_cast<std::function<void()>*>(what))();
    ::pthread_testcancel();
    return nullptr;
  };
  REQUIRE(::pthread_create(&thread, nullptr, start, &action) == 0);
  void* result = nullptr;
  REQUIRE(::pthread_join(thread, &result) == 0);
  return result == PTHREAD_CANCELED;
}

}  // namespace

TEST_CASE("a function, an input or a callback that ends its thread ends the program, and nothing counted is lost") {
  const auto place = GENERATE(Place::function, Place::input, Place::callback);
  const std::size_t n_workers = GENERATE(1U, 3U);
  const TempDir dir;
  const std::filesystem::path path = dir / "r.jsonl";
  const SharedNumber counted;
  {
    Child child([&](const Child::Parent&) {
      pr::Options options = options_for(path, n_workers);
      options.on_progress = [&](const pr::ProgressState& state) { *counted = state.succeeded; };
      run(options, place, [&] {
        if (place != Place::callback && !eventually([&] { return *counted >= kLast / 2; })) return;
        ::pthread_exit(nullptr);
      });
      return 0;
    });
    CHECK(child.end() == -SIGABRT);
  }
  if (place != Place::callback) CHECK(*counted >= kLast / 2);
  CHECK(ids_in(path).size() >= *counted);
  const std::uint64_t kept = ids_in(path).size();

  Child child([&](const Child::Parent&) {
    const pr::Report report = run(options_for(path, n_workers), place, [] {});
    return report.seen == kItems && report.skipped == kept && report.succeeded == kItems - kept ? 0 : 1;
  });
  CHECK(child.end() == 0);
  CHECK(sorted(ids_in(path)).size() == kItems);
}

TEST_CASE("a thread that is cancelled while it runs a job finishes it first") {
  const auto place = GENERATE(Place::function, Place::input, Place::callback);
  const std::size_t n_workers = GENERATE(1U, 3U);
  const TempDir dir;
  Child child([&](const Child::Parent&) {
    // The item may run on any worker, the calling thread or one of oneTBB's.
    for (int job = 0; job < 10; ++job) {
      const std::filesystem::path path = dir / (std::to_string(job) + ".jsonl");
      bool complete = false;
      std::atomic<bool> cancelled_itself{false};
      const bool cancelled = is_cancelled_in([&] {
        const pthread_t caller = ::pthread_self();
        complete = run(options_for(path, n_workers), place, [&] {
                     cancelled_itself = ::pthread_equal(caller, ::pthread_self()) != 0;
                     cancel_this_thread();
                   }).succeeded == kItems;
      });
      if (!complete || cancelled != cancelled_itself) return 1;
    }
    return 0;
  });
  CHECK(child.end() == 0);
}

TEST_CASE("a cancellation that was asked for before a job or during it takes effect after it") {
  const bool before = GENERATE(true, false);
  const TempDir dir;
  Child child([&](const Child::Parent&) {
    bool complete = false;
    const bool cancelled = is_cancelled_in([&] {
      const pthread_t caller = ::pthread_self();
      if (before) ::pthread_cancel(caller);
      complete = run(options_for(dir / "r.jsonl", 2), Place::function, [&] {
                   if (!before) ::pthread_cancel(caller);
                 }).succeeded == kItems;
    });
    return complete && cancelled ? 0 : 1;
  });
  CHECK(child.end() == 0);
}
