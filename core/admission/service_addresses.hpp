// ServiceAddresses: gives Services their cluster addresses and node ports, and takes them back.
//
// Invariants: an address is a Service's if an IPAddress of its name says so, and that is stored and removed in the Service's own commit: no
//   address is ever given twice, none is lost. One whose Service is gone is free. Node ports are drawn by one request at a time. A dry run is
//   told what it might get, and takes nothing.
// Threads: any. Ownership: the parts outlive the unit. Errors: 422 in upstream's words for what is taken, out of range or exhausted.
// Source: upstream's pkg/registry/core/service (allocators, fields that go with a type) and ipallocator.
#pragma once
#include "core/auth/auth.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::admission {

inline constexpr int kNodePortFirst = 30'000, kNodePortLast = 32'767;   ///< upstream's default range

struct ServiceAddressParts {
  store::Store& store;
  kinds::Registry& registry;
  base::Runtime& runtime;
};

std::shared_ptr<auth::AdmissionUnit> service_addresses(const ServiceAddressParts& parts);

}  // namespace keelson::admission
