// Bootstrap: the objects that every cluster has from its first start.
//
// Invariants: what exists is left alone, but for what names addresses of this start. Written through the verbs as
//   system:apiserver, so nothing is stored that a client could not have written.
#pragma once
#include <map>
#include <string>

#include "core/base/error.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/store/store.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::server {

struct BootstrapFacts {
  std::string service_address;     ///< of Service default/kubernetes
  std::string service_cidr;        ///< of ServiceCIDR kubernetes; empty: none
  std::string public_address;      ///< of its endpoint; empty or loopback: no EndpointSlice
  std::uint16_t port = 6443;
  std::string ca_pem;
  std::map<std::string, std::string> front_proxy;   ///< requestheader-* keys for extension API servers
};

/// Waits until all is stored, at most kBootstrapWait_ms.
inline constexpr std::int64_t kBootstrapWait_ms = 30'000;
base::Outcome<void> bootstrap(verbs::Verbs& verbs, const store::Store& store, const kinds::Registry& registry, base::Runtime& runtime, const BootstrapFacts& facts);

}  // namespace keelson::server
