#include "store/id_hash.hpp"

#include <array>
#include <set>
#include <string>

#include <catch2/catch.hpp>

using namespace pararun::store;
using pararun::detail::IdKind;
using pararun::detail::IdView;

namespace {

IdView string_id(std::string_view text) { return {IdKind::string, text}; }
IdView integer_id(std::string_view text) { return {IdKind::integer, text}; }

}  // namespace

TEST_CASE("an id has one hash, wherever its text lies") {
  const IdHasher hasher;
  for (std::size_t length = 0; length < 600; ++length) {
    const std::string text(length, 'x');
    const std::string elsewhere = "-" + text;
    CHECK(hasher(string_id(text)) == hasher(string_id(std::string_view(elsewhere).substr(1))));
  }
  CHECK(hasher(string_id({})) == hasher(string_id("")));
}

TEST_CASE("a copy of a hasher hashes as the original does, another hasher does not") {
  const IdHasher hasher, other;
  const IdHasher copy = hasher;
  CHECK(copy(string_id("a")) == hasher(string_id("a")));
  CHECK(copy(integer_id("1")) == hasher(integer_id("1")));
  CHECK_FALSE(other(string_id("a")) == hasher(string_id("a")));
  CHECK_FALSE(other(integer_id("1")) == hasher(integer_id("1")));
}

TEST_CASE("a string and an integer of the same text are different ids") {
  const IdHasher hasher;
  for (const std::string text : {"", "1", "12345678", "1234567890123456", "12345678901234567890123456789012345678"}) {
    CHECK_FALSE(hasher(string_id(text)) == hasher(integer_id(text)));
  }
  CHECK_FALSE(hasher(string_id(std::string(1000, '7'))) == hasher(integer_id(std::string(1000, '7'))));
}

TEST_CASE("different ids have different hashes, in either half") {
  const IdHasher hasher;
  std::set<std::uint64_t> highs, lows;
  std::size_t count = 0;
  const auto add = [&](IdView id) {
    const IdHash hash = hasher(id);
    highs.insert(hash.high);
    lows.insert(hash.low);
    ++count;
  };
  for (int i = 0; i < 100'000; ++i) add(string_id("item-" + std::to_string(i)));
  for (int i = 0; i < 100'000; ++i) add(integer_id(std::to_string(i)));
  for (std::size_t length = 0; length < 2000; ++length) add(string_id(std::string(length, '\0')));
  CHECK(highs.size() == count);
  CHECK(lows.size() == count);
}

TEST_CASE("a hash leaves the set room for its marks") {
  const IdHasher hasher;
  for (int i = 0; i < 10'000; ++i) {
    const IdHash hash = hasher(integer_id(std::to_string(i)));
    REQUIRE(hash.high != 0);
    REQUIRE(hash.low % 2 == 0);
  }
}

TEST_CASE("the hashes of similar ids fall evenly on the tables of the set") {
  const IdHasher hasher;
  std::array<int, 32> counts{};
  for (int i = 0; i < 64'000; ++i) ++counts[hasher(string_id("path/to/item-" + std::to_string(i))).high >> 59];
  for (const int count : counts) {
    CHECK(count > 1700);
    CHECK(count < 2300);
  }
}
