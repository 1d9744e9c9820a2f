#include "type_name.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace pararun::detail {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string readable_type(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  std::string readable = name ? name.get() : mangled;
  replace_all(readable, "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
              "std::string");
  replace_all(readable, "std::__cxx11::", "std::");
  return readable;
}

}  // namespace pararun::detail
