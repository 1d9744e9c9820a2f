/// The version of the library. The build reads it from here, so it stands nowhere else.
#pragma once

#define PARARUN_VERSION_MAJOR 0
#define PARARUN_VERSION_MINOR 1
#define PARARUN_VERSION_PATCH 0
