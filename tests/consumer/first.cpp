/// One of two translation units that include every public header: what is defined in a header without being
/// inline does not link.
#include "all_headers.hpp"

int first() { return PARARUN_VERSION_MAJOR; }
