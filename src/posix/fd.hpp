/// A file descriptor that closes itself.
#pragma once

#include <utility>

namespace pararun::posix {

class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int value) noexcept : value_(value) {}
  Fd(Fd&& other) noexcept : value_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  /// Negative if there is none.
  int get() const noexcept { return value_; }
  explicit operator bool() const noexcept { return value_ >= 0; }

  /// Hands the descriptor over to the caller.
  int release() noexcept { return std::exchange(value_, -1); }

  /// Closes what is held and holds `value` instead. `errno` stays as it was.
  void reset(int value = -1) noexcept;

 private:
  int value_ = -1;
};

}  // namespace pararun::posix
