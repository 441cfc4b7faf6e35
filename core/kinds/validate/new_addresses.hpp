// Addresses and ranges as they may be written anew: only in ways that all software reads alike (upstream: IsValidIPForLegacyField and
// IsValidCIDRForLegacyField with StrictIPCIDRValidation). What an object had before stays, however it is written.
//
// Threads: any, stateless. Errors: complaints, in Kubernetes' words.
#pragma once
#include <set>

#include "core/kinds/formats.hpp"

namespace keelson::kinds {

Complaints check_new_ip(std::string_view text);
Complaints check_new_cidr(std::string_view text);
/// Those, and in no other than the shortest form (upstream: IsValidIP, IsValidCIDR).
Complaints check_canonical_ip(std::string_view text);
Complaints check_canonical_cidr(std::string_view text);

/// What an object had before.
using Written = std::set<std::string_view>;
inline Complaints check_ip_unless(const Written& before, std::string_view text) { return before.contains(text) ? Complaints() : check_new_ip(text); }
inline Complaints check_cidr_unless(const Written& before, std::string_view text) { return before.contains(text) ? Complaints() : check_new_cidr(text); }

}  // namespace keelson::kinds
