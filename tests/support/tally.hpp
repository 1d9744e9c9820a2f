/// Counts the faults that tests try and what is survived of them: on standard output at the end of the test, and in the
/// file that the environment variable PARARUN_FAULT_TALLY names, of which `tests/run --long` makes its table. A test
/// that uses it is linked with `support/tally.cpp`.
#pragma once

#include <cstdint>
#include <string>

namespace pararun::testing {

/// One kind of fault. Each trial is in the file when it begins, and its survival only after it: one that ends the
/// process or the test case stays one that was tried.
class Tally {
 public:
  /// `fault`: its row in the table. Without a single trial that still has one.
  explicit Tally(std::string fault);
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  ~Tally();

  /// Before a fault is tried.
  void begin();

  /// After all that is checked of it. Where an assertion has failed since `begin`, `CHECK` included, it is not
  /// survived.
  void end();

  /// Instead of `end`, where the fault has not taken place after all.
  void call_off();

 private:
  void write(int tried, int survived) const;

  std::string fault_;
  int file_ = -1;
  std::uint64_t tried_ = 0, survived_ = 0, failed_before_ = 0;
};

}  // namespace pararun::testing
