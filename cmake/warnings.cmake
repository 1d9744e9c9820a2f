# Warnings for our own targets. Never exported, so they never reach those who use the library.

add_library(pararun_warnings INTERFACE)
target_compile_options(pararun_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Wnon-virtual-dtor)
