#include "support/scarce_memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> counting{false};
std::atomic<bool> of_one_thread{false};
thread_local bool is_that_thread = false;
std::atomic<std::uint64_t> asked_for{0};
std::atomic<std::uint64_t> first_refused{0}, last_refused{0};

bool refused() noexcept {
  if (!counting.load(std::memory_order_relaxed)) return false;
  if (of_one_thread && !is_that_thread) return false;
  const std::uint64_t number = asked_for.fetch_add(1);
  return number >= first_refused && number <= last_refused;
}

void* given(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All of them: a sanitizer brings its own for those that are missing, and tells what comes from one of a pair from what
// comes from the other.
void* operator new(std::size_t bytes) {
  if (refused()) throw std::bad_alloc();
  return given(std::malloc(bytes == 0 ? 1 : bytes));
}

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  if (refused()) throw std::bad_alloc();
  const auto unit = static_cast<std::size_t>(alignment);
  return given(std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit));
}

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return refused() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}

void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return operator new(bytes, alignment); }
void* operator new[](std::size_t bytes, const std::nothrow_t& nothrow) noexcept { return operator new(bytes, nothrow); }

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace pararun::testing {

ScarceMemory::ScarceMemory(std::uint64_t k, bool for_ever, Whose whose) noexcept {
  is_that_thread = true;
  of_one_thread = whose == Whose::this_thread;
  asked_for = 0;
  first_refused = k;
  last_refused = for_ever ? UINT64_MAX : k;
  counting = true;
}

ScarceMemory::~ScarceMemory() {
  counting = false;
  is_that_thread = false;
}

bool ScarceMemory::was_noticed() const noexcept { return asked_for > first_refused; }

}  // namespace pararun::testing
