#include "support/tally.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <utility>

#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <catch2/catch.hpp>

namespace pararun::testing {
namespace {

std::uint64_t failed_assertions = 0;

class FailureCounter : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  bool assertionEnded(const Catch::AssertionStats& assertion) override {
    failed_assertions += !assertion.assertionResult.isOk();
    return true;
  }
};
CATCH_REGISTER_LISTENER(FailureCounter)

}  // namespace

Tally::Tally(std::string fault) : fault_(std::move(fault)) {
  const char* path = std::getenv("PARARUN_FAULT_TALLY");
  if (path == nullptr || *path == 0) return;
  file_ = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file_ == -1) throw std::runtime_error(std::string("cannot open the tally of faults, ") + path);
  write(0, 0);
}

Tally::~Tally() {
  if (file_ != -1) ::close(file_);
  std::cout << fault_ << ": " << tried_ << " tried, " << survived_ << " survived\n";
}

void Tally::begin() {
  ++tried_;
  failed_before_ = failed_assertions;
  write(1, 0);
}

void Tally::end() {
  if (failed_assertions != failed_before_) return;
  ++survived_;
  write(0, 1);
}

void Tally::call_off() {
  if (failed_assertions != failed_before_) return;
  --tried_;
  write(-1, 0);
}

/// In one piece: other tests write to the file at the same time.
void Tally::write(int tried, int survived) const {
  if (file_ == -1) return;
  const std::string line = fault_ + '\t' + std::to_string(tried) + '\t' + std::to_string(survived) + '\n';
  if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("cannot write the tally of faults");
  }
}

}  // namespace pararun::testing
