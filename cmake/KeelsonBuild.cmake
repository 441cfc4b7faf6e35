# Flags of each flavour, ccache, mold, and the functions that declare modules of the core and their tests.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(KEELSON_FLAVOUR release CACHE STRING "release, dev, asan, tsan or fuzz")
add_compile_options(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique> -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(KEELSON_FLAVOUR STREQUAL release)
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
  set(CMAKE_C_FLAGS_RELEASE "-O2")
  add_compile_options(-g0)
elseif(KEELSON_FLAVOUR STREQUAL dev)
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
elseif(KEELSON_FLAVOUR STREQUAL asan)
  # -O0 compiles in less than half the time of -O1, and the tests are quick all the same.
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
  add_compile_options(-fsanitize=address -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  # Without these four UBSan costs next to no compile time; with them it nearly doubles it (measured on the codec of core/v1:
  # 30 s, 19 s). A null access ends in ASan's report anyway, and x86 does not mind alignment. A unit with Beast takes minutes
  # even so: those opt out with NO_UBSAN.
  set(KEELSON_UBSAN -fsanitize=undefined -fno-sanitize=null,object-size,alignment,vptr -fno-sanitize-recover=undefined)
elseif(KEELSON_FLAVOUR STREQUAL tsan)
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(KEELSON_FLAVOUR STREQUAL fuzz)  # by clang, and only what tests/fuzz needs
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
  add_compile_options(-fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer)
  set(KEELSON_UBSAN -fsanitize=undefined -fno-sanitize=null,object-size,alignment,vptr,function -fno-sanitize-recover=undefined)
endif()
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS headers json)
find_package(OpenSSL 3 REQUIRED)
find_package(simdjson REQUIRED CONFIG)
find_package(fmt REQUIRED CONFIG)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

if(KEELSON_FLAVOUR STREQUAL release)
  add_link_options(-Wl,--gc-sections -Wl,--as-needed)
  set(KEELSON_ARCHIVES_DEFAULT ON)
endif()
option(KEELSON_ARCHIVES "link the server with static libraries where the core alone uses them" ${KEELSON_ARCHIVES_DEFAULT})

# keelson_library(NAME TARGET [ARCHIVES names...]): NAME stands for the imported library TARGET, and in what is linked with
# the property KEELSON_ARCHIVES for these archives of Debian: of a shared library most of what becomes resident is never used.
# OpenSSL stays shared, so that its fixes arrive without a new build; so does what plugins share with the core (libstdc++,
# Boost.JSON, nghttp2). Debian's archives suit executables only: most are not position-independent enough for a library.
function(keelson_library name target)
  cmake_parse_arguments(ARG "" "" "ARCHIVES" ${ARGN})
  set(archives)
  foreach(archive ${ARG_ARCHIVES})
    find_library(KEELSON_ARCHIVE_${archive} lib${archive}.a)
    if(NOT KEELSON_ARCHIVE_${archive})   # other systems may have none
      set(archives ${target})
      break()
    endif()
    list(APPEND archives ${KEELSON_ARCHIVE_${archive}})
  endforeach()
  add_library(${name} INTERFACE)
  get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(includes)
    target_include_directories(${name} SYSTEM INTERFACE ${includes})
  endif()
  target_link_libraries(${name} INTERFACE "$<IF:$<BOOL:$<TARGET_PROPERTY:KEELSON_ARCHIVES>>,${archives},${target}>")
endfunction()

set(KEELSON_KINDC ${CMAKE_SOURCE_DIR}/tools/kindc/kindc.py)

# keelson_module(NAME [LINK libs...]): all .cc of core/NAME as the static library keelson_NAME.
function(keelson_module name)
  cmake_parse_arguments(ARG "NO_UBSAN" "" "LINK;SOURCES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/core/${name}/*.cc)
  add_library(keelson_${name} STATIC ${sources} ${ARG_SOURCES})
  target_include_directories(keelson_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(keelson_${name} PUBLIC Boost::headers Threads::Threads ${ARG_LINK})
  if(KEELSON_UBSAN AND NOT ARG_NO_UBSAN)
    target_compile_options(keelson_${name} PRIVATE ${KEELSON_UBSAN})
  endif()
endfunction()

# keelson_unsanitized(TARGETS...): what no unit, scenario or crash test runs; the sanitizer flavours build it only if something
# that they do build depends on it.
function(keelson_unsanitized)
  if(KEELSON_FLAVOUR MATCHES "san")
    set_target_properties(${ARGN} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# keelson_unit_test(NAME LINK libs... [PLUGIN name]): all tests/unit/NAME/*.cc as one Catch2 program and one ctest entry.
function(keelson_unit_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT_S;PLUGIN" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.cc)
  add_executable(unit_${name} ${sources})
  if(ARG_PLUGIN)  # the plugin's own objects: compiled once, for both
    target_sources(unit_${name} PRIVATE $<TARGET_OBJECTS:plugin_${ARG_PLUGIN}>)
  endif()
  target_link_libraries(unit_${name} PRIVATE keelson_catch_main ${ARG_LINK})
  if(NOT ARG_TIMEOUT_S)
    set(ARG_TIMEOUT_S 300)
  endif()
  add_test(NAME ${KEELSON_FLAVOUR}.unit.${name} COMMAND unit_${name})
  set_tests_properties(${KEELSON_FLAVOUR}.unit.${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT_S} LABELS unit
    ENVIRONMENT "TSAN_OPTIONS=ignore_noninstrumented_modules=1;ASAN_OPTIONS=detect_leaks=1")
endfunction()
