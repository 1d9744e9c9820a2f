/// Names the near-duplicates among the texts that `clean_corpus` has cleaned, by their MinHash signatures:
///
///     near_duplicates corpus.jsonl
#include <pararun/pararun.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <iomanip>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corpus/lsh.hpp"
#include "corpus/minhash.hpp"

namespace pr = pararun;

namespace {

constexpr double kThreshold = 0.8;
constexpr std::size_t kShownPairs = 10;

struct Text {
  std::string path;
  std::size_t hash;
  corpus::Signature minhash;
};

/// The texts, by their paths: the order of the lines is that in which the files happened to be finished.
std::vector<Text> read_texts(const std::string& results) {
  std::vector<Text> texts;
  for (const pr::Json& line : pr::jsonl(results)) {
    const std::size_t hash = std::hash<std::string_view>()(line.get<std::string_view>("text"));
    Text text{line.get<std::string>("id"), hash, line.get<corpus::Signature>("minhash")};
    if (!text.minhash.empty() && text.minhash.size() != corpus::kPermutations) {
      throw std::runtime_error(results + ": the signature of " + text.path + " has another length than expected");
    }
    if (!text.minhash.empty()) texts.push_back(std::move(text));
  }
  std::ranges::sort(texts, {}, &Text::path);
  return texts;
}

/// Removes all but the first of texts that are the same. Returns how many those were.
std::size_t drop_copies(std::vector<Text>& texts) {
  std::set<std::size_t> seen;
  return std::erase_if(texts, [&](const Text& text) { return !seen.insert(text.hash).second; });
}

/// The most alike pairs, each text in one of them only: ten files that are all alike make 45 pairs.
void show(const std::vector<corpus::SimilarPair>& pairs, const std::vector<Text>& texts) {
  std::set<std::size_t> shown;
  for (const corpus::SimilarPair& pair : pairs) {
    if (shown.size() == 2 * kShownPairs) break;
    if (shown.contains(pair.first) || shown.contains(pair.second)) continue;
    shown.insert({pair.first, pair.second});
    std::cout << "  " << pair.similarity << "  " << texts[pair.first].path << "\n        " << texts[pair.second].path
              << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: near_duplicates RESULTS\nRESULTS is a file that clean_corpus has written.\n";
    return 2;
  }
  std::vector<Text> texts = read_texts(argv[1]);
  const std::size_t copies = drop_copies(texts);

  std::vector<corpus::Signature> signatures;
  for (Text& text : texts) signatures.push_back(std::move(text.minhash));
  const std::vector<corpus::SimilarPair> pairs = corpus::similar_pairs(signatures, kThreshold);

  std::cout << std::fixed << std::setprecision(2) << "Different texts: " << texts.size()
            << "\nExact copies of these: " << copies << "\nNear-duplicates, pairs with a similarity of " << kThreshold
            << " or more: " << pairs.size() << '\n';
  show(pairs, texts);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "near_duplicates: " << error.what() << '\n';
  return 1;
}
