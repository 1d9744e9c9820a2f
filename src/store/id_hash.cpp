#include "store/id_hash.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <tuple>

#include <pararun/error.hpp>

#include <xxhash.h>

namespace pararun::store {
namespace {

void fill_with_secret(std::span<unsigned char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::getrandom(bytes.data(), bytes.size(), 0);
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw StoreError("no random bytes to be had from the kernel", {}, errno);
    }
  }
}

}  // namespace

IdHasher::IdHasher() {
  static_assert(std::tuple_size_v<Secret> >= XXH3_SECRET_SIZE_MIN);
  fill_with_secret(string_secret_);
  fill_with_secret(integer_secret_);
}

IdHash IdHasher::operator()(const detail::IdView& id) const noexcept {
  const Secret& secret = id.kind == detail::IdKind::string ? string_secret_ : integer_secret_;
  const XXH128_hash_t hash = XXH3_128bits_withSecret(id.text.data(), id.text.size(), secret.data(), secret.size());
  return {std::max(hash.high64, XXH64_hash_t{1}), hash.low64 & ~std::uint64_t{1}};
}

}  // namespace pararun::store
