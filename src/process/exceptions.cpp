#include "process/exceptions.hpp"

#include <cxxabi.h>

#include <any>
#include <array>
#include <exception>
#include <functional>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <variant>

#include <pararun/error.hpp>
#include <pararun/failure.hpp>
#include <pararun/json.hpp>

#include "type_name.hpp"

namespace pararun::process {
namespace {

// What kind of exception it is, followed by an index or by what the kind needs.
enum class Kind : std::uint8_t {
  other,
  spoken,
  silent,
  system,
  stream,
  file_system,
  item_failure,
  bad_item,
  broken_worker
};

template <class... T>
struct Types {};

/// Those that are made of their message.
using Spoken = Types<std::logic_error, std::invalid_argument, std::domain_error, std::length_error, std::out_of_range,
                     std::runtime_error, std::range_error, std::overflow_error, std::underflow_error, Error, BadResult,
                     TimeoutError, JsonError>;

/// Those that always say the same.
using Silent = Types<std::exception, std::bad_exception, std::bad_alloc, std::bad_array_new_length, std::bad_cast,
                     std::bad_any_cast, std::bad_typeid, std::bad_function_call, std::bad_weak_ptr,
                     std::bad_optional_access, std::bad_variant_access>;

template <class... T>
std::optional<std::uint8_t> index_in(Types<T...>, const std::type_info& type) {
  constexpr std::size_t kCount = sizeof...(T);
  const std::array<const std::type_info*, kCount> types{&typeid(T)...};
  for (std::size_t i = 0; i < kCount; ++i) {
    if (*types[i] == type) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

template <class T>
[[noreturn]] void throw_spoken(const std::string& message) {
  throw T(message);
}

template <class... T>
[[noreturn]] void throw_from(Types<T...>, std::uint8_t index, const std::string& message) {
  constexpr std::array<void (*)(const std::string&), sizeof...(T)> kThrow{&throw_spoken<T>...};
  if (index < kThrow.size()) kThrow[index](message);
  detail::refuse_wire("an exception of no known type");
}

template <class T>
[[noreturn]] void throw_silent() {
  throw T();
}

template <class... T>
[[noreturn]] void throw_from(Types<T...>, std::uint8_t index) {
  constexpr std::array<void (*)(), sizeof...(T)> kThrow{&throw_silent<T>...};
  if (index < kThrow.size()) kThrow[index]();
  detail::refuse_wire("an exception of no known type");
}

// A category is one object of a process; the others have none of that name.
const std::error_category* category_named(const std::string& name) {
  for (const std::error_category* category :
       {&std::generic_category(), &std::system_category(), &std::iostream_category()}) {
    if (name == category->name()) return category;
  }
  return nullptr;
}

/// What such an exception was told, to which it adds the error's own message, and `more`.
std::string told(const std::system_error& error, const std::string& more = {}) {
  std::string what = error.what();
  const std::string added = ": " + error.code().message() + more;
  if (!what.ends_with(added)) return {};
  what.resize(what.size() - added.size());
  return what;
}

void write_code(WireWriter& out, const std::system_error& error) {
  out.value(error.code().value()).value(std::string(error.code().category().name()));
}

std::error_code read_code(WireReader& in) {
  const int value = in.value<int>();
  const std::error_category* category = category_named(in.value<std::string>());
  if (category == nullptr) detail::refuse_wire("an error of no known category");
  return {value, *category};
}

/// Whether it was one of those that are made of an error code.
bool write_system_error(WireWriter& out, const std::exception& exception) {
  const auto* error = dynamic_cast<const std::system_error*>(&exception);
  if (error == nullptr || category_named(error->code().category().name()) == nullptr) return false;
  const std::type_info& type = typeid(exception);
  if (type == typeid(std::filesystem::filesystem_error)) {
    constexpr std::string_view kAdded = "filesystem error: ";
    const auto& file = static_cast<const std::filesystem::filesystem_error&>(exception);
    std::string paths;
    for (const std::filesystem::path* path : {&file.path1(), &file.path2()}) {
      if (!path->empty()) paths += " [" + path->string() + "]";
    }
    std::string said = told(file, paths);
    if (said.starts_with(kAdded)) said.erase(0, kAdded.size());
    write_code(out.value(Kind::file_system), file);
    out.value(said).value(file.path1()).value(file.path2());
    return true;
  }
  if (type != typeid(std::system_error) && type != typeid(std::ios_base::failure)) return false;
  write_code(out.value(type == typeid(std::system_error) ? Kind::system : Kind::stream), *error);
  out.value(told(*error));
  return true;
}

void write(WireWriter& out, const std::exception& exception) {
  const std::type_info& type = typeid(exception);
  if (const auto spoken = index_in(Spoken(), type)) {
    out.value(Kind::spoken).value(*spoken).value(std::string(exception.what()));
  } else if (const auto silent = index_in(Silent(), type)) {
    out.value(Kind::silent).value(*silent);
  } else if (type == typeid(ItemFailure)) {
    const auto& failure = static_cast<const ItemFailure&>(exception);
    out.value(Kind::item_failure).value(std::string(failure.what())).value(failure.details());
  } else if (type == typeid(BadItem)) {
    const auto& bad = static_cast<const BadItem&>(exception);
    out.value(Kind::bad_item).value(std::string(bad.what())).value(bad.where());
  } else if (type == typeid(BrokenWorkerError)) {
    const auto& broken = static_cast<const BrokenWorkerError&>(exception);
    out.value(Kind::broken_worker).value(std::string(broken.what()));
    out.value(broken.signal()).value(broken.exit_code()).value(broken.out_of_memory());
  } else if (type == typeid(RemoteError)) {
    const auto& remote = static_cast<const RemoteError&>(exception);
    out.value(Kind::other).value(remote.type()).value(remote.message());
  } else if (!write_system_error(out, exception)) {
    out.value(Kind::other).value(detail::readable_type(type.name())).value(std::string(exception.what()));
  }
}

}  // namespace

void write_exception(WireWriter& out) {
  try {
    throw;
  } catch (const std::exception& exception) {
    write(out, exception);
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    out.value(Kind::other)
        .value(type != nullptr ? detail::readable_type(type->name()) : std::string("unknown"))
        .value(std::string());
  }
}

void throw_exception(WireReader& in) {
  switch (in.value<Kind>()) {
    case Kind::spoken: {
      const auto index = in.value<std::uint8_t>();
      throw_from(Spoken(), index, in.value<std::string>());
    }
    case Kind::silent:
      throw_from(Silent(), in.value<std::uint8_t>());
    case Kind::system: {
      const std::error_code code = read_code(in);
      const auto said = in.value<std::string>();
      if (said.empty()) throw std::system_error(code);
      throw std::system_error(code, said);
    }
    case Kind::stream: {
      const std::error_code code = read_code(in);
      throw std::ios_base::failure(in.value<std::string>(), code);
    }
    case Kind::file_system: {
      const std::error_code code = read_code(in);
      const auto said = in.value<std::string>();
      const auto first = in.value<std::filesystem::path>();
      throw std::filesystem::filesystem_error(said, first, in.value<std::filesystem::path>(), code);
    }
    case Kind::item_failure: {
      const auto message = in.value<std::string>();
      const auto details = in.value<std::string>();
      if (details.empty()) throw ItemFailure(message);
      throw ItemFailure(message, Json::parse(details));
    }
    case Kind::bad_item: {
      const auto problem = in.value<std::string>();
      throw BadItem(problem, in.value<std::string>());
    }
    case Kind::broken_worker: {
      const auto cause = in.value<std::string>();
      const auto signal = in.value<std::optional<int>>();
      const auto exit_code = in.value<std::optional<int>>();
      throw BrokenWorkerError(cause, signal, exit_code, in.value<bool>());
    }
    case Kind::other:
      break;
  }
  const auto type = in.value<std::string>();
  throw RemoteError(type, in.value<std::string>());
}

}  // namespace pararun::process
