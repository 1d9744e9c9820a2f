/// Numbers that worker processes can change and their parent can read.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <new>

namespace pararun::testing {

class SharedCounts {
 public:
  explicit SharedCounts(std::size_t size) : bytes_(size * sizeof(std::atomic<int>)) {
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    counts_ = static_cast<std::atomic<int>*>(memory);  // all zero
  }
  ~SharedCounts() { ::munmap(counts_, bytes_); }
  SharedCounts(const SharedCounts&) = delete;
  SharedCounts& operator=(const SharedCounts&) = delete;

  std::atomic<int>& operator[](std::size_t index) const { return counts_[index]; }

 private:
  std::size_t bytes_;
  std::atomic<int>* counts_;
};

}  // namespace pararun::testing
