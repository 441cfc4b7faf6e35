// HTTP as the request handling sees it, independent of the protocol version: a Request in, a Response out. The connection
// classes (HTTP/1.1 and HTTP/2) are on the other side of RequestHandler and Responder.
//
// Invariants: a Responder takes exactly one of send() and tunnel(), the first; a dropped Responder answers 500. A Payload
//   is pulled by the connection at the client's pace; nothing is printed ahead of it.
// Threads: handle() on the connection's network thread, it must not wait. Responder: any thread. Payload: pulled and
//   destroyed on the network thread.
// Ownership: the connection owns the Payload; a handler keeps the Responder as long as it has something to say.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/auth/auth.hpp"

namespace keelson::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The client's certificate as the TLS layer found it.
struct PeerCertificate {
  bool verified = false;                       ///< by our client CA, in its time, with a common name
  bool front_proxy = false;                    ///< by the CA of front proxies, in its time: may speak for others
  auth::Credentials::Certificate subject;
};

struct Request {
  std::string method;
  std::string path;                            ///< percent-encoded, without the query
  std::string query;                           ///< raw, without '?'
  Headers headers;
  std::string body;
  bool upgrade = false;                        ///< Connection: Upgrade
  bool http1 = true;                           ///< tunnels are possible
  std::shared_ptr<const PeerCertificate> certificate;   ///< the connection's; null: the client has none
  std::string remote;                          ///< address of the client

  /// Value of the first header of that name (any case), empty when absent.
  std::string_view header(std::string_view name) const;
  /// All values of that name, joined by ", ".
  std::string joined(std::string_view name) const;
};

/// A body that is pulled.
class Payload {
 public:
  enum class Pull {
    more,   ///< pull again
    wait,   ///< nothing now: pull after Responder::wake()
    end,    ///< complete
    cut,    ///< broken: end the connection so that the client notices
  };
  virtual ~Payload() = default;
  /// Appends about `bytes_max` bytes as pieces which stay valid until the next pull.
  virtual Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) = 0;
  /// Total length, if known: else the answer is chunked.
  virtual std::optional<std::uint64_t> length() const { return std::nullopt; }
  /// A stream without a natural end (watch, logs): it is ended when the server stops.
  virtual bool endless() const { return false; }
  /// Made elsewhere: never compressed here.
  virtual bool as_it_is() const { return false; }
  /// A client that pauses is waited for (logs); others are left after kStallTimeout_ms.
  virtual bool patient() const { return false; }
};
std::unique_ptr<Payload> text_payload(std::string text);
/// Bytes shared with a cache.
std::unique_ptr<Payload> shared_payload(std::shared_ptr<const std::string> text);
/// Whether `payload` gives that many bytes; one of unknown length is read ahead so far, and replaced by what goes on from there.
bool at_least(std::unique_ptr<Payload>& payload, std::size_t bytes);
/// gzip, level 1, streamed.
std::unique_ptr<Payload> gzip_payload(std::unique_ptr<Payload> plain);

struct Response {
  int status = 200;
  std::string content_type;                    ///< empty: none
  Headers headers;
  std::unique_ptr<Payload> payload;            ///< null: empty body
  bool close = false;                          ///< end the connection after it
  std::function<void(int status)> sent;        ///< once, when the last byte was handed to the socket or the client left
};

/// Streams of exec and attach, as the server at the other end expects them.
struct StreamChannels {
  bool input = false, output = false, errors = false, terminal = false;
  bool end_of_terminal = false;                ///< the end of the input is told to who reads the terminal (^D)
};

/// TLS towards the server at the other end of a tunnel.
struct TunnelTls {
  std::string server_name;                     ///< that its certificate has to show
  std::string ca_pem;                          ///< empty: the system's
  bool verify = true;
  std::string certificate_pem, key_pem;        ///< shown there; empty: none
};

/// The client's connection handed to another HTTP server as it is.
struct Tunnel {
  std::string address;                         ///< numeric IP
  std::uint16_t port = 0;
  std::string head;                            ///< request line and headers to send there
  std::string websocket_head;                  ///< not empty: the client gets this instead of the other's 101, and its bytes travel in binary frames
  std::optional<TunnelTls> tls;                ///< absent: plain HTTP
  std::optional<StreamChannels> channels;      ///< with websocket_head: those frames are v5.channel.k8s.io, the other speaks SPDY/3.1
  std::function<void(int status)> ended;
};

class Responder {
 public:
  virtual ~Responder() = default;
  virtual void send(Response response) = 0;
  virtual void tunnel(Tunnel tunnel) = 0;
  /// The Payload may have something.
  virtual void wake() = 0;
  /// Runs `work` on the connection's network thread, at once when called there. After the server stopped it is dropped.
  virtual void post(std::function<void()> work) = 0;
  virtual bool here() const = 0;               ///< this is the connection's network thread
  virtual bool gone() const = 0;               ///< the client left
};

class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  virtual void handle(Request request, std::shared_ptr<Responder> responder) = 0;
};

/// The reason phrase of a status code.
std::string_view phrase(int status);
/// Case-insensitive equality of ASCII.
bool same_text(std::string_view a, std::string_view b);
/// Does the comma-separated header value name `token` (any case)?
bool lists_token(std::string_view value, std::string_view token);

}  // namespace keelson::http
