// The 40 hardening checks, each a function that looks at a Probe.
//
// Threads: one. Errors: a check that cannot find out does not hold.
#pragma once
#include <string>
#include <vector>

#include "core/main/check_probe.hpp"

namespace keelson::server {

struct Finding {
  enum class Result { holds, fails, upstream, not_here } result = Result::holds;   ///< upstream: unmodified software relies on the weaker default
  std::string reason;
};
struct Check {
  int number;
  const char* title;
  Finding (*look)(Probe&);
};
const std::vector<Check>& file_checks();     ///< 1 to 6, 17 to 19, 22, 25, 30
const std::vector<Check>& server_checks();   ///< the rest

}  // namespace keelson::server
