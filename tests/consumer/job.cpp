/// A small resumable job, as the README shows it, in a library of the user's: so pararun is linked into a shared
/// object, beside a RapidJSON that is configured as the user likes it.
#define RAPIDJSON_HAS_STDSTRING 1
#include "all_headers.hpp"

#include <string>
#include <vector>

namespace pr = pararun;

namespace {

struct Measured {
  std::string word;
  std::size_t length;
};
PARARUN_JSON(Measured, word, length)

}  // namespace

pr::Report measure_words(const std::string& results, const std::vector<std::string>& words) {
  return pr::map(
      [](const std::string& word) {
        if (word.empty()) throw std::invalid_argument("an empty word");
        return Measured{word, word.size()};
      },
      words, {.n_workers = 2, .cache_path = results, .progress = pr::Progress::none});
}

pr::Report copy_documents(const std::vector<std::string>& words) {
  return pr::map(
      [](const std::string& word) {
        rapidjson::Document document(rapidjson::kObjectType);
        document.AddMember("word", word, document.GetAllocator());
        return document;
      },
      words, {.n_workers = 2, .progress = pr::Progress::none});
}
