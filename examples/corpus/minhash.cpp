#include "corpus/minhash.hpp"

#include <algorithm>
#include <array>

namespace corpus {
namespace {

/// Scatters 64 bits: a change of one bit of `x` changes each bit of the outcome in half of all cases
/// (the finaliser of SplitMix64).
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

/// `x` to `(x ^ flip) * factor` maps 64 bits onto 64 bits one to one when `factor` is odd: a permutation.
struct Permutation {
  std::uint64_t flip, factor;
};

constexpr auto kPermutationTable = [] {
  std::array<Permutation, kPermutations> table{};
  std::uint64_t state = 0;
  const auto next = [&] { return mix(state += 0x9E3779B97F4A7C15u); };
  for (Permutation& permutation : table) permutation = {next(), next() | 1};
  return table;
}();

std::uint64_t hash_word(std::string_view word) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a
  for (const char c : word) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    hash = (hash ^ static_cast<unsigned char>(lower)) * 0x100000001B3u;
  }
  return hash;
}

std::vector<std::uint64_t> hash_shingles(std::span<const std::string_view> words) {
  std::vector<std::uint64_t> shingles;
  if (words.size() < kShingleWords) return shingles;

  std::vector<std::uint64_t> hashes(words.size());
  std::ranges::transform(words, hashes.begin(), hash_word);
  shingles.reserve(words.size() - kShingleWords + 1);
  for (std::size_t first = 0; first + kShingleWords <= hashes.size(); ++first) {
    std::uint64_t shingle = 0;
    for (std::size_t i = 0; i < kShingleWords; ++i) shingle = mix(shingle + hashes[first + i]);
    shingles.push_back(shingle);
  }
  return shingles;
}

}  // namespace

Signature minhash(std::span<const std::string_view> words) {
  const std::vector<std::uint64_t> shingles = hash_shingles(words);
  if (shingles.empty()) return {};

  std::array<std::uint64_t, kPermutations> minima;
  minima.fill(~std::uint64_t{0});
  for (const std::uint64_t shingle : shingles) {
    for (std::size_t i = 0; i < kPermutations; ++i) {
      const auto [flip, factor] = kPermutationTable[i];
      minima[i] = std::min(minima[i], (shingle ^ flip) * factor);
    }
  }

  Signature signature(kPermutations);
  std::ranges::transform(minima, signature.begin(),
                         [](std::uint64_t minimum) { return static_cast<std::uint32_t>(minimum >> 32); });
  return signature;
}

double similarity(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) noexcept {
  if (a.empty() || b.empty()) return 0;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) equal += a[i] == b[i];
  return static_cast<double>(equal) / static_cast<double>(std::max(a.size(), b.size()));
}

}  // namespace corpus
