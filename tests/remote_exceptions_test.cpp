/// What a call in a worker process throws, as it arrives.
#include "process/exceptions.hpp"

#include <unistd.h>

#include <any>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <ios>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <typeinfo>

#include <catch2/catch.hpp>

#include <pararun/pararun.hpp>

namespace pr = pararun;

namespace {

int pid() { return ::getpid(); }

struct Strange : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

namespace {

template <class E>
E crossed(void (*thrower)()) {
  try {
    pr::isolate(thrower);
  } catch (const std::exception& error) {
    INFO(error.what());
    REQUIRE(typeid(error) == typeid(E));
    return dynamic_cast<const E&>(error);
  }
  FAIL("nothing was thrown");
  throw 0;
}

}  // namespace

TEST_CASE("standard exceptions arrive as what they are") {
  CHECK(std::string(crossed<std::runtime_error>([] { throw std::runtime_error("bad"); }).what()) == "bad");
  CHECK(std::string(crossed<std::invalid_argument>([] { throw std::invalid_argument("arg"); }).what()) == "arg");
  CHECK(std::string(crossed<std::out_of_range>([] { throw std::out_of_range(""); }).what()).empty());
  crossed<std::bad_alloc>([] { throw std::bad_alloc(); });
  crossed<std::bad_optional_access>([] { std::ignore = std::optional<int>().value(); });
  crossed<std::exception>([] { throw std::exception(); });
  const auto system =
      crossed<std::system_error>([] { throw std::system_error(ENOENT, std::generic_category(), "cannot find it"); });
  CHECK(system.code() == std::errc::no_such_file_or_directory);
  CHECK(std::string(system.what()) == std::system_error(ENOENT, std::generic_category(), "cannot find it").what());
  CHECK(std::string(crossed<std::system_error>([] {
                      throw std::system_error(EPERM, std::system_category());
                    }).what()) == std::system_error(EPERM, std::system_category()).what());
  const auto file = crossed<std::filesystem::filesystem_error>([] {
    throw std::filesystem::filesystem_error("cannot copy", "/a", "/b", std::make_error_code(std::errc::io_error));
  });
  CHECK(file.path2() == "/b");
  CHECK(std::string(file.what()) ==
        std::filesystem::filesystem_error("cannot copy", "/a", "/b", std::make_error_code(std::errc::io_error)).what());
  const std::string repeated = std::system_error(EPERM, std::generic_category()).what() + std::string(", it says");
  CHECK(std::string(crossed<std::system_error>([] {
                      throw std::system_error(EPERM, std::generic_category(), "Operation not permitted, it says");
                    }).what()) == std::system_error(EPERM, std::generic_category(), repeated).what());
  crossed<std::bad_any_cast>([] { throw std::bad_any_cast(); });
  const std::ios_base::failure stream("cannot read");
  CHECK(std::string(crossed<std::ios_base::failure>([] { throw std::ios_base::failure("cannot read"); }).what()) ==
        stream.what());
}

TEST_CASE("so do those of this library") {
  CHECK(std::string(crossed<pr::JsonError>([] { throw pr::JsonError("no field"); }).what()) == "no field");
  const auto failure = crossed<pr::ItemFailure>([] { throw pr::ItemFailure("bad line", pr::object("line", 17)); });
  CHECK(failure.details() == R"({"line":17})");
  CHECK(crossed<pr::BadItem>([] { throw pr::BadItem("no id", "a.jsonl:3"); }).where() == "a.jsonl:3");
  const auto broken = crossed<pr::BrokenWorkerError>([] { throw pr::BrokenWorkerError("gone", 9, {}, true); });
  CHECK(broken.signal() == 9);
  CHECK_FALSE(broken.exit_code());
  CHECK(broken.out_of_memory());
}

TEST_CASE("others arrive as RemoteError, with the name of their type") {
  const auto strange = crossed<pr::RemoteError>([] { throw Strange("odd"); });
  CHECK(strange.type().find("Strange") != std::string::npos);
  CHECK(strange.message() == "odd");
  const auto number = crossed<pr::RemoteError>([] { throw 3; });
  CHECK(number.type() == "int");
  CHECK(std::string(number.what()) == "int");
  CHECK(std::string(crossed<pr::RemoteError>([] { throw pr::RemoteError("Odd", "odd"); }).what()) == "Odd: odd");
}

TEST_CASE("what cannot be sent back is an exception, and the worker lives on") {
  pr::WorkerPool pool({.max_workers = 1});
  const int worker = pool.run(pid);
  CHECK_THROWS_AS(pool.run([] { return pr::Json("\xff"); }), pr::BadResult);
  CHECK_THROWS_AS(pool.run([](const pr::Json&) {}, pr::Json("\xff")), pr::BadResult);
  CHECK_THROWS_AS(pool.run([] { throw Strange("odd"); }), pr::RemoteError);
  CHECK(pool.run(pid) == worker);
}
