# keelson_add_plugin(NAME SOURCES a.cc ... [LINK libs...]): a plugin: MODULE library NAME.so in <build>/plugins, hidden
# visibility, one exported symbol, everything resolved at link time.
function(keelson_add_plugin name)
  cmake_parse_arguments(ARG "" "OUTPUT_DIRECTORY" "SOURCES;LINK" ${ARGN})
  if(NOT ARG_OUTPUT_DIRECTORY)
    set(ARG_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  endif()
  add_library(plugin_${name} MODULE ${ARG_SOURCES})
  target_link_libraries(plugin_${name} PRIVATE keelson_sdk ${ARG_LINK})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${ARG_OUTPUT_DIRECTORY} CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_options(plugin_${name} PRIVATE -Wl,-z,now -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/plugin.version)
  if(NOT KEELSON_FLAVOUR MATCHES "san")
    target_link_options(plugin_${name} PRIVATE -Wl,-z,defs)
  endif()
  if(KEELSON_UBSAN)
    target_compile_options(plugin_${name} PRIVATE ${KEELSON_UBSAN})
  endif()
endfunction()
