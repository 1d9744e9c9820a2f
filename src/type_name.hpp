/// Type names for people.
#pragma once

#include <string>

namespace pararun::detail {

/// The name behind what `std::type_info::name` gives.
std::string readable_type(const char* mangled);

}  // namespace pararun::detail
