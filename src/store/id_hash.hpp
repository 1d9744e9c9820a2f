/// Ids as 128-bit hashes. A results file may hold hundreds of millions of ids, far more than fit in memory as
/// text; under a secret key that nobody knows, two ids with the same hash are not to be expected in the
/// lifetime of the universe and cannot be constructed.
#pragma once

#include <array>
#include <cstdint>

#include <pararun/detail/id_list.hpp>

namespace pararun::store {

/// `high` is never 0, nor is the lowest bit of `low` ever 1: `SeenSet` keeps marks of its own in these places.
struct IdHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const IdHash&, const IdHash&) = default;
};

/// Hashes of two hashers are not comparable; a copy hashes as its original does. Safe from several threads.
class IdHasher {
 public:
  /// Takes a fresh secret from the kernel. Throws `StoreError` if there is none to be had.
  IdHasher();

  /// A string and an integer of the same text have different hashes.
  IdHash operator()(const detail::IdView& id) const noexcept;

 private:
  using Secret = std::array<unsigned char, 192>;

  Secret string_secret_;
  Secret integer_secret_;
};

}  // namespace pararun::store
