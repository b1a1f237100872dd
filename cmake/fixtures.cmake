# What tests load: a recorded GPU driver of known watts.
add_library(fake_nvml MODULE ${CMAKE_SOURCE_DIR}/tests/fixtures/meter/fake_nvml.c)
target_compile_options(fake_nvml PRIVATE -Wno-missing-prototypes)
set_target_properties(fake_nvml PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_dependencies(nvml_test fake_nvml)
add_dependencies(gauges_test fake_nvml)
add_dependencies(census_test fake_nvml)
add_dependencies(accelerator_share_test fake_nvml)
