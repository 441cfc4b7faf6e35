# How a plugin is built, in this tree and with the installed package alike.
#
# keelson_add_plugin(NAME SOURCES a.cc ... [KINDS crd.yaml ...] [LINK libs...] [OUTPUT_DIRECTORY dir])
#   The plugin: MODULE library NAME.so in <build>/plugins, target plugin_NAME. Hidden visibility, one exported symbol,
#   everything resolved at link time. Of each CRD in KINDS a header of the same name is made, with the kind as a struct.
# keelson_add_plugin_test(NAME SOURCES a.cc ... [LINK libs...])
#   A program NAME_test with the testing kit and a test of that name, which finds NAME.so by load("NAME"). PROJECT_DIR is the
#   source folder.
function(keelson_add_plugin name)
  cmake_parse_arguments(ARG "" "OUTPUT_DIRECTORY" "SOURCES;LINK;KINDS" ${ARGN})
  if(NOT ARG_OUTPUT_DIRECTORY)
    set(ARG_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
    set_property(GLOBAL APPEND PROPERTY KEELSON_PLUGINS plugin_${name})
  endif()
  add_library(plugin_${name} MODULE ${ARG_SOURCES})
  target_link_libraries(plugin_${name} PRIVATE keelson::sdk ${ARG_LINK})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${ARG_OUTPUT_DIRECTORY} CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  # A symbol marked unique would keep the library mapped for ever.
  target_compile_options(plugin_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(plugin_${name} PRIVATE -Wl,-z,now -Wl,--gc-sections -Wl,--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.version)
  if(NOT KEELSON_FLAVOUR MATCHES "san")
    target_link_options(plugin_${name} PRIVATE -Wl,-z,defs)
  endif()
  if(KEELSON_UBSAN)
    target_compile_options(plugin_${name} PRIVATE ${KEELSON_UBSAN})
  endif()
  foreach(crd ${ARG_KINDS})
    _keelson_kind_header(plugin_${name} ${crd})
  endforeach()
endfunction()

function(_keelson_kind_header target crd)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  cmake_path(GET crd STEM stem)
  cmake_path(ABSOLUTE_PATH crd BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set(header ${CMAKE_CURRENT_BINARY_DIR}/generated/${stem}.hpp)
  add_custom_command(OUTPUT ${header} COMMAND ${Python3_EXECUTABLE} -B ${KEELSON_KINDC} crd ${crd} ${header}
    DEPENDS ${crd} ${KEELSON_KINDC} COMMENT "kindc: ${stem}.hpp" VERBATIM)
  target_sources(${target} PRIVATE ${header})
  target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_BINARY_DIR}/generated)
endfunction()

function(keelson_add_plugin_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE keelson::testing ${ARG_LINK})
  target_include_directories(${name}_test PRIVATE $<TARGET_PROPERTY:plugin_${name},INCLUDE_DIRECTORIES>)
  target_compile_definitions(${name}_test PRIVATE PROJECT_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  add_dependencies(${name}_test plugin_${name})
  add_test(NAME ${name} COMMAND ${name}_test)
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "KEELSON_PLUGIN_DIR=$<TARGET_FILE_DIR:plugin_${name}>" TIMEOUT 120)
endfunction()
