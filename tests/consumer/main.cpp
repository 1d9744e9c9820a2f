/// What a program outside of this repository can rely on.
#include "all_headers.hpp"

#include <iostream>

int first();
int second();

int main() {
  std::cout << pararun::Report{.seen = 1, .succeeded = 1} << '\n';
  return first() == second() ? 0 : 1;
}
