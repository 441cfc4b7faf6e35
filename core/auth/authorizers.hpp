// The authorizers and the authenticator that every server starts with.
//
// Invariants: each says allow or no opinion; none denies, so that policies added later are asked.
// Threads: any, stateless.
#pragma once
#include "core/auth/auth.hpp"

namespace keelson::auth {

/// Client certificates: common name = user, organizations = groups. No common name: 401.
std::shared_ptr<Authenticator> certificate_authenticator();
/// system:masters may do everything.
std::shared_ptr<Authorizer> masters_authorizer();
/// Plugins may do what they asked for when they were loaded; other authorizers may give them more.
std::shared_ptr<Authorizer> plugins_authorizer();
/// What upstream's bootstrap grants to everybody: health and version; to the authenticated also discovery and reviews of
/// themselves.
std::shared_ptr<Authorizer> everybody_authorizer();

}  // namespace keelson::auth
