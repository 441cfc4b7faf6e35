#include "core/http/relay.hpp"

#include "core/http/head_parser.hpp"
#include "core/http/translation.hpp"

namespace keelson::http {
namespace {

/// Bytes on their way in one direction.
struct Pipe {
  std::string bytes;
  std::size_t at = 0;
  bool ended = false;      // the source will send no more
  bool finished = false;   // ... and the sink was told so
  bool pending() const { return at < bytes.size(); }
  bool room() const { return !ended && bytes.size() < kRelayBytes; }
  std::string_view rest() const { return std::string_view(bytes).substr(at); }
  void used(std::size_t n) {
    at += n;
    if (at == bytes.size()) bytes.clear(), at = 0;
  }
};

class Relay final : public Session, public std::enable_shared_from_this<Relay> {
 public:
  Relay(std::shared_ptr<NetThread> net, tcp::socket client, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsStream> tls, std::string received, Tunnel tunnel)
      : net_(std::move(net)), client_(std::move(client)), context_(std::move(context)), tls_(std::move(tls)), server_(net_->context), tunnel_(std::move(tunnel)), translation_(make_translation(tunnel_)) {
    up_.bytes = tunnel_.head;
    take_from_client(received);
  }

  void start() override;
  void expire() override { answered_ ? close() : refuse("the server did not answer in time"); }
  void stop() override { close(); }
  void close() override;

 private:
  void connected();
  void shake();
  Io read_server(std::size_t& got);
  Io write_server(std::string_view bytes, std::size_t& put);
  void end_sending();
  void refuse(std::string_view why);
  void answer(int status, std::string_view content_type, std::string_view body);
  void drive();
  void begin_translation(std::string_view ahead);
  void take_from_client(std::string_view bytes);
  void take_from_server(std::string_view bytes);
  /// What a client says may need an answer (pings): one that does not read is not listened to either.
  bool listens_to_client() const { return up_.room() && early_.size() < kRelayBytes && (!translation_ || down_.bytes.size() < 2 * kRelayBytes); }
  bool from_client();
  bool to_server();
  bool from_server();
  bool to_client();
  void check_answer();
  void wait(tcp::socket& socket, tcp::socket::wait_type what, bool& waiting);
  void arm();

  std::shared_ptr<NetThread> net_;
  tcp::socket client_;
  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<TlsStream> tls_;
  tcp::socket server_;
  std::shared_ptr<TlsContext> server_context_;   // null: plain
  std::unique_ptr<TlsStream> server_tls_;        // there once connected
  Tunnel tunnel_;
  std::unique_ptr<Translation> translation_;   // null: bytes go through as they are
  Pipe up_, down_;
  std::string early_;        // what a client said before the server answered, when it has to be translated
  bool answered_ = false;    // the server's head was seen, or we answered in its place
  bool upgraded_ = false;
  bool said_goodbye_ = false;
  bool connected_ = false, shaken_ = false, closed_ = false, driving_ = false;   // shaken: the server may be talked to
  bool client_writable_ = true, server_writable_ = true;
  bool client_reading_ = false, client_writing_ = false, server_reading_ = false, server_writing_ = false;
};

void Relay::start() {
  net_->set_deadline(*this, net_->shared.runtime.in_ms(kRelayConnect_ms));
  boost::system::error_code bad;
  const auto address = asio::ip::make_address(tunnel_.address, bad);
  if (bad) return refuse("not an address: " + tunnel_.address);
  if (tunnel_.tls) {
    auto context = TlsContext::make_client(*tunnel_.tls);
    if (!context) return refuse(context.error().message);
    server_context_ = std::move(*context);
  }
  server_.async_connect(tcp::endpoint(address, tunnel_.port), [self = shared_from_this()](boost::system::error_code error) {
    if (self->closed_) return;
    error ? self->refuse(error.message()) : self->connected();
  });
  drive();
}

void Relay::connected() {
  boost::system::error_code ignored;
  server_.non_blocking(true, ignored);
  server_.set_option(tcp::no_delay(true), ignored);
  connected_ = true;
  if (server_context_) server_tls_ = std::make_unique<TlsStream>(*server_context_, server_.native_handle());
  else shaken_ = true;
  drive();
}

void Relay::shake() {
  switch (server_tls_->handshake()) {
    case Io::done: shaken_ = true; return;
    case Io::want_write: server_writable_ = false; return;
    case Io::want_read: return;
    case Io::closed: return refuse("tls: the server is not who it should be, or does not speak TLS");
  }
}

Io Relay::read_server(std::size_t& got) {
  if (server_tls_) return server_tls_->read(net_->scratch(), NetThread::kReadBytes, got);
  boost::system::error_code error;
  got = server_.read_some(asio::buffer(net_->scratch(), NetThread::kReadBytes), error);
  if (error == asio::error::would_block) return Io::want_read;
  return error ? Io::closed : Io::done;
}

Io Relay::write_server(std::string_view bytes, std::size_t& put) {
  if (server_tls_) return server_tls_->write(bytes.data(), bytes.size(), put);
  boost::system::error_code error;
  put = server_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
  if (error == asio::error::would_block) return Io::want_write;
  return error ? Io::closed : Io::done;
}

void Relay::end_sending() {
  if (server_tls_) server_tls_->close_notify();
  boost::system::error_code ignored;
  server_.shutdown(tcp::socket::shutdown_send, ignored);
}

void Relay::refuse(std::string_view why) {
  const auto error = base::internal("error dialing backend: " + std::string(why));
  answer(error.code, "application/json", base::to_status_json(error));
  drive();
}

void Relay::answer(int status, std::string_view content_type, std::string_view body) {
  answered_ = true;
  boost::system::error_code ignored;
  server_.close(ignored);
  connected_ = shaken_ = false;
  up_.ended = up_.finished = true;
  up_.bytes.clear();
  up_.at = 0;
  down_.bytes = "HTTP/1.1 " + std::to_string(status) + " " + std::string(phrase(status)) + "\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\nConnection: close\r\n" + (content_type.empty() ? "" : "Content-Type: " + std::string(content_type) + "\r\n") + "\r\n" + std::string(body);
  down_.at = 0;
  down_.ended = true;
  net_->set_deadline(*this, net_->shared.runtime.in_ms(kRelayLinger_ms));
}

// Reads the server's head: only after a 101 the client's bytes may flow on.
void Relay::check_answer() {
  const auto head = parse_upgrade_answer(down_.rest(), down_.ended);
  if (!head) return answer(502, "text/plain; charset=utf-8", "the server's answer is not HTTP");
  if (head->status == 101) {
    answered_ = upgraded_ = true;
    if (translation_) begin_translation(down_.bytes.substr(down_.at + head->head_bytes));
    net_->set_deadline(*this, base::kForever);
  } else if (head->complete) {
    answer(head->status, head->content_type, head->body);
  } else if (down_.ended || down_.bytes.size() >= kRelayBytes) {
    answer(502, "text/plain; charset=utf-8", "the server's answer is incomplete");
  }
}

void Relay::begin_translation(std::string_view ahead) {
  down_.bytes = tunnel_.websocket_head;
  down_.at = 0;
  translation_->begin(up_.bytes);
  take_from_client(std::exchange(early_, {}));
  take_from_server(ahead);
}

void Relay::take_from_client(std::string_view bytes) {
  if (!translation_) return void(up_.bytes.append(bytes));
  if (!upgraded_) return void(early_.append(bytes));
  if (!translation_->from_client(bytes, up_.bytes, down_.bytes)) up_.ended = true;
}

void Relay::take_from_server(std::string_view bytes) {
  if (!translation_ || !upgraded_) return void(down_.bytes.append(bytes));
  if (!translation_->from_server(bytes, up_.bytes, down_.bytes)) down_.ended = true;
}

bool Relay::from_client() {
  if (!listens_to_client()) return false;
  std::size_t got = 0;
  switch (tls_->read(net_->scratch(), NetThread::kReadBytes, got)) {
    case Io::done: take_from_client({net_->scratch(), got}); return true;
    case Io::closed: up_.ended = true; return true;
    default: return false;
  }
}

bool Relay::to_server() {
  if (!shaken_) return false;
  if (up_.ended && !up_.pending() && !up_.finished) {
    end_sending();
    up_.finished = true;
    net_->set_deadline(*this, net_->shared.runtime.in_ms(kRelayLinger_ms));
    return true;
  }
  // Before the 101 only the head goes out.
  const auto allowed = upgraded_ ? up_.rest() : up_.rest().substr(0, tunnel_.head.size());
  if (allowed.empty() || !server_writable_) return false;
  std::size_t put = 0;
  switch (write_server(allowed, put)) {
    case Io::done: break;
    case Io::closed: return close(), false;
    case Io::want_write: return server_writable_ = false;
    case Io::want_read: return false;
  }
  if (!upgraded_) tunnel_.head.erase(0, put);
  up_.used(put);
  return true;
}

bool Relay::from_server() {
  if (!shaken_ || !down_.room()) return false;
  std::size_t got = 0;
  switch (read_server(got)) {
    case Io::done: take_from_server({net_->scratch(), got}); break;
    case Io::closed: down_.ended = true; break;
    default: return false;
  }
  if (!answered_) check_answer();
  return true;
}

bool Relay::to_client() {
  if (!answered_ || down_.finished) return false;
  if (down_.ended && !down_.pending()) {
    if (translation_ && upgraded_ && !std::exchange(said_goodbye_, true)) {
      translation_->server_ended(down_.bytes);
      return true;
    }
    tls_->close_notify();
    boost::system::error_code ignored;
    client_.shutdown(tcp::socket::shutdown_send, ignored);
    down_.finished = true;
    net_->set_deadline(*this, net_->shared.runtime.in_ms(kRelayLinger_ms));
    return true;
  }
  if (!down_.pending() || !client_writable_) return false;
  std::size_t put = 0;
  const auto rest = down_.rest();
  switch (tls_->write(rest.data(), rest.size(), put)) {
    case Io::done: down_.used(put); return true;
    case Io::closed: close(); return false;
    default: return client_writable_ = false;
  }
}

void Relay::drive() {
  if (driving_ || closed_) return;
  const auto self = shared_from_this();
  driving_ = true;
  // Each turn moves at most one buffer a direction; a busy relay lets others run after some.
  static constexpr int kTurns = 16;
  int turns = 0;
  bool moved = true;
  if (connected_ && !shaken_) shake();
  while (moved && !closed_ && turns++ < kTurns) {
    moved = from_client();
    moved |= !closed_ && to_server();
    moved |= !closed_ && from_server();
    moved |= !closed_ && to_client();
  }
  driving_ = false;
  if (closed_) return;
  if (up_.finished && down_.finished) return close();
  if (moved) return net_->post([self] { self->drive(); });
  arm();
}

void Relay::wait(tcp::socket& socket, tcp::socket::wait_type what, bool& waiting) {
  if (waiting) return;
  waiting = true;
  socket.async_wait(what, [self = shared_from_this(), &waiting, &writable = &socket == &client_ ? client_writable_ : server_writable_, what](boost::system::error_code error) {
    waiting = false;
    if (error) return;
    if (what == tcp::socket::wait_write) writable = true;
    self->drive();
  });
}

void Relay::arm() {
  if (listens_to_client()) wait(client_, tcp::socket::wait_read, client_reading_);
  if (!client_writable_) wait(client_, tcp::socket::wait_write, client_writing_);
  if (!connected_) return;
  if (down_.room()) wait(server_, tcp::socket::wait_read, server_reading_);
  if (!server_writable_) wait(server_, tcp::socket::wait_write, server_writing_);
}

void Relay::close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  boost::system::error_code ignored;
  server_.close(ignored);
  tls_->close_notify();
  client_.close(ignored);
  if (tunnel_.ended) std::exchange(tunnel_.ended, nullptr)(upgraded_ ? 101 : 502);
  net_->remove(this);
}

}  // namespace

std::shared_ptr<Session> make_relay(std::shared_ptr<NetThread> net, tcp::socket client, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsStream> tls, std::string received, Tunnel tunnel) {
  return std::make_shared<Relay>(std::move(net), std::move(client), std::move(context), std::move(tls), std::move(received), std::move(tunnel));
}

}  // namespace keelson::http
