#include <pararun/wire.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <complex>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include <pararun/json.hpp>

namespace pr = pararun;
using pr::Wireable;

namespace shop {

enum class Size : std::uint8_t { small, large };

struct Item {
  std::string name;
  Size size = Size::small;
  std::vector<Item> parts;
  int not_sent = 7;
  bool operator==(const Item&) const = default;
};
PARARUN_WIRE(Item, name, size, parts)

/// Can neither be made without arguments nor copied.
class Ticket {
 public:
  explicit Ticket(int number) : number_(std::make_unique<int>(number)) {}
  int number() const { return *number_; }

 private:
  std::unique_ptr<int> number_;
};

struct Unknown {
  int value;
};

}  // namespace shop

template <>
struct pararun::Wire<shop::Ticket> {
  static void write(WireWriter& out, const shop::Ticket& ticket) { out.value(ticket.number()); }
  static shop::Ticket read(WireReader& in) { return shop::Ticket(in.value<int>()); }
};

namespace {

static_assert(Wireable<bool> && Wireable<char> && Wireable<long double> && Wireable<shop::Size>);
static_assert(Wireable<std::map<std::string, std::vector<std::optional<pr::Json>>>>);
static_assert(Wireable<std::vector<shop::Ticket>> && Wireable<std::tuple<>>);
static_assert(!Wireable<int*> && !Wireable<const char*> && !Wireable<int&> && !Wireable<std::nullptr_t>);
static_assert(!Wireable<std::string_view> && !Wireable<std::span<int>> && !Wireable<std::unique_ptr<int>>);
static_assert(!Wireable<shop::Unknown>);
// Nor where they are hidden inside of something.
static_assert(!Wireable<std::vector<int*>> && !Wireable<std::pair<int, std::string_view>>);
static_assert(!Wireable<std::optional<shop::Unknown>> && !Wireable<std::map<int, int& (*)()>>);

template <class T>
std::string sent(const T& value) {
  std::string bytes;
  pr::WireWriter(bytes).value(value);
  return bytes;
}

template <class T>
T received(const std::string& bytes) {
  pr::WireReader in(bytes);
  T value = in.value<T>();
  CHECK(in.left().empty());
  return value;
}

template <class T>
void check_crosses(const T& value) {
  CHECK(received<T>(sent(value)) == value);
}

}  // namespace

TEST_CASE("numbers cross to the last bit") {
  check_crosses(std::numeric_limits<std::int64_t>::min());
  check_crosses(std::numeric_limits<std::uint64_t>::max());
  check_crosses(-0.1);
  check_crosses(1e-4000L);
  check_crosses(true);
  check_crosses('\xff');
  check_crosses(shop::Size::large);
  check_crosses(std::complex<float>(1.5F, -2));
  CHECK(std::isnan(received<double>(sent(std::numeric_limits<double>::quiet_NaN()))));
}

TEST_CASE("texts cross with whatever bytes are in them") {
  check_crosses(std::string());
  check_crosses(std::string("a\0\xff\n", 4));
  check_crosses(std::string(100'000, 'x'));
  check_crosses(std::u16string(u"\u00e4\u20ac"));
  check_crosses(std::filesystem::path("/some/where"));
}

TEST_CASE("containers cross, also inside of each other and empty") {
  check_crosses(std::vector<int>{1, 2, 3});
  check_crosses(std::vector<int>{});
  check_crosses(std::vector<bool>{true, false, true});
  check_crosses(std::vector<std::string>{"", "b"});
  check_crosses(std::deque<double>{0.5});
  check_crosses(std::list<char>{'a', 'b'});
  check_crosses(std::set<std::string>{"x", "y"});
  check_crosses(std::multiset<int>{1, 1, 2});
  check_crosses(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  check_crosses(std::unordered_map<int, std::string>{{1, "one"}, {2, "two"}});
  check_crosses(std::unordered_set<int>{5, 6});
  check_crosses(std::array<std::string, 3>{"a", "b", "c"});
  check_crosses(std::array<int, 0>{});
  check_crosses(std::vector<std::tuple<>>(5));
}

TEST_CASE("tuples, optionals, variants and times cross") {
  check_crosses(std::tuple<int, std::string, double>{1, "two", 3.0});
  check_crosses(std::pair<std::string, int>{"a", 1});
  check_crosses(std::optional<std::string>());
  check_crosses(std::optional<std::string>("a"));
  using Choice = std::variant<std::monostate, int, std::string>;
  check_crosses(Choice());
  check_crosses(Choice(3));
  check_crosses(Choice("text"));
  check_crosses(std::chrono::milliseconds(17));
  check_crosses(std::chrono::system_clock::now());
}

TEST_CASE("JSON values cross with the spelling of their numbers") {
  const auto json = pr::Json::parse(R"({"id":"a","score":1.10,"tags":[null,true,{}]})");
  CHECK(received<pr::Json>(sent(json)).dump() == json.dump());
  CHECK_THROWS_AS(sent(pr::Json("\xff")), pr::BadResult);
}

TEST_CASE("a struct crosses by the fields that it was declared with") {
  const shop::Item part{.name = "wheel", .size = shop::Size::large, .parts = {}};
  shop::Item item{.name = "cart", .size = shop::Size::small, .parts = {part, part}};
  check_crosses(item);
  item.not_sent = 8;
  CHECK(received<shop::Item>(sent(item)).not_sent == 7);
}

TEST_CASE("a type with a wire of its own need neither be default-constructible nor copyable") {
  CHECK(received<shop::Ticket>(sent(shop::Ticket(42))).number() == 42);
}

TEST_CASE("values that are cut short are refused, at whatever byte") {
  using Value = std::tuple<std::string, std::vector<std::uint16_t>, std::map<int, std::string>, std::optional<int>>;
  const std::string whole = sent(Value{"text", {1, 2}, {{1, "a"}}, 3});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string bytes = whole.substr(0, size);
    pr::WireReader in(bytes);
    CHECK_THROWS_AS(in.value<Value>(), pr::Error);
  }
}

TEST_CASE("no memory is taken for more elements than there can be") {
  const std::string most = sent(std::numeric_limits<std::size_t>::max());
  CHECK_THROWS_AS(received<std::string>(most), pr::Error);
  CHECK_THROWS_AS(received<std::u32string>(most), pr::Error);
  CHECK_THROWS_AS(received<std::vector<double>>(most), pr::Error);
  CHECK_THROWS_AS(received<std::vector<std::string>>(most), pr::Error);
  CHECK_THROWS_AS((received<std::variant<int, char>>(most)), pr::Error);
}
