// Outgoing: HTTPS requests (HTTP where that is said) of any method to servers outside, with answers as they come: aggregated APIs,
// issuers of tokens, what pods and services serve.
//
// Invariants: a receiver hears head (at most once), then bytes, then end (exactly once, whatever happens), in this order and never
//   two at a time. No answer is read ahead: after bytes() said false nothing more is read until Flow::resume(). A redirect is an
//   answer like any other and is never followed. An idle connection that its server has closed is not used.
// Threads: all methods any; receivers are called on the client's own thread, under no lock, and must not wait.
// Ownership: the client holds a receiver until its end. stop() before what receivers use goes away.
// Errors: by end(), in the words of Go's http client.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/webhook/client.hpp"

namespace keelson::webhook {

/// Requests under way to one server, streams included.
inline constexpr int kRequestsPerServerMax = 1'000;
inline constexpr std::size_t kIdlePerServerMax = 8;
inline constexpr std::size_t kServersMax = 256;
/// Of an answer's head.
inline constexpr std::size_t kHeadBytesMax = 64u << 10;

/// What is shown to a server that asks for a certificate.
struct ClientCertificate {
  std::string certificate_pem, key_pem;
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Outbound {
  Endpoint endpoint;                                       ///< its path has the query
  std::string method = "GET";
  HeaderList headers;                                      ///< besides Host and Content-Length
  std::string body;
  bool verify = true;                                      ///< false: whoever answers is believed
  bool plain = false;                                      ///< HTTP, not HTTPS
  std::shared_ptr<const ClientCertificate> certificate;    ///< null: none
  base::Monotonic head_deadline = 0;                       ///< of the answer's head
  base::Monotonic deadline = base::kForever;               ///< of its end
};

class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void head(int status, HeaderList headers) = 0;
  /// False: enough for now.
  virtual bool bytes(std::string piece) = 0;
  virtual void end(base::Outcome<void> outcome) = 0;
};

/// A request under way.
class Flow {
 public:
  virtual ~Flow() = default;
  virtual void resume() = 0;
  virtual void cancel() = 0;
};

class Outgoing {
 public:
  virtual ~Outgoing() = default;
  virtual std::shared_ptr<Flow> send(Outbound outbound, std::shared_ptr<Receiver> receiver) = 0;
  /// Ends what is under way and waits for the thread.
  virtual void stop() = 0;
};
std::unique_ptr<Outgoing> make_outgoing(base::Runtime& runtime);

struct Fetched {
  int status = 0;
  HeaderList headers;
  std::string body;
};
/// A whole answer; one of more than `bytes_max` is an error. `done` as Receiver::end.
void fetch(Outgoing& outgoing, Outbound outbound, std::size_t bytes_max, std::function<void(base::Outcome<Fetched>)> done);

}  // namespace keelson::webhook
