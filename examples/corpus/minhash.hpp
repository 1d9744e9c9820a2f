/// MinHash: how alike two texts are, told from 128 numbers each (A. Broder, "On the resemblance and containment
/// of documents", 1997). Two texts are compared as sets of word sequences; shuffle everything there is and see
/// which sequence of each set comes first: the chance that it is the same one is the size of the sets'
/// intersection over that of their union, their Jaccard similarity. So of 128 shuffles about that share agrees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace corpus {

inline constexpr std::size_t kPermutations = 128;
inline constexpr std::size_t kShingleWords = 5;

/// One minimum for each permutation; empty for a text without a shingle.
using Signature = std::vector<std::uint32_t>;

/// The signature of the set of all `kShingleWords` words in a row, upper-case ASCII taken as lower-case. The
/// same words give the same signature on every machine and in every run.
Signature minhash(std::span<const std::string_view> words);

/// The estimated Jaccard similarity, with a standard error of at most 0.044; 0 if either signature is empty.
double similarity(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) noexcept;

}  // namespace corpus
