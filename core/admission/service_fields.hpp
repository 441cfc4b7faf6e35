// The fields of a Service that say where it is reached: what a type has, what an update keeps, what single-stack clusters make of families.
//
// Threads: any, stateless. Ownership: edits the object that it is given.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::admission {

namespace json = boost::json;

/// What a Service of this spec has to do with addresses.
struct ServiceShape {
  std::string_view type;
  bool addresses = false;   ///< of the cluster: all but ExternalName
  bool headless = false;
  bool node_ports = false;
  bool health_port = false;
  bool reachable = false;    ///< from outside of the cluster
};
ServiceShape shape_of(const json::value& spec);

/// What is left out in an update stays as it was, and what the former type had and the new one has not goes.
void keep_allocated(json::value& spec, const json::value& old);
/// clusterIP and clusterIPs say the same.
void align_addresses(json::value& spec, const json::value* old);
/// ipFamilies and ipFamilyPolicy where they are not given, for a cluster of IPv4.
std::vector<base::Cause> fill_families(json::value& spec);
/// The addresses that it asks for or has, without "None".
std::vector<std::string> addresses_of(const json::value& spec);

}  // namespace keelson::admission
