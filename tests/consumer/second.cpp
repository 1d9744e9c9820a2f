/// The other one; see first.cpp.
#include "all_headers.hpp"

int second() { return PARARUN_VERSION_MAJOR; }
