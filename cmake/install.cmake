# What `cmake --install` puts where: the command, libstave as one static archive
# with its headers, the CMake package and stave.pc, man pages and completions.
# Runs when everything else of the top directory is known (the command is
# declared after this file is read).

function(stave_install_rules)
  # One archive out of the modules' objects: callers link -lstave and need not know about floors. `json` and `cli` are in
  # it only as objects; their headers show third-party types and stay here, as does what http keeps of libcurl.
  set(objects "")
  foreach(module IN LISTS STAVE_MODULES)
    if(NOT module STREQUAL "cli")
      list(APPEND objects $<TARGET_OBJECTS:stave_${module}>)
    endif()
  endforeach()
  add_library(libstave STATIC ${objects})
  set_target_properties(libstave PROPERTIES OUTPUT_NAME stave EXPORT_NAME stave LINKER_LANGUAGE CXX)
  target_compile_features(libstave INTERFACE cxx_std_20)
  target_include_directories(libstave INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  # deflate and zstd by name: Debian's packages of them have a pkg-config file and no CMake package.
  target_link_libraries(libstave INTERFACE
    $<INSTALL_INTERFACE:OpenSSL::Crypto> $<INSTALL_INTERFACE:ZLIB::ZLIB> $<INSTALL_INTERFACE:fmt::fmt>
    $<INSTALL_INTERFACE:Threads::Threads> $<INSTALL_INTERFACE:deflate> $<INSTALL_INTERFACE:zstd>)
  set(STAVE_PC_ISAL "")
  if(isal_FOUND)
    target_link_libraries(libstave INTERFACE $<INSTALL_INTERFACE:isal>)
    set(STAVE_PC_ISAL ", libisal")
  endif()

  install(TARGETS libstave EXPORT stave ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/stave DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
          FILES_MATCHING PATTERN "*.h" PATTERN "cli" EXCLUDE PATTERN "json" EXCLUDE PATTERN "http/curl.h" EXCLUDE
          PATTERN "http/transfer.h" EXCLUDE PATTERN "http/setup.h" EXCLUDE PATTERN "http/loop.h" EXCLUDE
          PATTERN "http/failure.h" EXCLUDE)

  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/stave)
  install(EXPORT stave NAMESPACE stave:: FILE staveTargets.cmake DESTINATION ${package})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/staveConfig.cmake.in ${PROJECT_BINARY_DIR}/staveConfig.cmake
                                INSTALL_DESTINATION ${package})
  # Before 1.0 a minor version may break its callers.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/staveConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/staveConfig.cmake ${PROJECT_BINARY_DIR}/staveConfigVersion.cmake
          DESTINATION ${package})

  # From where stave.pc is to where the prefix is, so that a moved tree still works.
  file(RELATIVE_PATH STAVE_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/stave.pc.in ${PROJECT_BINARY_DIR}/stave.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/stave.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
  foreach(document README.md CHANGELOG.md)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${document})
      install(FILES ${PROJECT_SOURCE_DIR}/${document} DESTINATION ${CMAKE_INSTALL_DOCDIR})
    endif()
  endforeach()

  if(TARGET stave)
    stave_install_command()
  endif()
endfunction()

# The command, and what the command itself knows best: its man pages and completions.
function(stave_install_command)
  install(TARGETS stave RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(CMAKE_CROSSCOMPILING OR STAVE_SANITIZE)
    return()
  endif()
  set(generated ${PROJECT_BINARY_DIR}/generated)
  add_custom_command(
    OUTPUT ${generated}/stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${generated}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}/man
    COMMAND stave __man ${generated}/man
    COMMAND stave completion bash > ${generated}/stave.bash
    COMMAND stave completion zsh > ${generated}/_stave
    COMMAND stave completion fish > ${generated}/stave.fish
    COMMAND ${CMAKE_COMMAND} -E touch ${generated}/stamp
    DEPENDS stave VERBATIM COMMENT "Man pages and completions")
  # Only builds that may be installed: a half-finished command must not stop a developer's build.
  set(all "")
  if(CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo|MinSizeRel)$")
    set(all ALL)
  endif()
  add_custom_target(manuals ${all} DEPENDS ${generated}/stamp)

  install(DIRECTORY ${generated}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL FILES_MATCHING PATTERN "*.1")
  install(FILES ${generated}/stave.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME stave OPTIONAL)
  install(FILES ${generated}/_stave DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions OPTIONAL)
  install(FILES ${generated}/stave.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d OPTIONAL)
endfunction()

cmake_language(DEFER CALL stave_install_rules)
