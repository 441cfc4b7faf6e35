// Server: the listening sockets and network threads. One io_context a thread, connections spread by SO_REUSEPORT.
//
// Threads: start and stop from any one thread; replace_certificate() from any.
// Ownership: handler and runtime must outlive it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/http/http.hpp"
#include "core/http/tls.hpp"

namespace keelson::http {

inline constexpr std::int64_t kHeaderTimeout_ms = 32'000;
inline constexpr std::int64_t kIdleTimeout_ms = 90'000;
/// A client that takes no byte of an answer for this long is left.
inline constexpr std::int64_t kStallTimeout_ms = 60'000;
/// A request that is no stream is answered by then (upstream's request timeout).
inline constexpr std::int64_t kRequestTimeout_ms = 60'000;
inline constexpr std::int64_t kStopGrace_ms = 1'000;
inline constexpr std::size_t kConnectionsPerThreadMax = 20'000;

struct ServerOptions {
  std::string address = "0.0.0.0";
  std::uint16_t port = 6443;     ///< 0: any
  int threads = 1;
  TlsOptions tls;
};

class Server {
 public:
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  /// For connections that begin from now on.
  virtual base::Outcome<void> replace_certificate(const TlsOptions& tls) = 0;
  /// Accepts no more, ends streams, waits up to kStopGrace_ms for answers under way, closes.
  virtual void stop() = 0;
};

base::Outcome<std::unique_ptr<Server>> start_server(const ServerOptions& options, RequestHandler& handler, base::Runtime& runtime, base::Metrics& metrics);

}  // namespace keelson::http
