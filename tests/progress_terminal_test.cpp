/// Which shape progress takes: what the option, the environment and the terminal have to say.
#include "progress/terminal.hpp"

#include <map>
#include <string>

#include <catch2/catch.hpp>
#include <pararun/error.hpp>

#include "support/ends.hpp"

namespace {

using pararun::Progress;
using namespace pararun::progress;
using pararun::testing::Ends;
using pararun::testing::environment;

TEST_CASE("automatic progress is a bar on a terminal and plain lines elsewhere") {
  const Environment xterm = environment({{"TERM", "xterm"}});
  CHECK(choose_shape(Progress::automatic, true, xterm) == Progress::bar);
  CHECK(choose_shape(Progress::automatic, false, xterm) == Progress::plain);
  CHECK(choose_shape(Progress::automatic, true, environment({})) == Progress::plain);
}

TEST_CASE("PARARUN_PROGRESS decides in place of automatic, and of nothing else") {
  const auto [name, shape] = GENERATE(table<std::string, Progress>(
      {{"none", Progress::none}, {"bar", Progress::bar}, {"plain", Progress::plain}, {"json", Progress::json}}));
  const bool is_terminal = GENERATE(true, false);
  const Environment variables = environment({{"TERM", "xterm"}, {"PARARUN_PROGRESS", name}});
  CHECK(choose_shape(Progress::automatic, is_terminal, variables) == shape);
  for (const Progress mode : {Progress::none, Progress::bar, Progress::plain, Progress::json}) {
    CHECK(choose_shape(mode, is_terminal, variables) == mode);
  }
}

TEST_CASE("PARARUN_PROGRESS may be empty but not senseless") {
  CHECK(choose_shape(Progress::automatic, false, environment({{"PARARUN_PROGRESS", ""}})) == Progress::plain);
  CHECK(choose_shape(Progress::automatic, false, environment({{"PARARUN_PROGRESS", "automatic"}})) == Progress::plain);
  const Environment wrong = environment({{"PARARUN_PROGRESS", "Bars\x1b"}});
  CHECK(choose_shape(Progress::none, false, wrong) == Progress::none);
  try {
    choose_shape(Progress::automatic, false, wrong);
    FAIL("accepted");
  } catch (const pararun::OptionsError& error) {
    CHECK(error.field() == "progress");
    CHECK_THAT(error.what(), Catch::Contains("PARARUN_PROGRESS") && Catch::Contains("\"Bars\\x1b\""));
  }
}

TEST_CASE("a dumb terminal gets plain lines where a bar would be") {
  const Environment dumb = environment({{"TERM", "dumb"}, {"PARARUN_PROGRESS", "bar"}});
  CHECK(choose_shape(Progress::automatic, true, dumb) == Progress::plain);
  CHECK(choose_shape(Progress::bar, true, dumb) == Progress::plain);
  CHECK(choose_shape(Progress::json, true, dumb) == Progress::json);
}

TEST_CASE("the first locale variable that is set tells the character set") {
  const auto charset = [](std::map<std::string, std::string> variables) {
    return choose_charset(environment(std::move(variables)));
  };
  CHECK(charset({}) == Charset::ascii);
  CHECK(charset({{"LANG", "C"}}) == Charset::ascii);
  CHECK(charset({{"LANG", "de_DE"}}) == Charset::ascii);
  CHECK(charset({{"LANG", "C.UTF-8"}}) == Charset::utf8);
  CHECK(charset({{"LANG", "de_DE.utf8@euro"}}) == Charset::utf8);
  CHECK(charset({{"LANG", "C.UTF-8"}, {"LC_CTYPE", "C"}}) == Charset::ascii);
  CHECK(charset({{"LC_ALL", "C.UTF-8"}, {"LC_CTYPE", "C"}}) == Charset::utf8);
  CHECK(charset({{"LC_ALL", "POSIX"}, {"LANG", "C.UTF-8"}}) == Charset::ascii);
}

TEST_CASE("the width is the window's, else that of COLUMNS, else 80") {
  Ends terminal = Ends::terminal(123);
  const int fd = terminal.writer();
  CHECK(window_columns(fd, environment({{"COLUMNS", "50"}})) == 123);
  terminal.resize(0);
  CHECK(window_columns(fd, environment({{"COLUMNS", "50"}})) == 50);
  CHECK(window_columns(fd, environment({{"COLUMNS", "wide"}})) == 80);
  CHECK(window_columns(fd, environment({{"COLUMNS", "-3"}})) == 80);
  CHECK(window_columns(fd, environment({{"COLUMNS", "99999999"}})) == 1000);
  CHECK(window_columns(-1, environment({})) == 80);
}

}  // namespace
