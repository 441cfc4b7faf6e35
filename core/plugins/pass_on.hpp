// PassOn: how a plugin's request gets to an API that another server serves.
//
// Threads: any; `done` runs on any thread, exactly once, and must not wait. Errors: of who refuses: 403 this server, 404 nobody serves
// that, 503 its server does not answer, others that server's own.
#pragma once
#include <functional>
#include <string>

#include "core/auth/auth.hpp"
#include "core/base/error.hpp"

namespace keelson::plugins {

struct ApiRequest {
  std::string method, path, body;   ///< body: JSON
};
using PassOn = std::function<void(const auth::Identity& user, ApiRequest request, std::function<void(base::Outcome<std::string>)> done)>;

}  // namespace keelson::plugins
