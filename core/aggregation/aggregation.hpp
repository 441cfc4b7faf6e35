// Aggregation: APIServices: what this server serves itself shows as local ones, those with a service are asked from time to time
// whether they answer, and requests for their group and version find their way there.
//
// Invariants: what is known of all backends is one immutable value that changes as a whole. A backend that fails, hangs or lies
//   costs nobody but its own callers anything: it is looked at by requests of bounded time and size, one turn at a time. An
//   identity goes out only in headers that were made here, to a server that was verified as its APIService asks for.
// Threads: all methods any. Work is done on the timer's thread, which never waits.
// Ownership: the parts outlive it; stop() before they go. Errors: an APIService's troubles are in its condition Available.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/verbs/verbs.hpp"
#include "core/webhook/outgoing.hpp"

namespace keelson::aggregation {

/// A change counts this long after it was stored.
inline constexpr std::int64_t kSettle_ms = 50;
/// A backend that answers is looked at again after this time; one that does not sooner: kRetryMin_ms, doubled up to this.
inline constexpr std::int64_t kRecheck_ms = 30'000;
inline constexpr std::int64_t kRetryMin_ms = 1'000;
inline constexpr std::int64_t kCheckTimeout_ms = 5'000;
/// When the first look fails, so many more are tried at once (of as many endpoints): one that succeeds is enough.
inline constexpr int kMoreAttempts = 4;
inline constexpr std::size_t kDiscoveryBytesMax = 4u << 20;
inline constexpr std::size_t kOpenApiBytesMax = 16u << 20;
/// OpenAPI documents are fetched again with every so many-th look.
inline constexpr int kLooksPerOpenApi = 10;

/// An APIService that has a service.
struct Backend {
  std::string name, group, version;
  int group_priority = 0, version_priority = 0;
  bool verify = true;
  boost::json::value config;                    ///< {service, caBundle}, as webhook::endpoint_of() takes it
  bool available = false;
};

/// What one of them serves.
struct Offered {
  std::shared_ptr<const Backend> backend;
  bool stale = true;                                        ///< the last look failed: what follows is of an earlier one
  std::shared_ptr<const boost::json::array> resources;      ///< of its APIResourceList; null: never seen
  std::string openapi_v3_url;                               ///< of its document, with a hash; empty: it has none
  std::shared_ptr<const boost::json::object> openapi_v2;    ///< paths of this version and definitions; null: it has none
};

/// Sorted by group, then version. Few.
struct Apis {
  std::vector<Offered> offered;
  /// Null: nobody else serves that.
  const Offered* find(std::string_view group, std::string_view version) const;
};
using ApisRef = std::shared_ptr<const Apis>;

class Aggregation {
 public:
  virtual ~Aggregation() = default;
  /// Never null; the same pointer as long as nothing has changed.
  virtual ApisRef apis() const = 0;
  /// A request to the backend for `user`, with its identity in the headers; method, path, further headers, body and deadlines are
  /// the caller's. Error: no endpoint can be found.
  virtual base::Outcome<webhook::Outbound> outbound(const Backend& backend, const auth::Identity& user) = 0;
  virtual webhook::Outgoing& outgoing() = 0;
  /// Another certificate from now on.
  virtual void show(std::shared_ptr<const webhook::ClientCertificate> certificate) = 0;
  virtual void stop() = 0;
};

struct AggregationParts {
  store::Store& store;
  verbs::Verbs& verbs;
  kinds::Registry& registry;
  base::Runtime& runtime;
  webhook::Outgoing& outgoing;
  std::shared_ptr<const webhook::ClientCertificate> certificate;   ///< as which backends know this server
};
std::unique_ptr<Aggregation> make_aggregation(AggregationParts parts);

/// Where a local group and version stand in discovery, as upstream has it; those it does not know stand behind all others.
struct Priority { int group = 1000, version = 100; };
Priority local_priority(std::string_view group, std::string_view version);

/// X-Remote-User, -Uid, -Group and -Extra-*. Error: something in it cannot be said in a header.
base::Outcome<webhook::HeaderList> identity_headers(const auth::Identity& user);
/// Headers of that form, whoever made them.
bool claims_identity(std::string_view header_name);

}  // namespace keelson::aggregation
