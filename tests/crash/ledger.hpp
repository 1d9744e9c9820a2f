/// Judges the files of a job that is killed again and again, by what it said while it lived and by what was in the
/// files before. It reads them by itself; nothing of the store is trusted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crash/killable.hpp"
#include "support/plain_reader.hpp"

namespace pararun::testing {

class Ledger {
 public:
  /// Of a job with so many items and these files.
  Ledger(std::filesystem::path results, std::uint64_t items);

  /// Accepts whatever is in the files now.
  void start_over();

  /// Looks at what follows the last newlines. To be called before each run.
  void before_run();

  /// Of these files, whose paths are canonical, nothing could be cut off: a torn line that the job found there was
  /// given a newline where it is. To be called before `after_run`. Returns whether there is such a line.
  bool tails_stay(const std::vector<std::filesystem::path>& paths);

  /// Checks the files: everything is there that was, all that is new is whole lines of the results and failures that
  /// this run had for their items, no id is there twice, and what the job has said is safe is there. The numbers of a
  /// job that came to its end must be what the files had led to expect.
  void after_run(const Killable& job);

  /// Checks that every result there can be is there.
  void require_complete() const;

  std::uint64_t done() const { return results_.ids.size(); }
  /// Where the lines of the last run end.
  const std::vector<std::uint64_t>& result_ends() const { return results_.new_ends; }
  const std::vector<std::uint64_t>& failure_ends() const { return failures_.new_ends; }

  std::uint64_t torn_tails() const { return torn_tails_; }
  std::uint64_t whole_tails() const { return whole_tails_; }
  const PlainLine* first_damage() const { return results_.damage.empty() ? nullptr : &results_.damage.front(); }

 private:
  /// One of the two files, up to its last newline, and then the rest.
  struct File {
    std::filesystem::path path;
    std::string known{};
    std::set<std::string> ids{};
    std::uint64_t id_lines = 0;
    std::uint64_t foreign = 0;
    std::vector<PlainLine> damage{};
    std::vector<std::uint64_t> new_ends{};
    std::string tail{};
    bool whole_tail = false;  ///< the rest lacks its newline alone
    bool tail_stays = false;  ///< see above
    bool was_empty = true;    ///< of lines, when the run began

    void take(const PlainLine& line);
  };

  std::string new_content(const File& file) const;
  void examine_tail(File& file);
  PlainFile take_new_lines(File& file) const;
  std::uint64_t index_of(const PlainLine& line, const File& file) const;
  std::optional<std::uint64_t> index_of_new_tail(const std::string& tail, const File& file) const;
  void check_recovery(const Arguments& report) const;
  void check_tail_kept(const File& file) const;

  std::uint64_t items_;
  File results_;
  File failures_;
  std::uint64_t torn_tails_ = 0;
  std::uint64_t whole_tails_ = 0;
};

}  // namespace pararun::testing
