// Passing on what plugins ask of aggregated APIs: authorized here, answered there, as a client's request would be.
//
// Threads: any. Ownership: the parts outlive what is made of them. Errors: see core/plugins/pass_on.hpp.
#pragma once
#include "core/aggregation/aggregation.hpp"
#include "core/plugins/pass_on.hpp"

namespace keelson::server {

inline constexpr std::int64_t kPassOnTimeout_ms = 30'000;
inline constexpr std::size_t kPassOnBytesMax = 64u << 20;

plugins::PassOn pass_on_to(aggregation::Aggregation& aggregation, const auth::Chains& chains, base::Runtime& runtime);

}  // namespace keelson::server
