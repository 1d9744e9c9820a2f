#include "crash/ledger.hpp"

#include <cstring>

#include <catch2/catch.hpp>

#include "crash/items.hpp"
#include "support/temp_dir.hpp"

namespace pararun::testing {
namespace {

std::filesystem::path failures_of(std::filesystem::path results) {
  return results.replace_extension(".failed" + results.extension().string());
}

}  // namespace

Ledger::Ledger(std::filesystem::path results, std::uint64_t items)
    : items_(items), results_{results, {}}, failures_{failures_of(results), {}} {}

void Ledger::before_run() {
  examine_tail(results_);
  examine_tail(failures_);
}

void Ledger::examine_tail(File& file) {
  const std::string content = read_file(file.path);
  REQUIRE(content.size() >= file.known.size());
  const std::string tail = content.substr(file.known.size());
  file.whole_tail = read_plain_line(tail).kind == PlainLine::Kind::id;
  whole_tails_ += file.whole_tail;
  torn_tails_ += !file.whole_tail && !tail.empty();
}

PlainFile Ledger::new_lines(File& file) {
  const std::string content = read_file(file.path);
  REQUIRE(content.size() >= file.known.size());
  REQUIRE(std::memcmp(content.data(), file.known.data(), file.known.size()) == 0);
  PlainFile fresh = read_plain_file(std::string_view(content).substr(file.known.size()), file.known.size());
  file.known = content.substr(0, content.size() - fresh.tail.size());
  return fresh;
}

std::uint64_t Ledger::index_of(const PlainLine& line, const File& file) const {
  const std::optional<std::uint64_t> index = item_index(line.id);
  if (line.kind != PlainLine::Kind::id || line.is_integer || !index || *index >= items_) {
    FAIL("not a line of this job, at byte " << line.offset << " of " << file.path << ": "
                                            << file.known.substr(line.offset, std::min<std::size_t>(line.length, 200)));
  }
  return *index;
}

void Ledger::after_run(const Killable& job, const RunFacts& facts) {
  const std::uint64_t done_before = done_.size() + results_.whole_tail;
  const PlainFile results = new_lines(results_);
  const std::uint64_t older = results_.whole_tail;  // the line that was whole but for its newline
  REQUIRE(results.lines.size() >= older);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < results.lines.size(); ++i) {
    const std::uint64_t index = index_of(results.lines[i], results_);
    if (fails_always(index)) FAIL("a result of an item that has none: " << index);
    if (!done_.insert(index).second) FAIL("twice in the file: " << index);
    if (i < older) continue;
    if (given_up(index, facts.run, facts.retries)) FAIL("a result of an item that failed: " << index);
    if (facts.in_order && index < last) FAIL("out of order: " << index << " behind " << last);
    last = index;
  }
  const std::uint64_t succeeded = results.lines.size() - older;
  CHECK(succeeded >= job.told_succeeded());

  const PlainFile failures = new_lines(failures_);
  const std::uint64_t older_failures = failures_.whole_tail;
  REQUIRE(failures.lines.size() >= older_failures);
  std::set<std::uint64_t> failed;
  for (std::size_t i = older_failures; i < failures.lines.size(); ++i) {
    const std::uint64_t index = index_of(failures.lines[i], failures_);
    if (!given_up(index, facts.run, facts.retries)) FAIL("a failure of an item that succeeds: " << index);
    if (!failed.insert(index).second) FAIL("failed twice in one run: " << index);
  }
  CHECK(failed.size() >= job.told_failed());

  if (!job.report()) return;
  CHECK(results.tail.empty());
  CHECK(failures.tail.empty());
  CHECK(job.report()->number("succeeded") == succeeded);
  CHECK(job.report()->number("failed") == failed.size());
  check_report(*job.report(), done_before, succeeded);
}

void Ledger::check_report(const Arguments& report, std::uint64_t done_before, std::uint64_t succeeded) const {
  CHECK(report.number("seen") == report.number("skipped") + report.number("duplicates") + report.number("succeeded") +
                                     report.number("failed") + report.number("unfinished"));
  CHECK(report.number("ids") == done_before);
  CHECK(report.number("lines") == done_before);
  CHECK(report.number("damaged") == 0);
  CHECK(report.number("foreign") == 0);
  CHECK(done_.size() == done_before + succeeded);
  if (report.text("stopped") == "finished") CHECK(report.number("seen") == items_in_input(items_));
}

void Ledger::require_complete() const {
  std::uint64_t wanted = 0;
  for (std::uint64_t index = 0; index < items_; ++index) {
    if (fails_always(index)) continue;
    ++wanted;
    if (!done_.contains(index)) FAIL("not in the file: " << index);
  }
  CHECK(done_.size() == wanted);
}

}  // namespace pararun::testing
