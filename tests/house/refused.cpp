/// Calls in worker processes that must not compile, one for each value of REFUSED; without it, the one that must.
#include <pararun/process.hpp>

#include <string>
#include <string_view>

namespace {

struct Stranger {
  int value;
};

int length(const std::string& text) { return static_cast<int>(text.size()); }
int dereference(const int* number) { return *number; }
int view_length(std::string_view text) { return static_cast<int>(text.size()); }
const std::string& lend(const std::string& text) { return text; }
int take(Stranger stranger) { return stranger.value; }

}  // namespace

int main() {
  int number = 3;
#if !defined REFUSED
  return pararun::isolate(length, std::string("abc")) - number;
#elif REFUSED == 1
  return pararun::isolate(dereference, &number);
#elif REFUSED == 2
  return pararun::isolate(view_length, std::string_view("abc"));
#elif REFUSED == 3
  return pararun::isolate(lend, std::string("abc")).size();
#elif REFUSED == 4
  return pararun::isolate(take, Stranger{number});
#elif REFUSED == 5
  return pararun::isolate([&] { return number; });
#elif REFUSED == 6
  return pararun::isolate(length, 3);
#endif
}
