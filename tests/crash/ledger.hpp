/// Judges the files of a job that is killed again and again, by what it said while it lived and by what was in the
/// files before. It reads them by itself; nothing of the store is trusted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "crash/killable.hpp"
#include "support/plain_reader.hpp"

namespace pararun::testing {

/// What about a run matters for its lines.
struct RunFacts {
  std::uint64_t run = 0;
  unsigned retries = 0;
  bool in_order = false;
};

class Ledger {
 public:
  /// Of a job with so many items and these files, none of which holds a damaged line.
  Ledger(std::filesystem::path results, std::uint64_t items);

  /// Looks at what the last run left behind; to be called when nothing runs, before each run.
  void before_run();

  /// Checks that every line is whole, that each id is there once, that nothing is there which cannot be, that nothing
  /// is gone which was there, and that everything is there which the job has said.
  void after_run(const Killable& job, const RunFacts& facts);

  /// Checks that every result there can be is there.
  void require_complete() const;

  std::uint64_t done() const { return done_.size(); }
  std::uint64_t torn_tails() const { return torn_tails_; }
  std::uint64_t whole_tails() const { return whole_tails_; }

 private:
  /// One of the two files.
  struct File {
    std::filesystem::path path;
    std::string known;        ///< its whole lines so far
    bool whole_tail = false;  ///< what follows them lacks its newline alone
  };

  void examine_tail(File& file);
  PlainFile new_lines(File& file);
  std::uint64_t index_of(const PlainLine& line, const File& file) const;
  void check_report(const Arguments& report, std::uint64_t done_before, std::uint64_t succeeded) const;

  std::uint64_t items_;
  File results_;
  File failures_;
  std::set<std::uint64_t> done_;
  std::uint64_t torn_tails_ = 0;
  std::uint64_t whole_tails_ = 0;
};

}  // namespace pararun::testing
