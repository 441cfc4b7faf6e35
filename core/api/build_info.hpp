// Build info: of which commit this program was built, as `/version` and `keelson version` tell it.
//
// Invariants: known when the build was configured; a tree without git has no commit, the state "archive" and the date 0.
// Threads: any.
#pragma once
#include <string_view>

namespace keelson::api {

struct BuildInfo {
  std::string_view commit;       ///< 40 hexadecimal digits, or empty
  std::string_view tree_state;   ///< clean, dirty (files differ from the commit), archive
  std::string_view date;         ///< of the commit, RFC 3339
};
const BuildInfo& build_info();

}  // namespace keelson::api
