# Compiles data/*.csv into C: no file is looked for at run time, start-up stays instant.
set(FRUGAL_TABLE_NAMES regions grid cpus cpu_families accelerators instances constants water practices models)
set(FRUGAL_TABLES ${CMAKE_BINARY_DIR}/generated/tables_data.c)
add_executable(tables_gen ${CMAKE_SOURCE_DIR}/cmake/tables_gen.c ${CMAKE_SOURCE_DIR}/src/tables/sheet.c
    ${CMAKE_SOURCE_DIR}/src/base/csv.c ${CMAKE_SOURCE_DIR}/src/base/buf.c ${CMAKE_SOURCE_DIR}/src/base/mem.c
    ${CMAKE_SOURCE_DIR}/src/base/err.c)
target_include_directories(tables_gen PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
if(FRUGAL_FUZZ) # the fuzzer's main belongs to the targets, not to a tool of the build
    target_compile_options(tables_gen PRIVATE -fno-sanitize=all)
endif()
set(table_args)
set(table_files)
foreach(name ${FRUGAL_TABLE_NAMES})
    list(APPEND table_args ${name}=${CMAKE_SOURCE_DIR}/data/${name}.csv)
    list(APPEND table_files ${CMAKE_SOURCE_DIR}/data/${name}.csv)
endforeach()
add_custom_command(OUTPUT ${FRUGAL_TABLES}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated
    COMMAND ${CMAKE_COMMAND} -E env ASAN_OPTIONS=detect_leaks=0 $<TARGET_FILE:tables_gen> ${FRUGAL_TABLES} ${table_args}
    DEPENDS tables_gen ${table_files}
    COMMENT "compiling the tables of data/" VERBATIM)
