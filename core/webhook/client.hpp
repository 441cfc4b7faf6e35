// Client: HTTPS POSTs to webhooks: admission, and conversion between versions of custom resources.
//
// Invariants: `done` runs exactly once, at the latest at the call's deadline, on the client's own thread (or on the caller's,
//   when the call is refused at once), under no lock, and must not wait. Connections are kept alive and shared by calls to the
//   same endpoint. A redirect is an answer like any other and is never followed; certificates are always verified; link-local
//   and unspecified addresses are refused after the name was resolved.
//   An endpoint that failed kFailuresToOpen times in a row is not asked for a while (kOpenMin_ms, doubled up to kOpenMax_ms);
//   then one call tries it.
// Threads: all methods any. Ownership: stop() before what the callbacks use goes away.
// Errors: an answer of any status is an Answer; everything else is an Error whose message ends as Go's http client says it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"

namespace keelson::webhook {

inline constexpr int kConnectionsPerEndpointMax = 32;
/// Calls to one endpoint that wait for a connection.
inline constexpr std::size_t kWaitingPerEndpointMax = 1024;
/// Endpoints whose connections are kept; the one that was used longest ago goes first.
inline constexpr std::size_t kEndpointsMax = 256;
inline constexpr std::int64_t kKeptAlive_ms = 45'000;
/// As upstream's limit for what a webhook answers: a review of the largest request.
inline constexpr std::size_t kAnswerBytesMax = 16u << 20;
inline constexpr int kFailuresToOpen = 5;
inline constexpr std::int64_t kOpenMin_ms = 500;
inline constexpr std::int64_t kOpenMax_ms = 8'000;
/// Objects that are known to name an endpoint, for those who want to hear what became of it.
inline constexpr std::size_t kCallersKnownMax = 32;

struct Endpoint {
  std::string host, port = "443";   ///< where the connection goes: a name or an address
  std::string authority;            ///< "svc.ns.svc:443": of the URL, for messages and the Host header
  std::string server_name;          ///< that the certificate has to show
  std::string path = "/";           ///< with its query, if it has one
  std::string ca_pem;               ///< empty: the system's
};

/// The object for which an endpoint is called.
struct Caller {
  std::string api_version, kind, name, uid;
  bool operator==(const Caller&) const = default;
};
using CallerRef = std::shared_ptr<const Caller>;

struct Call {
  Endpoint endpoint;
  std::string body;                 ///< JSON
  base::Monotonic deadline = 0;
  CallerRef caller{};               ///< null: nobody who is to hear of it
};

/// An endpoint that is given a pause from now on, or that is asked again.
struct CircuitChange {
  bool open = false;
  std::string authority, why;       ///< why: of the last failure
  int failures = 0;                 ///< in a row
  std::vector<CallerRef> callers;   ///< who asked it since it was closed last
};

struct Answer {
  int status = 0;
  std::string body;
};

class Client {
 public:
  virtual ~Client() = default;
  virtual void post(Call call, std::function<void(base::Outcome<Answer>)> done) = 0;
  /// `changed` runs on the client's thread and must not wait.
  virtual void on_circuit(std::function<void(const CircuitChange&)> changed) = 0;
  /// Ends what is under way and waits for the thread.
  virtual void stop() = 0;
};

std::unique_ptr<Client> make_client(base::Runtime& runtime, base::Metrics& metrics);

/// What is said of an answer that is not 200, without a word of its body.
std::string status_text(int status);

/// Reason of the Error of a call that was not made, because its endpoint is given a pause.
inline constexpr std::string_view kPaused = "EndpointPaused";

/// Reason of a call that was not over at its deadline.
inline constexpr std::string_view kTimedOut = "context deadline exceeded";

}  // namespace keelson::webhook
