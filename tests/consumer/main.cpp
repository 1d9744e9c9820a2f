/// What a program outside of this repository can rely on: a job that is run twice does its work once.
#include <pararun/pararun.hpp>

#include <iostream>
#include <string>
#include <vector>

pararun::Report measure_words(const std::string& results, const std::vector<std::string>& words);
pararun::Report copy_documents(const std::vector<std::string>& words);
int first();
int second();

namespace {

bool all_well = true;

void expect(bool condition, const char* what, const pararun::Report& report) {
  if (condition) return;
  all_well = false;
  std::cerr << "not as expected: " << what << "\n" << report << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::vector<std::string> words{"one", "two", "three", "two", ""};

  const pararun::Report begun = measure_words(argv[1], words);
  expect(begun.seen == 5 && begun.succeeded == 3 && begun.duplicates == 1 && begun.failed == 1, "first run", begun);
  expect(begun.exit_code() == 1, "exit code of the first run", begun);

  const pararun::Report resumed = measure_words(argv[1], {"one", "two", "three", "four"});
  expect(resumed.seen == 4 && resumed.skipped == 3 && resumed.succeeded == 1, "second run", resumed);
  expect(resumed.exit_code() == 0, "exit code of the second run", resumed);

  const pararun::Report copied = copy_documents(words);
  expect(copied.seen == 5 && copied.succeeded == 5, "the program's own RapidJSON", copied);

  std::cout << resumed << '\n';
  return all_well && first() == second() ? 0 : 1;
}
