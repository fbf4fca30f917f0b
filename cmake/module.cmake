# One way to declare a module of the house (docs/architecture.md, "The house").
#
#   virga_module(NAME base
#     SOURCES hash.cc text.cc          # listed, never globbed
#     DEPENDS ...                      # modules on lower floors only; tools/lint/layers compares this with the includes
#     LIBRARIES OpenSSL::Crypto        # what comes from outside
#     TESTS hash_test.cc text_test.cc) # one test program for each module
function(virga_module)
  cmake_parse_arguments(M "" "NAME" "SOURCES;DEPENDS;LIBRARIES;TESTS;TEST_LIBRARIES" ${ARGN})
  string(REPLACE "/" "_" target "virga_${M_NAME}")
  add_library(${target} STATIC ${M_SOURCES})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(${target} PRIVATE ${VIRGA_WARNINGS})
  foreach(dependency ${M_DEPENDS})
    string(REPLACE "/" "_" dependency "virga_${dependency}")
    target_link_libraries(${target} PUBLIC ${dependency})
  endforeach()
  target_link_libraries(${target} PUBLIC ${M_LIBRARIES})
  if(M_TESTS AND VIRGA_TESTS)
    add_executable(${target}_test ${M_TESTS})
    target_compile_options(${target}_test PRIVATE ${VIRGA_WARNINGS})
    target_link_libraries(${target}_test PRIVATE ${target} ${M_TEST_LIBRARIES} GTest::gmock GTest::gtest GTest::gtest_main)
    gtest_discover_tests(${target}_test TEST_PREFIX "unit/${M_NAME}/" DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 60)
  endif()
endfunction()

# A libFuzzer target with its kept corpus in fuzz/corpus/NAME. `ctest` runs it for 20 seconds, `make fuzz` for as long as one likes.
function(virga_fuzz_target NAME SOURCE)
  if(NOT VIRGA_FUZZ)
    return()
  endif()
  add_executable(fuzz_${NAME} ${SOURCE})
  target_compile_options(fuzz_${NAME} PRIVATE ${VIRGA_WARNINGS} -fsanitize=fuzzer)
  target_link_options(fuzz_${NAME} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(fuzz_${NAME} PRIVATE ${ARGN})
  add_test(NAME fuzz/${NAME}
    COMMAND ${PROJECT_SOURCE_DIR}/tools/fuzz-run $<TARGET_FILE:fuzz_${NAME}> ${PROJECT_SOURCE_DIR}/fuzz/corpus/${NAME} 20)
  set_tests_properties(fuzz/${NAME} PROPERTIES TIMEOUT 120)
endfunction()
