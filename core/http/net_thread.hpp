// NetThread: one io_context, one listening socket, the sessions on it. Private to the transport (includes Asio).
//
// Invariants: a session is touched by its network thread only; the deadlines of all sessions share one timer.
// Threads: as noted. Ownership: the Server holds it; sessions are held by it; exchanges know it weakly.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/http/poller.hpp"
#include "core/http/server.hpp"

namespace keelson::http {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// A client's connection in any of its forms.
class Session {
 public:
  virtual ~Session() = default;
  virtual void start() = 0;
  virtual void expire() = 0;   ///< the deadline has passed
  virtual void stop() = 0;     ///< the server stops: end what has no end, close after the answer under way
  virtual void close() = 0;    ///< at once
  base::Monotonic deadline = base::kForever;
};

/// Holds what all network threads share.
struct Shared {
  Shared(RequestHandler& handler, base::Runtime& runtime, base::Counter& accepted) : handler(handler), runtime(runtime), accepted(accepted) {}
  RequestHandler& handler;
  base::Runtime& runtime;
  base::Counter& accepted;
  std::mutex mutex;
  std::shared_ptr<TlsContext> tls;   // under mutex
  std::shared_ptr<TlsContext> tls_now();
};

class NetThread : public std::enable_shared_from_this<NetThread> {
 public:
  static constexpr std::size_t kReadBytes = 16u << 10;
  static constexpr std::size_t kTextBytesMax = 32u << 10;

  explicit NetThread(Shared& shared);
  /// Any thread, before run().
  base::Outcome<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  void run();
  /// Any thread. Ends run() when all sessions are gone or after kStopGrace_ms.
  void begin_stop();
  /// Any thread.
  void post(std::function<void()> work);
  bool here() const { return std::this_thread::get_id() == thread_; }

  // --- on the network thread ---
  void add(std::shared_ptr<Session> session);
  void remove(Session* session);
  void set_deadline(Session& session, base::Monotonic deadline);
  std::string_view date();
  char* scratch() { return scratch_.data(); }
  /// The text in which an answer is gathered: one for all who answer in turn. Given back when the answer is out.
  std::string take_text() { return std::exchange(text_, {}); }
  void give_text(std::string text) {
    if (text.capacity() > kTextBytesMax || text.capacity() <= text_.capacity()) return;
    text_ = std::move(text);
    text_.clear();
  }
  bool stopping() const { return stopping_; }

  Shared& shared;
  asio::io_context context{1};
  Poller poller{context};

 private:
  void accept();
  void greet(tcp::socket socket);
  void retry_accept();
  void arm(base::Monotonic deadline);
  void sweep();
  void run_posted();
  void stop_here();
  void close_all();

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;   // under posted_mutex_; whoever puts the first one wakes the thread

  tcp::acceptor acceptor_{context};
  std::atomic<std::thread::id> thread_{};
  std::unordered_map<Session*, std::shared_ptr<Session>> sessions_;
  base::Monotonic armed_ = base::kForever;
  base::TimerId timer_ = 0;
  std::int64_t date_s_ = 0;
  std::string date_;
  std::string scratch_, text_;
  bool stopping_ = false;
};

/// HTTP over TLS on `socket`.
std::shared_ptr<Session> make_connection(std::shared_ptr<NetThread> net, tcp::socket socket);

}  // namespace keelson::http
