/// An item that knows how often it was copied and how many of its kind are alive.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace pararun::testing {

class Counted {
 public:
  struct Census {
    std::atomic<std::size_t> copies{0};
    std::atomic<std::size_t> alive{0};  // what was moved from is dead
    std::atomic<std::size_t> most_alive{0};
  };

  Counted(Census& census, int number) : id(number), census_(&census) { count(); }
  Counted(const Counted& other) : id(other.id), census_(other.census_) {
    if (census_ == nullptr) return;
    ++census_->copies;
    count();
  }
  Counted(Counted&& other) noexcept : id(other.id), census_(std::exchange(other.census_, nullptr)) {}
  Counted& operator=(Counted other) noexcept {
    std::swap(id, other.id);
    std::swap(census_, other.census_);
    return *this;
  }
  ~Counted() {
    if (census_ != nullptr) --census_->alive;
  }

  bool moved_from() const noexcept { return census_ == nullptr; }

  int id;

 private:
  void count() noexcept {
    const std::size_t now = ++census_->alive;
    for (std::size_t most = census_->most_alive; now > most && !census_->most_alive.compare_exchange_weak(most, now);) {
    }
  }

  Census* census_;
};

}  // namespace pararun::testing
