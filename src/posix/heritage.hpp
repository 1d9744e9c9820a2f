/// What a thread hands down to those that it starts: its signal mask and its name.
#pragma once

#include <array>
#include <csignal>

namespace pararun::posix {

class Heritage {
 public:
  /// This thread's.
  Heritage() noexcept;

  /// While this lives, a thread that is started here inherits what another one would have handed down. That one's
  /// signals may be taken here meanwhile. To be made and destroyed by the same thread.
  class HandedDown;

 private:
  void assume() const noexcept;

  ::sigset_t mask_;
  std::array<char, 16> name_{};  // as long as the kernel allows
};

class Heritage::HandedDown {
 public:
  explicit HandedDown(const Heritage& heritage) noexcept { heritage.assume(); }
  ~HandedDown() { own_.assume(); }
  HandedDown(const HandedDown&) = delete;
  HandedDown& operator=(const HandedDown&) = delete;

 private:
  const Heritage own_;
};

}  // namespace pararun::posix
