// Impersonation: who asks may act as another user, in other groups, with another uid and extra, each of which he has to be
// allowed to impersonate.
//
// Invariants: nothing of the asker's own identity is left. Nobody is impersonated as a plugin. Threads: network thread, inline.
#pragma once
#include "core/auth/auth.hpp"
#include "core/http/http.hpp"

namespace keelson::api {

/// Whether that header is one of Impersonate-*; those go no further than here.
bool impersonates(std::string_view header_name);

/// Whether one of its headers is.
bool impersonates(const http::Request& request);

/// `asker` himself when nothing is asked. 400: a group, uid or extra without a user; 403: what he may not impersonate.
base::Outcome<auth::Identity> acting_as(const http::Request& request, const auth::Chains& chains, auth::Identity asker);

}  // namespace keelson::api
