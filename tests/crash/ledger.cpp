#include "crash/ledger.hpp"

#include <algorithm>
#include <regex>
#include <vector>

#include <catch2/catch.hpp>

#include "crash/items.hpp"
#include "support/temp_dir.hpp"

namespace pararun::testing {
namespace {

std::filesystem::path with_word(std::filesystem::path path, const std::string& word) {
  return path.replace_extension(word + path.extension().string());
}

/// An id as it stands in a set of them.
std::string key_of(const PlainLine& line) { return (line.is_integer ? "i" : "s") + line.id; }
std::string key_of(std::uint64_t index) { return "s" + item_id(index); }

/// What about a run matters for its lines.
struct RunFacts {
  std::uint64_t run, large_every;
  unsigned retries;
  bool in_order, retry_failed;

  explicit RunFacts(const Arguments& arguments)
      : run(arguments.number("run")),
        large_every(arguments.number("large_every")),
        retries(static_cast<unsigned>(arguments.number("retries"))),
        in_order(arguments.text("order") == "input" || arguments.text("engine") == "store"),
        retry_failed(arguments.number("retry_failed", 1) != 0) {}
};

std::string_view text_of(const PlainLine& line, std::string_view content) {
  return content.substr(line.offset, line.length);
}

/// The text is a whole line, but for the newline: what the run recorded for this item.
void check_result(std::uint64_t index, std::string_view text, const RunFacts& facts) {
  if (given_up(index, facts.run, facts.retries)) FAIL("a result of an item that failed: " << index);
  std::string expected = result_line(index, facts.large_every);
  expected.pop_back();
  if (text != expected) FAIL("not the result of item " << index << ":\n" << text << "\ninstead of\n" << expected);
}

void check_failure(std::uint64_t index, std::string_view text, const RunFacts& facts) {
  if (!given_up(index, facts.run, facts.retries)) FAIL("a failure of an item that succeeds: " << index);
  static const std::regex times(R"(\d+(\.\d+)?(e-\d+)?,"at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\})");
  const std::string beginning = failure_beginning(index, facts.run, facts.retries);
  if (!text.starts_with(beginning) ||
      !std::regex_match(text.begin() + static_cast<std::ptrdiff_t>(beginning.size()), text.end(), times)) {
    FAIL("not the failure of item " << index << ":\n" << text << "\ninstead of\n" << beginning);
  }
}

/// The counts of a run that goes to its end.
struct Expected {
  std::uint64_t seen = 0, skipped = 0, skipped_failed = 0, duplicates = 0, succeeded = 0, failed = 0;

  Expected(std::uint64_t items, const std::set<std::string>& done, const std::set<std::string>& failed_earlier,
           const RunFacts& facts) {
    std::vector<bool> met(items);
    for (std::uint64_t position = 0; position < items_in_input(items); ++position) {
      const std::uint64_t index = index_at(position);
      ++seen;
      if (done.contains(key_of(index))) {
        ++skipped;
      } else if (failed_earlier.contains(key_of(index))) {
        ++skipped;
        ++skipped_failed;
      } else if (met[index]) {
        ++duplicates;
      } else {
        met[index] = true;
        ++(given_up(index, facts.run, facts.retries) ? failed : succeeded);
      }
    }
  }
};

}  // namespace

void Ledger::File::take(const PlainLine& line) {
  switch (line.kind) {
    case PlainLine::Kind::id:
      ++id_lines;
      ids.insert(key_of(line));
      break;
    case PlainLine::Kind::foreign:
      ++foreign;
      break;
    case PlainLine::Kind::blank:
      break;
    case PlainLine::Kind::damaged:
      damage.push_back(line);
      break;
  }
}

Ledger::Ledger(std::filesystem::path results, std::uint64_t items)
    : items_(items), results_{.path = results}, failures_{.path = with_word(results, ".failed")} {}

void Ledger::start_over() {
  for (File* file : {&results_, &failures_}) {
    *file = {.path = file->path};
    const std::string content = read_file(file->path);
    const PlainFile all = read_plain_file(content);
    for (const PlainLine& line : all.lines) file->take(line);
    file->known = content.substr(0, content.size() - all.tail.size());
  }
}

void Ledger::before_run() {
  examine_tail(results_);
  examine_tail(failures_);
  results_.was_empty = results_.known.empty() && !results_.whole_tail;
}

/// What follows the known lines, which must be as they were.
std::string Ledger::new_content(const File& file) const {
  const std::string content = read_file(file.path);
  if (!content.starts_with(file.known)) FAIL("lines have changed in " << file.path);
  return content.substr(file.known.size());
}

void Ledger::examine_tail(File& file) {
  file.tail = new_content(file);
  REQUIRE(file.tail.find('\n') == file.tail.npos);
  std::string_view line = file.tail;
  if (file.known.empty() && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  const PlainLine::Kind kind = read_plain_line(line).kind;
  file.whole_tail = kind == PlainLine::Kind::id || kind == PlainLine::Kind::foreign;
  file.tail_stays = false;
  whole_tails_ += file.whole_tail;
  torn_tails_ += !file.whole_tail && !file.tail.empty();
}

bool Ledger::tails_stay(const std::vector<std::filesystem::path>& paths) {
  for (File* file : {&results_, &failures_}) {
    const bool torn = !file->whole_tail && !file->tail.empty();
    file->tail_stays =
        torn && std::find(paths.begin(), paths.end(), std::filesystem::weakly_canonical(file->path)) != paths.end();
  }
  return results_.tail_stays || failures_.tail_stays;
}

std::uint64_t Ledger::index_of(const PlainLine& line, const File& file) const {
  const std::optional<std::uint64_t> index = item_index(line.id);
  if (line.kind != PlainLine::Kind::id || line.is_integer || !index || *index >= items_) {
    FAIL("not a line of this job, at byte " << line.offset << " of " << file.path);
  }
  return *index;
}

/// Of the item whose line the run has left without its newline, if that is all that it lacks.
std::optional<std::uint64_t> Ledger::index_of_new_tail(const std::string& tail, const File& file) const {
  const PlainLine line = read_plain_line(tail);
  const bool whole = line.kind == PlainLine::Kind::id || line.kind == PlainLine::Kind::foreign;
  if (!whole || tail == file.tail) return std::nullopt;
  return index_of(line, file);
}

/// The lines of this run. An unfinished line of an earlier one is known from when it was given its newline.
PlainFile Ledger::take_new_lines(File& file) const {
  const std::string content = new_content(file);
  PlainFile fresh = read_plain_file(content, file.known.size());
  file.known += content.substr(0, content.size() - fresh.tail.size());
  if ((file.whole_tail || file.tail_stays) && !fresh.lines.empty()) {
    file.take(fresh.lines.front());
    fresh.lines.erase(fresh.lines.begin());
  }
  file.new_ends.clear();
  for (const PlainLine& line : fresh.lines) file.new_ends.push_back(line.offset + line.length + 1);
  return fresh;
}

void Ledger::after_run(const Killable& job) {
  const RunFacts facts(job.arguments());
  const PlainFile results = take_new_lines(results_);
  const PlainFile failures = take_new_lines(failures_);
  if (job.report()) check_recovery(*job.report());
  const bool skips_failed = !facts.retry_failed && !results_.was_empty;
  const Expected expected(items_, results_.ids, skips_failed ? failures_.ids : std::set<std::string>(), facts);

  std::uint64_t last = 0;
  for (const PlainLine& line : results.lines) {
    const std::uint64_t index = index_of(line, results_);
    if (results_.ids.contains(key_of(line))) FAIL("twice in the file: " << index);
    check_result(index, text_of(line, results_.known), facts);
    if (facts.in_order && index < last) FAIL("out of order: " << index << " behind " << last);
    results_.take(line);
    last = index;
  }
  std::set<std::uint64_t> failed;
  for (const PlainLine& line : failures.lines) {
    const std::uint64_t index = index_of(line, failures_);
    check_failure(index, text_of(line, failures_.known), facts);
    if (!failed.insert(index).second) FAIL("failed twice in one run: " << index);
    if (skips_failed && failures_.ids.contains(key_of(line))) FAIL("not to be tried again: " << index);
  }
  for (const PlainLine& line : failures.lines) failures_.take(line);
  if (const auto index = index_of_new_tail(results.tail, results_)) check_result(*index, results.tail, facts);
  if (const auto index = index_of_new_tail(failures.tail, failures_)) check_failure(*index, failures.tail, facts);
  CHECK(results.lines.size() >= job.told_succeeded());
  CHECK(failures.lines.size() >= job.told_failed());

  if (!job.report()) return;
  const Arguments& report = *job.report();
  CHECK(results.tail.empty());
  CHECK(failures.tail.empty());
  CHECK(report.number("succeeded") == results.lines.size());
  CHECK(report.number("failed") == failures.lines.size());
  CHECK(report.number("seen") == report.number("skipped") + report.number("duplicates") + report.number("succeeded") +
                                     report.number("failed") + report.number("unfinished"));
  if (report.text("stopped") != "finished") return;
  CHECK(report.number("seen") == expected.seen);
  CHECK(report.number("skipped") == expected.skipped);
  CHECK(report.number("skipped_failed") == expected.skipped_failed);
  CHECK(report.number("duplicates") == expected.duplicates);
  CHECK(report.number("succeeded") == expected.succeeded);
  CHECK(report.number("failed") == expected.failed);
}

/// What the job says it found, against what was there.
void Ledger::check_recovery(const Arguments& report) const {
  CHECK(report.number("lines") == results_.id_lines);
  CHECK(report.number("ids") == results_.ids.size());
  CHECK(report.number("twice") == results_.id_lines - results_.ids.size());
  CHECK(report.number("foreign") == results_.foreign);
  // What could not be cut off counts from the next run on.
  CHECK(report.number("damaged") + results_.tail_stays == results_.damage.size());
  CHECK(report.number("newline_added") == results_.whole_tail);
  CHECK(report.number("torn") == (results_.whole_tail ? 0 : results_.tail.size()));
  check_tail_kept(results_);
  check_tail_kept(failures_);
}

/// No byte that was cut off is lost.
void Ledger::check_tail_kept(const File& file) const {
  if (file.whole_tail || file.tail.empty()) return;
  CHECK(read_file(with_word(file.path, ".torn")).ends_with(file.tail + '\n'));
}

void Ledger::require_complete() const {
  for (std::uint64_t index = 0; index < items_; ++index) {
    if (!fails_always(index) && !results_.ids.contains(key_of(index))) FAIL("not in the file: " << index);
  }
}

}  // namespace pararun::testing
