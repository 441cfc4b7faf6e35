// A lean HTTPS client for load: many keep-alive connections on one thread, HTTP/1.1 or HTTP/2, so that the client costs less than the server.
//
// Invariants: at most one request under way on a connection; an answer's body is counted, and kept only on demand.
// Threads: one Pool per thread. Ownership: the Pool owns its connections.
// Errors: anything unexpected throws a std::runtime_error that says so; this is a measuring tool.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;

namespace keelson::bench {

/// Where a kubeconfig leads, and as whom.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string ca_pem, certificate_pem, key_pem;   ///< empty: the system's authorities; no client certificate
  std::string server_name, prefix, token;         ///< what the certificate has to say, if not the host; before every path; for the bearer
  bool verify = true;
  bool http2 = false;                             ///< one stream a connection; else HTTP/1.1
  /// Of one cluster and one user with a client certificate, all inline, as `keelson kubeconfig` prints it.
  static Endpoint from_kubeconfig(const std::string& path);
};

[[noreturn]] void die(const std::string& why);
std::int64_t now_ns();

class Connection {
 public:
  virtual ~Connection() = default;
  /// Sends a request; the Pool's `answered` comes when its answer is complete.
  virtual void request(std::string_view method, std::string_view path, std::string_view body, std::string_view content_type = "application/json", std::string_view accept = "application/json") = 0;
  std::size_t index = 0;
  int status = 0;
  std::uint64_t body_bytes = 0;           ///< of the present answer
  std::int64_t sent_ns = 0;               ///< when the present request left
  bool keep_body = false;
  std::string body;                       ///< only with keep_body
};

class Pool {
 public:
  /// `later`: each connection is made with its first request, since servers end those that stay silent.
  Pool(const Endpoint& endpoint, std::size_t connections, bool later = false);
  ~Pool();
  Connection& at(std::size_t index);
  std::size_t size() const;
  /// Every complete answer.
  std::function<void(Connection&)> answered;
  /// Body bytes as they arrive, for streams.
  std::function<void(Connection&, std::string_view)> arrived;
  /// Serves events for at most `wait_ms`, or until stop().
  void run(int wait_ms);
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::bench
