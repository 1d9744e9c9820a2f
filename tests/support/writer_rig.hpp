/// A writer on two real files, what it has counted, and lines to give it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include <pararun/error.hpp>

#include "store/lock.hpp"
#include "store/writer.hpp"
#include "support/temp_dir.hpp"

namespace pararun::testing {

using store::LockedFile;
using store::open_locked;
using store::Settled;
using store::Writer;

inline constexpr auto kNever = std::chrono::hours(1);
inline constexpr std::size_t kPiece = 64 << 10;

/// Gives what should not happen some time to happen.
inline void let_others_run() {
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
}

/// Two files, a writer on them and what it has counted.
struct WriterRig {
  explicit WriterRig(const std::filesystem::path& directory, Writer::Settings settings = {})
      : results(open_locked(directory / "r.jsonl")), failures(open_locked(directory / "r.failed.jsonl")) {
    writer.emplace(results, failures, settings, [this](Settled settled) {
      succeeded += settled.succeeded;
      failed += settled.failed;
      if (on_commit) on_commit();
    });
  }

  void append(const std::string& lines, std::uint64_t count = 1) { writer->append(lines, "", {count, 0}); }

  /// What `finish` throws; none if it returns.
  std::optional<StoreError> finish() {
    try {
      writer->finish();
    } catch (const StoreError& error) {
      return error;
    }
    return std::nullopt;
  }

  std::string content() const { return read_file(results.path); }

  LockedFile results;
  LockedFile failures;
  std::atomic<std::uint64_t> succeeded = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::function<void()> on_commit;
  std::optional<Writer> writer;
};

inline std::uint64_t count_lines(const std::string& text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

inline std::string line(int number) { return "{\"id\":" + std::to_string(number) + "}\n"; }

inline std::string lines(int begin, int end) {
  std::string text;
  for (int i = begin; i < end; ++i) text += line(i);
  return text;
}

}  // namespace pararun::testing
