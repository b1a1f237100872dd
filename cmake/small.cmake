# The meter alone, for boxes where nothing may be installed: make meter-package. Libraries are linked
# in from their archives; libc (with libm) stays shared, because NVML is found by dlopen, which a
# static libc can do only beside the very same libc (docs/decisions/0020-small-program.md).
add_executable(frugal-meter EXCLUDE_FROM_ALL ${FRUGAL_MAIN} ${CMAKE_SOURCE_DIR}/src/cli/cli.c)
target_compile_definitions(frugal-meter PRIVATE FR_COMMANDS="cli/commands_meter.def")
target_include_directories(frugal-meter PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
add_dependencies(frugal-meter frugal_core)
target_link_libraries(frugal-meter PRIVATE $<TARGET_FILE:frugal_core> -l:libsqlite3.a -l:libjansson.a
    -l:libyaml.a -l:libpcre2-8.a -l:libutf8proc.a m ${CMAKE_DL_LIBS} -Wl,--gc-sections -Wl,--as-needed
    -Wl,-z,now)
