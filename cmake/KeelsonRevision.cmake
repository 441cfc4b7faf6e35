# keelson_revision(OUT): writes a source file that says which commit this tree is. Asked for when the build is configured, so
# that a commit makes nothing old; without git there is no commit. The date is the commit's: the same sources build the same bytes.
function(keelson_revision out)
  set(commit "")
  set(state archive)
  set(date "1970-01-01T00:00:00Z")
  find_program(GIT_PROGRAM git)
  mark_as_advanced(GIT_PROGRAM)
  if(GIT_PROGRAM AND EXISTS ${CMAKE_SOURCE_DIR}/.git)
    set(ENV{TZ} UTC)
    execute_process(COMMAND ${GIT_PROGRAM} -C ${CMAKE_SOURCE_DIR} show -s --date=format-local:%Y-%m-%dT%H:%M:%SZ "--format=%H %cd" HEAD
      OUTPUT_VARIABLE head ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
    execute_process(COMMAND ${GIT_PROGRAM} -C ${CMAKE_SOURCE_DIR} status --porcelain --untracked-files=no
      OUTPUT_VARIABLE changes ERROR_QUIET RESULT_VARIABLE unknown)
    if(NOT failed AND NOT unknown AND head MATCHES "^([0-9a-f]+) (.+)$")
      set(commit ${CMAKE_MATCH_1})
      set(date ${CMAKE_MATCH_2})
      if(changes STREQUAL "")
        set(state clean)
      else()
        set(state dirty)
      endif()
    endif()
  endif()
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT [[
#include "core/api/build_info.hpp"

namespace keelson::api {

const BuildInfo& build_info() {
  static constexpr BuildInfo info{"@commit@", "@state@", "@date@"};
  return info;
}

}  // namespace keelson::api
]])
endfunction()
