# What the library, its tests and its benchmarks are built with. Only TBB and the threads library reach those who link it,
# and they only to the linker; RapidJSON's headers, those who include rapidjson.hpp.

find_package(Threads REQUIRED)
if(NOT TARGET TBB::tbb)
  find_package(TBB 2021 CONFIG REQUIRED)
endif()

# Debian's package sets a variable and defines no target.
find_package(RapidJSON 1.1 CONFIG REQUIRED)
add_library(pararun_rapidjson INTERFACE)
target_include_directories(pararun_rapidjson SYSTEM INTERFACE ${RAPIDJSON_INCLUDE_DIRS})

find_path(PARARUN_XXHASH_INCLUDE_DIR xxhash.h REQUIRED DOC "The directory of xxhash.h; only its headers are used")
mark_as_advanced(PARARUN_XXHASH_INCLUDE_DIR)
add_library(pararun_xxhash INTERFACE)
target_include_directories(pararun_xxhash SYSTEM INTERFACE ${PARARUN_XXHASH_INCLUDE_DIR})
target_compile_definitions(pararun_xxhash INTERFACE XXH_INLINE_ALL)
