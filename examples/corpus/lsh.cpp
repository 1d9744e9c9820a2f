#include "corpus/lsh.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace corpus {
namespace {

constexpr std::size_t kBandRows = 4;
constexpr std::size_t kBands = kPermutations / kBandRows;

std::span<const std::uint32_t> band_of(const Signature& signature, std::size_t band) {
  return std::span(signature).subspan(band * kBandRows, kBandRows);
}

/// Whether a band before `band` has brought the two together already.
bool met_before(const Signature& a, const Signature& b, std::size_t band) {
  for (std::size_t earlier = 0; earlier < band; ++earlier) {
    if (std::ranges::equal(band_of(a, earlier), band_of(b, earlier))) return true;
  }
  return false;
}

}  // namespace

std::vector<SimilarPair> similar_pairs(std::span<const Signature> signatures, double threshold) {
  std::vector<std::size_t> places(signatures.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::erase_if(places, [&](std::size_t place) { return signatures[place].empty(); });

  std::vector<SimilarPair> pairs;
  for (std::size_t band = 0; band < kBands; ++band) {
    const auto rows = [&](std::size_t place) { return band_of(signatures[place], band); };
    const auto before = [&](std::size_t a, std::size_t b) {
      return std::ranges::lexicographical_compare(rows(a), rows(b));
    };
    std::ranges::sort(places, before);

    for (auto first = places.begin(); first != places.end(); ++first) {
      for (auto second = first + 1; second != places.end() && std::ranges::equal(rows(*first), rows(*second));
           ++second) {
        const Signature &a = signatures[*first], &b = signatures[*second];
        if (met_before(a, b, band)) continue;
        const double alike = similarity(a, b);
        if (alike >= threshold) pairs.push_back({std::min(*first, *second), std::max(*first, *second), alike});
      }
    }
  }
  std::ranges::sort(pairs, {},
                    [](const SimilarPair& pair) { return std::tuple(-pair.similarity, pair.first, pair.second); });
  return pairs;
}

}  // namespace corpus
