// Aggregated: requests for what other API servers serve, by their APIServices: authorized here, answered there.
//
// Invariants: the other server gets the caller's identity in headers that were made here, and neither its credentials nor anything
//   that it claimed in such headers. A redirect of another API server is never passed on. What streams is sent at the client's pace, at most
//   kAggregatedBacklogBytes wait; a client that leaves ends the request there.
// Threads: the call's. Ownership: the call is held until its answer has begun. Errors: 503 in upstream's words.
#pragma once
#include <optional>

#include "core/api/core.hpp"
#include "core/api/html_links.hpp"
#include "core/webhook/outgoing.hpp"

namespace keelson::api {

inline constexpr std::size_t kAggregatedBacklogBytes = 256u << 10;
/// A watch begins by then.
inline constexpr std::int64_t kAggregatedHead_ms = 60'000;

/// Whether it lasts as long as its client likes: no deadline is over it.
bool streams(const RequestInfo& info);
/// True: it is another server's, and will be answered (403 for who may not).
bool answer_aggregated(const CallRef& call);
/// The same for paths that are no resources and are authorized: /apis/GROUP/VERSION and its OpenAPI document.
bool answer_aggregated_path(const CallRef& call, const std::string& path);

/// Sends the call's request on, answered by what comes back. `proxied`: redirects are passed back, too, they and the links of pages led
/// through where it is proxied.
void pass_to(const CallRef& call, webhook::Outbound outbound, std::optional<ProxiedAt> proxied = std::nullopt);

}  // namespace keelson::api
