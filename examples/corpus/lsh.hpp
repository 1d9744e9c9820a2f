/// Finds the alike among many signatures without comparing all with all: locality-sensitive hashing (Indyk and
/// Motwani, 1998). A signature is cut into 32 bands of 4 numbers, and only signatures that agree in all of a band
/// are compared. Of pairs with a similarity of 0.8 that is all but one in twenty million, of pairs with 0.2
/// one in twenty.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "corpus/minhash.hpp"

namespace corpus {

struct SimilarPair {
  std::size_t first, second;  ///< places in the list, `first < second`
  double similarity;
};

/// All pairs of a similarity of at least `threshold`, the most alike first, then by their places. A signature
/// is either empty, then it is like nothing, or whole. Below a threshold of 0.7 the bands miss pairs: of those
/// with a similarity of 0.5 one in eight.
std::vector<SimilarPair> similar_pairs(std::span<const Signature> signatures, double threshold);

}  // namespace corpus
