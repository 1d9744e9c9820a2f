/// Reports and exceptions: the exit code, and what a person reads.
#include <pararun/error.hpp>
#include <pararun/report.hpp>

#include <catch2/catch.hpp>
#include <cerrno>
#include <iomanip>
#include <sstream>

namespace {

using pararun::Report;
using pararun::StopReason;

std::string printed(const Report& report) {
  std::ostringstream out;
  out << report;
  return out.str();
}

}  // namespace

TEST_CASE("A job without failures that came to its end exits with 0") {
  CHECK(Report{.seen = 3, .skipped = 1, .duplicates = 1, .succeeded = 1}.exit_code() == 0);
  CHECK(Report{}.exit_code() == 0);
}

TEST_CASE("A failed item, of this run or an earlier one, exits with 1") {
  CHECK(Report{.seen = 1, .failed = 1}.exit_code() == 1);
  CHECK(Report{.seen = 1, .skipped = 1, .skipped_failed = 1}.exit_code() == 1);
}

TEST_CASE("A job stopped with work left exits with 75, whatever failed") {
  const auto reason = GENERATE(StopReason::stop_requested, StopReason::signal, StopReason::time_budget);
  const auto failed = GENERATE(as<std::uint64_t>{}, 0, 1);
  CHECK(Report{.seen = failed, .failed = failed, .stopped = reason}.exit_code() == 75);
}

TEST_CASE("Unfinished items alone exit with 75") {
  CHECK(Report{.seen = 2, .failed = 1, .unfinished = 1}.exit_code() == 75);
}

TEST_CASE("Too many failures exit with 1 even with work left") {
  CHECK(Report{.seen = 9, .failed = 3, .unfinished = 6, .stopped = StopReason::too_many_failures}.exit_code() == 1);
}

TEST_CASE("A stop reason is named as it is written in the source") {
  CHECK(name(StopReason::finished) == std::string("finished"));
  CHECK(name(StopReason::stop_requested) == std::string("stop_requested"));
  CHECK(name(StopReason::signal) == std::string("signal"));
  CHECK(name(StopReason::time_budget) == std::string("time_budget"));
  CHECK(name(StopReason::too_many_failures) == std::string("too_many_failures"));
}

TEST_CASE("An uneventful report is one line that leaves out what did not happen") {
  CHECK(printed(Report{.seen = 2,
                       .succeeded = 2,
                       .elapsed = std::chrono::milliseconds(1250),
                       .failures_path = "results.failed.jsonl"}) == "2 items in 1.25 s: 2 succeeded, 0 failed");
}

TEST_CASE("A report tells of everything that happened") {
  Report report{.seen = 12,
                .skipped = 5,
                .skipped_failed = 2,
                .duplicates = 1,
                .succeeded = 3,
                .failed = 2,
                .unfinished = 1,
                .stopped = StopReason::signal};
  report.failures_path = "results.failed.jsonl";
  report.recovery.torn_bytes = 17;
  report.recovery.torn_path = "results.torn.jsonl";
  report.recovery.newline_added = true;
  report.recovery.damaged = 2;
  report.recovery.damage = {{.offset = 120, .length = 4, .problem = "no object"}};
  report.recovery.foreign = 1;
  report.recovery.warnings = {"the file has another name"};
  CHECK(printed(report) ==
        "12 items in 0.00 s: 3 succeeded, 2 failed, 5 skipped (2 failed earlier), 1 duplicate, 1 unfinished\n"
        "stopped: signal\n"
        "failures: results.failed.jsonl\n"
        "repaired: an unfinished last line of 17 bytes, kept in results.torn.jsonl\n"
        "repaired: the last line lacked its newline\n"
        "damaged: 2 lines left as found, the first at byte 120: no object\n"
        "foreign: 1 line without a usable id\n"
        "warning: the file has another name");
}

TEST_CASE("A report reads the same whatever the stream's number format") {
  std::ostringstream out;
  out << std::hex << std::showbase << std::setprecision(1) << Report{.seen = 255, .succeeded = 255};
  CHECK(out.str() == "255 items in 0.00 s: 255 succeeded, 0 failed");
}

TEST_CASE("A locked results file is named together with the process that holds it") {
  const pararun::CacheLocked known("dir/results.jsonl", 4711);
  CHECK(known.what() == std::string("dir/results.jsonl: another run is writing to it (process 4711)"));
  CHECK(known.path() == "dir/results.jsonl");
  CHECK(known.holder() == 4711);
  CHECK(pararun::CacheLocked("r", 0).what() == std::string("r: another run is writing to it"));
}

TEST_CASE("A damaged results file is named together with the place and the problem") {
  const pararun::CacheDamaged error("results.jsonl", 120, "no object");
  CHECK(error.what() == std::string("results.jsonl: damaged line at byte 120: no object"));
  CHECK(error.path() == "results.jsonl");
  CHECK(error.offset() == 120);
}

TEST_CASE("A failed system call on a file is told with the path, the operation and the reason") {
  const pararun::StoreError error("cannot open", "results.jsonl", EACCES);
  CHECK(error.what() == std::string("results.jsonl: cannot open: Permission denied"));
  CHECK(error.path() == "results.jsonl");
  CHECK(error.error_number() == EACCES);
  CHECK(pararun::StoreError("is a directory", "d", 0).what() == std::string("d: is a directory"));
}
