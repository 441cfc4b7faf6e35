// DiscoveryElsewhere: other servers' groups and versions among our own, as discovery lists them. Private to core/api.
//
// Invariants: what another server said is copied field by field; what is not of the expected shape is left out.
// Threads: any, pure.
#pragma once
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "core/aggregation/aggregation.hpp"
#include "core/kinds/catalog.hpp"

namespace keelson::api {

/// All groups but the core's, in discovery order.
std::vector<std::string> groups_everywhere(const kinds::Catalog& catalog, const aggregation::Apis& apis);
/// Preferred first.
std::vector<std::string> versions_everywhere(const kinds::Catalog& catalog, const aggregation::Apis& apis, const std::string& group);
/// An APIVersionDiscovery.
boost::json::object aggregated_version(const aggregation::Offered& offered);

}  // namespace keelson::api
