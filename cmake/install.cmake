# The installed package: library, headers, licence, and what CMake and pkg-config need to find them and what they need.
# Nothing in it depends on where it is installed, so the whole prefix may be moved.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pararun)

install(TARGETS pararun EXPORT pararunTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/pararun DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT pararunTargets NAMESPACE pararun:: DESTINATION ${package_dir})
configure_package_config_file(cmake/pararunConfig.cmake.in pararunConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(pararunConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${CMAKE_CURRENT_BINARY_DIR}/pararunConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/pararunConfigVersion.cmake
  DESTINATION ${package_dir})

file(RELATIVE_PATH PARARUN_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH PARARUN_PC_INCLUDEDIR ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/pararun.pc.in pararun.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/pararun.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
