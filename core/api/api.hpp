// Api: what is answered to an HTTP request: resources through the verbs, discovery, documents, health, metrics, streams.
//
// Invariants: every resource request passes verbs (and so authorization, admission, schema); non-resource paths are
//   authorized here, but for health and version, which are open to all.
// Threads: as RequestHandler. Ownership: all parts must outlive it.
#pragma once
#include <memory>
#include <string>

#include "core/api/front_proxy.hpp"
#include "core/api/health.hpp"
#include "core/http/http.hpp"
#include "core/plugins/route.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::audit {
class Audit;   // core/audit/audit.hpp
}

namespace keelson::aggregation {
class Aggregation;   // core/aggregation/aggregation.hpp
}

namespace keelson::fairness {
class Fairness;   // core/fairness/fairness.hpp
}

namespace keelson::api {

/// gitVersion, as clients check it for skew and features.
inline constexpr std::string_view kVersionMajor = "1", kVersionMinor = "36";
inline constexpr std::string_view kGitVersion = "v1.36.2+keelson.1";

/// Requests under way which are no streams; more get 429.
inline constexpr int kRequestsInFlightMax = 600;
/// Answers of at least this size are compressed when the client takes gzip.
inline constexpr std::size_t kGzipBytesMin = 128u << 10;
inline constexpr std::int64_t kLastBookmark_ms = 2000;        ///< before a watch's end, or half way of a short one (upstream: 2 s)
inline constexpr std::int64_t kWatchTimeoutMax_s = 10ll * 365 * 24 * 3600;   ///< whoever asks for longer: clocks count nanoseconds
inline constexpr std::int64_t kWatchTimeoutMin_s = 1800;   ///< without timeoutSeconds: random between this and twice this

struct ApiParts {
  verbs::Verbs& verbs;
  kinds::Registry& registry;
  store::Store& store;
  auth::Chains& chains;
  const plugins::RouteTable* routes = nullptr;   ///< null: no plugin serves streams
  HealthChecks& health;
  base::Runtime& runtime;
  base::Metrics& metrics;
  auth::TokenIssuer* tokens = nullptr;           ///< for /openid/v1/jwks
  std::string issuer;                            ///< of ServiceAccount tokens
  std::string server_address;                    ///< host:port as /api tells clients
  std::shared_ptr<audit::Audit> audit = nullptr; ///< null: nothing is audited. Shared by the calls, which may outlive the API
  fairness::Fairness* fairness = nullptr;        ///< null: nobody waits, kRequestsInFlightMax alone holds
  aggregation::Aggregation* aggregation = nullptr;   ///< null: all is served here
  FrontProxy front_proxy = {};
};

std::unique_ptr<http::RequestHandler> make_api(ApiParts parts);

}  // namespace keelson::api
