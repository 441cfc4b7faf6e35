#include "core/remote/client.hpp"

#include "core/base/log.hpp"
#include "core/remote/credential_program.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include <deque>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>

namespace keelson::remote {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::use_awaitable;
using tcp = asio::ip::tcp;

constexpr std::size_t kReadBytes = 32u << 10;

/// One connection, known to the client so that stop() can close it.
struct Wire {
  Wire(asio::io_context& context, asio::ssl::context& tls, std::set<Wire*>& all) : stream(context, tls), all(all) { all.insert(this); }
  ~Wire() { all.erase(this); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  beast::tcp_stream& tcp_layer() { return beast::get_lowest_layer(stream); }
  void allow(std::int64_t ms) { tcp_layer().expires_after(std::chrono::milliseconds(ms)); }

  beast::ssl_stream<beast::tcp_stream> stream;
  beast::flat_buffer buffer;
  std::set<Wire*>& all;
  base::Monotonic used = 0;
};
using WirePtr = std::unique_ptr<Wire>;

struct Pending {
  Request request;
  std::function<void(base::Outcome<Answer>)> done;
};

template <class Message>
Answer head_of(const Message& message) {
  Answer answer;
  answer.status = static_cast<int>(message.result_int());
  const std::string wait(message[http::field::retry_after]);
  if (!wait.empty()) answer.retry_after_s = std::atoi(wait.c_str());
  return answer;
}

class TlsClient final : public Client {
 public:
  TlsClient(Connection connection, std::string user_agent, base::Runtime& runtime)
      : connection_(std::move(connection)), user_agent_(std::move(user_agent)), runtime_(runtime) {}
  ~TlsClient() override { stop(); }

  base::Outcome<void> start();
  void send(Request request, std::function<void(base::Outcome<Answer>)> done) override;
  void follow(Request request, std::function<bool(std::string_view)> line, std::function<void(base::Outcome<Answer>)> end) override;
  void post(std::function<void()> work) override;
  void stop() override;

 private:
  base::Outcome<void> prepare_tls();
  void pump();
  void run_one(Pending pending);
  WirePtr take_idle();
  void keep(WirePtr wire);
  std::string bearer();
  base::Outcome<void> take_credential(const Credential& credential);
  void renew_credential();
  http::request<http::string_body> message_of(const Request& request);
  awaitable<WirePtr> connect();
  awaitable<Answer> exchange(Request request);
  awaitable<Answer> exchange_on(Wire& wire, const Request& request, bool& again, bool& keep_alive);
  awaitable<Answer> read_stream(Request request, std::function<bool(std::string_view)> line);
  awaitable<bool> read_lines(Wire& wire, http::response_parser<http::buffer_body>& parser, std::int64_t silence_ms, const std::function<bool(std::string_view)>& line);
  base::Error broken(const std::exception_ptr& why) const;

  Connection connection_;            // but for certificate and key only read
  const std::string user_agent_;
  base::Runtime& runtime_;
  asio::io_context context_{1};
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{context_.get_executor()};
  std::mutex mutex_;                 // guards the next two
  bool stopped_ = false;
  std::deque<Pending> inbox_;
  // The client's thread:
  bool stopping_ = false;
  int active_ = 0;
  std::set<Wire*> wires_;
  std::deque<WirePtr> idle_;         // newest last
  std::deque<Pending> queue_;
  std::string token_;
  base::Monotonic token_read_ = 0;
  std::int64_t credential_ends_ = 0; // Unix seconds; 0: nobody says
  bool renewing_ = false;
  base::Monotonic renewed_ = 0;
  std::unique_ptr<base::Thread> renewer_;
  std::unique_ptr<base::Thread> thread_;
};

base::Outcome<void> TlsClient::prepare_tls() {
  boost::system::error_code failed;
  if (!connection_.verify) tls_.set_verify_mode(asio::ssl::verify_none);
  else tls_.set_verify_mode(asio::ssl::verify_peer);
  if (connection_.ca_pem.empty()) tls_.set_default_verify_paths(failed);
  else tls_.add_certificate_authority(asio::buffer(connection_.ca_pem), failed);
  if (failed) return base::bad_request("certificate-authority: " + failed.message());
  if (connection_.certificate_pem.empty()) return {};
  tls_.use_certificate_chain(asio::buffer(connection_.certificate_pem), failed);
  if (failed) return base::bad_request("client-certificate: " + failed.message());
  tls_.use_private_key(asio::buffer(connection_.key_pem), asio::ssl::context::pem, failed);
  if (failed) return base::bad_request("client-key: " + failed.message());
  return {};
}

base::Outcome<void> TlsClient::start() {
  if (connection_.program) {
    const auto credential = run_credential_program(connection_, runtime_);
    if (!credential) return credential.error();
    if (auto taken = take_credential(*credential); !taken) return taken;
  }
  if (auto ready = prepare_tls(); !ready) return ready;
  thread_ = runtime_.spawn("api-client", [this] { context_.run(); }, 1024 * 1024);
  return {};
}

void TlsClient::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) asio::post(context_, std::move(work));
}

void TlsClient::send(Request request, std::function<void(base::Outcome<Answer>)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      inbox_.push_back({std::move(request), std::move(done)});
      if (inbox_.size() == 1) asio::post(context_, [this] { pump(); });
      return;
    }
  }
  done(base::unavailable("the client is stopping"));
}

void TlsClient::pump() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& pending : inbox_) queue_.push_back(std::move(pending));
    inbox_.clear();
  }
  while (!queue_.empty() && (active_ < kConnectionsMax || stopping_)) {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    run_one(std::move(next));
  }
}

void TlsClient::run_one(Pending pending) {
  ++active_;
  asio::co_spawn(context_, exchange(std::move(pending.request)), [this, done = std::move(pending.done)](const std::exception_ptr& failed, Answer answer) {
    --active_;
    if (failed) done(broken(failed));
    else done(std::move(answer));
    pump();
  });
}

void TlsClient::follow(Request request, std::function<bool(std::string_view)> line, std::function<void(base::Outcome<Answer>)> end) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      asio::co_spawn(context_, read_stream(std::move(request), std::move(line)), [this, end = std::move(end)](const std::exception_ptr& failed, Answer answer) {
        if (failed) end(broken(failed));
        else end(std::move(answer));
      });
      return;
    }
  }
  end(base::unavailable("the client is stopping"));
}

base::Error TlsClient::broken(const std::exception_ptr& why) const {
  std::string what = "unknown";
  try {
    std::rethrow_exception(why);
  } catch (const boost::system::system_error& error) {
    what = error.code().message();
  } catch (const std::exception& error) {
    what = error.what();
  }
  return base::unavailable(connection_.url() + ": " + what);
}

void TlsClient::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  if (!thread_) return;
  asio::post(context_, [this] {
    stopping_ = true;
    pump();
    idle_.clear();
    for (auto* wire : wires_) wire->tcp_layer().close();
    work_.reset();
  });
  thread_.reset();
  renewer_.reset();
}

// --- who we are ----------------------------------------------------------------------------------------------------

// Connections that are there keep the certificate that they were made with, so they are not used again.
base::Outcome<void> TlsClient::take_credential(const Credential& credential) {
  token_ = credential.token;
  credential_ends_ = credential.expires_unix_s;
  if (credential.key_pem.empty() || (credential.certificate_pem == connection_.certificate_pem && credential.key_pem == connection_.key_pem)) return {};
  connection_.certificate_pem = credential.certificate_pem;
  connection_.key_pem = credential.key_pem;
  idle_.clear();
  return thread_ ? prepare_tls() : base::Outcome<void>();
}

/// Asks the program again, on a thread of its own; until it has answered the old credential is shown.
void TlsClient::renew_credential() {
  const auto now = runtime_.monotonic_ns();
  if (renewing_ || stopping_ || (renewed_ != 0 && now - renewed_ < kCredentialPause_ms * base::kNanosPerMs)) return;
  renewing_ = true;
  renewed_ = now;
  renewer_ = runtime_.spawn("credential", [this] {
    auto credential = run_credential_program(connection_, runtime_);
    post([this, credential = std::move(credential)] {
      renewing_ = false;
      auto taken = credential ? take_credential(*credential) : base::Outcome<void>(credential.error());
      if (!taken) base::log_warn("remote", "the credential was not renewed", {{"why", taken.error().message}});
    });
  });
}

// --- connections ---------------------------------------------------------------------------------------------------

WirePtr TlsClient::take_idle() {
  const auto oldest = runtime_.monotonic_ns() - kKeptAlive_ms * base::kNanosPerMs;
  while (!idle_.empty() && idle_.front()->used < oldest) idle_.pop_front();
  if (idle_.empty()) return nullptr;
  auto wire = std::move(idle_.back());
  idle_.pop_back();
  return wire;
}

void TlsClient::keep(WirePtr wire) {
  if (stopping_) return;
  wire->used = runtime_.monotonic_ns();
  wire->tcp_layer().expires_never();
  idle_.push_back(std::move(wire));
}

std::string TlsClient::bearer() {
  if (connection_.program) {
    if (credential_ends_ != 0 && runtime_.unix_s() + kCredentialRenewedBefore_s >= credential_ends_) renew_credential();
    return token_;
  }
  if (connection_.token_file.empty()) return connection_.token;
  const auto now = runtime_.monotonic_ns();
  if (token_.empty() || now - token_read_ > kTokenAge_ms * base::kNanosPerMs) {
    std::ifstream in(connection_.token_file);
    token_.assign(std::istreambuf_iterator<char>(in), {});
    while (!token_.empty() && std::isspace(static_cast<unsigned char>(token_.back()))) token_.pop_back();
    token_read_ = now;
  }
  return token_;
}

http::request<http::string_body> TlsClient::message_of(const Request& request) {
  http::request<http::string_body> message(http::string_to_verb(request.method), connection_.prefix + request.target, 11);
  message.set(http::field::host, connection_.authority());
  message.set(http::field::user_agent, user_agent_);
  message.set(http::field::accept, "application/json");
  if (const auto token = bearer(); !token.empty()) message.set(http::field::authorization, "Bearer " + token);
  if (!request.content_type.empty()) message.set(http::field::content_type, request.content_type);
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

awaitable<WirePtr> TlsClient::connect() {
  if (stopping_) throw boost::system::system_error(asio::error::operation_aborted);
  auto wire = std::make_unique<Wire>(context_, tls_, wires_);
  const auto& name = connection_.server_name.empty() ? connection_.host : connection_.server_name;
  boost::system::error_code literal;
  asio::ip::make_address(name, literal);
  if (literal) SSL_set_tlsext_host_name(wire->stream.native_handle(), name.c_str());   // SNI has names only
  if (connection_.verify) wire->stream.set_verify_callback(asio::ssl::host_name_verification(name));
  tcp::resolver resolver(context_);
  const auto found = co_await resolver.async_resolve(connection_.host, connection_.port, use_awaitable);
  wire->allow(kConnectDeadline_ms);
  co_await wire->tcp_layer().async_connect(found, use_awaitable);
  wire->tcp_layer().socket().set_option(tcp::no_delay(true));
  co_await wire->stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  if (stopping_) throw boost::system::system_error(asio::error::operation_aborted);
  co_return wire;
}

// --- one request ---------------------------------------------------------------------------------------------------

awaitable<Answer> TlsClient::exchange_on(Wire& wire, const Request& request, bool& again, bool& keep_alive) {
  const bool may_repeat = again;
  auto message = message_of(request);
  wire.allow(request.deadline_ms);
  boost::system::error_code failed;
  co_await http::async_write(wire.stream, message, asio::redirect_error(use_awaitable, failed));
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  if (!failed) co_await http::async_read(wire.stream, wire.buffer, parser, asio::redirect_error(use_awaitable, failed));
  // A kept connection that the server has closed meanwhile. Writes are not repeated: who knows whether it saw them.
  again = may_repeat && failed && !parser.got_some() && request.method == "GET" && failed != beast::error::timeout && !stopping_;
  if (again) co_return Answer{};
  if (failed) throw boost::system::system_error(failed);
  keep_alive = parser.keep_alive();
  auto answer = head_of(parser.get());
  answer.body = std::move(parser.get().body());
  co_return answer;
}

awaitable<Answer> TlsClient::exchange(Request request) {
  for (;;) {
    auto wire = take_idle();
    bool again = wire != nullptr;
    if (!wire) wire = co_await connect();
    bool keep_alive = false;
    auto answer = co_await exchange_on(*wire, request, again, keep_alive);
    if (again) continue;
    if (answer.status == 401 && connection_.program) renew_credential();
    if (keep_alive) keep(std::move(wire));
    co_return answer;
  }
}

// --- streams -------------------------------------------------------------------------------------------------------

/// Hands out the whole lines of `text`. False: enough.
bool take_lines(std::string& text, const std::function<bool(std::string_view)>& line) {
  std::size_t from = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    if (end > from && !line(std::string_view(text).substr(from, end - from))) return false;
    from = end + 1;
  }
  text.erase(0, from);
  return true;
}

awaitable<bool> TlsClient::read_lines(Wire& wire, http::response_parser<http::buffer_body>& parser, std::int64_t silence_ms, const std::function<bool(std::string_view)>& line) {
  std::string chunk(kReadBytes, '\0'), text;
  while (!parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    wire.allow(silence_ms);
    boost::system::error_code failed;
    co_await http::async_read_some(wire.stream, wire.buffer, parser, asio::redirect_error(use_awaitable, failed));
    if (failed && failed != http::error::need_buffer) throw boost::system::system_error(failed);
    text.append(chunk.data(), chunk.size() - parser.get().body().size);
    if (stopping_ || !take_lines(text, line)) co_return false;
    if (text.size() > kLineBytesMax) throw boost::system::system_error(http::error::body_limit);
  }
  co_return text.empty() || line(text);
}

awaitable<Answer> TlsClient::read_stream(Request request, std::function<bool(std::string_view)> line) {
  auto wire = co_await connect();
  auto message = message_of(request);
  wire->allow(request.deadline_ms);
  co_await http::async_write(wire->stream, message, use_awaitable);
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  co_await http::async_read_header(wire->stream, wire->buffer, parser, use_awaitable);
  auto answer = head_of(parser.get());
  std::function<bool(std::string_view)> take = line;
  if (answer.status != 200)
    take = [&answer](std::string_view text) {
      answer.body.append(text);
      return answer.body.size() < kLineBytesMax;
    };
  co_await read_lines(*wire, parser, request.deadline_ms, take);
  co_return answer;
}

}  // namespace

base::Outcome<std::unique_ptr<Client>> make_client(Connection connection, std::string user_agent, base::Runtime& runtime) {
  auto client = std::make_unique<TlsClient>(std::move(connection), std::move(user_agent), runtime);
  if (auto started = client->start(); !started) return started.error();
  return std::unique_ptr<Client>(std::move(client));
}

}  // namespace keelson::remote
