// Client: HTTPS requests to one API server, kept-alive connections, and answers without end (watches).
//
// Invariants: each callback runs on the client's one thread, under no lock, and must not wait. `done` and `end` run exactly
//   once each, after stop() too. At most kConnectionsMax requests are under way, others queue; streams have connections of
//   their own.
// Threads: all methods any. Ownership: stop() before what the callbacks use goes away.
// Errors: what happens to the connection is a 503; an answer of any status is an Answer.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/runtime.hpp"
#include "core/remote/kubeconfig.hpp"

namespace keelson::remote {

inline constexpr int kConnectionsMax = 16;
inline constexpr std::int64_t kConnectDeadline_ms = 10'000;
inline constexpr std::int64_t kRequestDeadline_ms = 60'000;
/// A connection that nobody used for this long is not used again: shorter than servers keep theirs.
inline constexpr std::int64_t kKeptAlive_ms = 45'000;
inline constexpr std::int64_t kTokenAge_ms = 60'000;
/// A credential program is asked again this long before what it told ends, and after a 401, but not more often than this.
inline constexpr std::int64_t kCredentialRenewedBefore_s = 30;
inline constexpr std::int64_t kCredentialPause_ms = 5'000;
inline constexpr std::size_t kAnswerBytesMax = 256u << 20;
/// One line of a stream: an object, and then some.
inline constexpr std::size_t kLineBytesMax = 16u << 20;

struct Request {
  std::string method = "GET", target;       ///< target without the connection's prefix
  std::string content_type, body;
  std::int64_t deadline_ms = kRequestDeadline_ms;   ///< of a stream: the longest silence
};

struct Answer {
  int status = 0;
  int retry_after_s = 0;
  std::string body;
};

class Client {
 public:
  virtual ~Client() = default;
  virtual void send(Request request, std::function<void(base::Outcome<Answer>)> done) = 0;
  /// `line` gets each line of a 200 answer; false ends it. `end` says how it ended: an answer of another status has a body.
  virtual void follow(Request request, std::function<bool(std::string_view)> line, std::function<void(base::Outcome<Answer>)> end) = 0;
  /// Runs `work` on the client's thread; not any more after stop().
  virtual void post(std::function<void()> work) = 0;
  /// Ends what is under way and waits for the thread.
  virtual void stop() = 0;
};

/// Error: keys or certificates that are none.
base::Outcome<std::unique_ptr<Client>> make_client(Connection connection, std::string user_agent, base::Runtime& runtime);

/// What an answer means: its body, or the Error that its Status tells.
base::Outcome<std::string> body_of(base::Outcome<Answer> answer);

}  // namespace keelson::remote
