// TLS: OpenSSL directly on a non-blocking socket; whoever drives it waits for the socket's readiness.
//
// Invariants: what one CA signed never counts as signed by another. TLS 1.2 at least; ALPN h2 before http/1.1; client certificates are asked for, never demanded: a bad one shows as
//   PeerCertificate.verified = false, the handshake succeeds. No session tickets.
// Threads: a TlsContext is shared, immutable; a TlsStream belongs to one network thread.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/http/http.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace keelson::http {

struct TlsOptions {
  std::string certificate_pem;   ///< chain of the server
  std::string key_pem;
  std::string client_ca_pem;
  std::string front_proxy_ca_pem;   ///< of proxies that speak for others; empty: there are none
};

class TlsContext {
 public:
  static base::Outcome<std::shared_ptr<TlsContext>> make(const TlsOptions& options);
  /// To be used towards a server; its streams begin the handshake, which fails unless the server is who it has to be.
  static base::Outcome<std::shared_ptr<TlsContext>> make_client(const TunnelTls& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ssl_ctx_st* get() const { return context_; }

 private:
  friend class TlsStream;
  std::string server_name_;               // empty: a server's context
  bool verify_ = true;
  std::vector<std::string> client_cas_, front_proxy_cas_;   // DER: whose a certificate is
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

enum class Io { done, want_read, want_write, closed };

class TlsStream {
 public:
  /// `fd` stays owned by the caller, non-blocking. Client or server, as the context is.
  TlsStream(const TlsContext& context, int fd);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Io handshake();
  /// The client's first message has been read.
  bool greeted() const;
  /// What ALPN chose, after the handshake.
  bool speaks_http2() const;
  Io read(char* into, std::size_t room, std::size_t& got);
  /// Bytes are received already, the socket will not announce them.
  bool has_pending() const;
  /// The socket had no more when it was last read: its next bytes are an edge.
  bool drained() const { return drained_; }
  Io write(const char* from, std::size_t size, std::size_t& put);
  /// Whether what is written next is followed by more at once: the system then waits for it and sends larger packets.
  void more_follows(bool more) { more_ = more; }
  /// Says goodbye (close_notify), best effort.
  void close_notify();
  /// Null: the client showed none.
  std::shared_ptr<const PeerCertificate> peer() const;

 private:
  friend struct SocketBio;
  Io outcome(int result) const;
  ssl_st* ssl_;
  const TlsContext* context_ = nullptr;   // the caller keeps it
  const int fd_;
  bool more_ = false, drained_ = false;
};

}  // namespace keelson::http
