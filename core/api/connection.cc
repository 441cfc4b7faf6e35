// HTTP/1.1 on one TLS connection: read a request, hand it over, send what the Payload gives, at the client's pace.
#include <boost/asio/post.hpp>
#include <charconv>

#include "core/api/exchange.hpp"
#include "core/api/head_parser.hpp"
#include "core/api/http2.hpp"
#include "core/api/relay.hpp"
#include "core/base/log.hpp"

namespace keelson::api {
namespace {

/// A connection lets others run after this much.
constexpr std::size_t kYieldBytes = 256u << 10;
constexpr std::size_t kPullBytes = 64u << 10;
/// Smaller pieces are gathered into one TLS record.
constexpr std::size_t kGatherBytes = 16u << 10;
constexpr std::size_t kDirectBytes = 8u << 10;
/// What is read away after a refusal, and for how long.
constexpr std::size_t kDrainBytesMax = 8u << 20;
constexpr std::int64_t kDrain_ms = 1'000;
/// Bytes kept of requests sent ahead of the answer.
constexpr std::size_t kPipelineBytesMax = 64u << 10;

class Connection final : public Session, public Exchanges, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<NetThread> net, tcp::socket socket)
      : net_(std::move(net)), socket_(std::move(socket)), tls_context_(net_->shared.tls_now()),
        tls_(std::make_unique<TlsStream>(*tls_context_, socket_.native_handle())) {
    boost::system::error_code ignored;
    const auto peer = socket_.remote_endpoint(ignored);
    if (!ignored) remote_ = peer.address().to_string();
  }

  void start() override {
    net_->set_deadline(*this, in_ms(kHeaderTimeout_ms));
    drive();
  }
  void expire() override;
  void stop() override;
  void close() override;

  void answer(std::uint64_t request, Response response) override;
  void tunnel(std::uint64_t request, Tunnel tunnel) override;
  void woken(std::uint64_t) override { drive(); }
  void drive();

 private:
  enum class State { handshake, reading, handling, sending, draining, closed };
  enum class Step { again, wait };

  base::Monotonic in_ms(std::int64_t ms) const { return net_->shared.runtime.in_ms(ms); }
  Step step();
  Step shake();
  void become_http2();
  Step read();
  bool fill();
  void dispatch();
  void refuse(const ParseFailure& why);
  void cut_short();
  Step send();
  Step drain();
  base::Monotonic stall_deadline() const { return patient_ ? base::kForever : in_ms(kStallTimeout_ms); }
  bool ready_to_write(std::string_view bytes, std::size_t& at);
  bool send_piece();
  void gather();
  bool pull();
  void begin(Response response);
  void finish_answer();
  void end_exchange();
  void arm();
  void yield();
  void watch_client();

  std::shared_ptr<NetThread> net_;
  tcp::socket socket_;
  std::shared_ptr<TlsContext> tls_context_;
  std::unique_ptr<TlsStream> tls_;
  std::string remote_;
  State state_ = State::handshake;
  bool driving_ = false, want_read_ = false, want_write_ = false, reading_ = false, writing_ = false;
  bool readable_ = true;        // the socket may have bytes that were not read yet
  bool client_ended_ = false;
  std::optional<PeerCertificate> certificate_;

  std::string in_;              // received, not used yet
  std::unique_ptr<RequestParser> parser_;
  bool begun_ = false;          // bytes of the present request have arrived
  std::weak_ptr<Exchange> exchange_;
  std::uint64_t request_ = 0;   // counts requests, so that a late answer finds the wrong one
  bool head_only_ = false, close_after_ = false, http10_ = false, refused_ = false, patient_ = false;
  std::size_t drained_ = 0;

  Response response_;
  bool chunked_ = false, ended_ = false, stop_stream_ = false;
  std::string out_;
  std::size_t out_at_ = 0;
  std::vector<std::string_view> pieces_;
  std::size_t piece_ = 0, piece_at_ = 0;
  std::size_t sent_ = 0;        // since the last yield
};

// --- the state machine -----------------------------------------------------------------------------------------------

void Connection::drive() {
  if (driving_ || state_ == State::closed) return;
  const auto self = shared_from_this();
  driving_ = true;
  want_read_ = want_write_ = false;
  try {
    while (state_ != State::closed && step() == Step::again) {}
  } catch (const std::exception& broken) {
    base::log_error("api", "connection ended by an exception", {{"what", broken.what()}});
    close();
  }
  driving_ = false;
  if (state_ != State::closed) arm();
}

Connection::Step Connection::step() {
  switch (state_) {
    case State::handshake: return shake();
    case State::reading: return read();
    case State::handling: watch_client(); return Step::wait;
    case State::sending: return send();
    case State::draining: return drain();
    case State::closed: break;
  }
  return Step::wait;
}

void Connection::arm() {
  if (want_read_ && !reading_) {
    reading_ = true;
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](boost::system::error_code error) {
      self->reading_ = false;
      if (error) return;
      self->readable_ = true;
      self->drive();
    });
  }
  if (want_write_ && !writing_) {
    writing_ = true;
    socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](boost::system::error_code error) {
      self->writing_ = false;
      if (!error) self->drive();
    });
  }
}

void Connection::yield() {
  sent_ = 0;
  net_->post([self = shared_from_this()] { self->drive(); });
}

Connection::Step Connection::shake() {
  switch (tls_->handshake()) {
    case Io::done:
      certificate_ = tls_->peer();
      if (tls_->speaks_http2()) return become_http2(), Step::wait;
      state_ = State::reading;
      return Step::again;
    case Io::want_read: want_read_ = true; return Step::wait;
    case Io::want_write: want_write_ = true; return Step::wait;
    case Io::closed: close(); return Step::wait;
  }
  return Step::wait;
}

void Connection::become_http2() {
  state_ = State::closed;
  net_->add(make_http2(net_, std::move(socket_), std::move(tls_context_), std::move(tls_), std::move(certificate_), std::move(remote_)));
  net_->remove(this);
}

// One read from the socket into in_. False: nothing came.
bool Connection::fill() {
  if (!readable_ || client_ended_) {
    want_read_ = !client_ended_;
    return false;
  }
  std::size_t got = 0;
  switch (tls_->read(net_->scratch(), NetThread::kReadBytes, got)) {
    case Io::done:
      in_.append(net_->scratch(), got);
      readable_ = tls_->has_pending() || got == NetThread::kReadBytes;
      return true;
    case Io::want_write: want_write_ = true; return false;
    case Io::want_read: readable_ = false; want_read_ = true; return false;
    case Io::closed: client_ended_ = true; return false;
  }
  return false;
}

Connection::Step Connection::read() {
  if (in_.empty() && !fill()) {
    if (client_ended_) cut_short();
    return state_ == State::reading ? Step::wait : Step::again;
  }
  if (!begun_) {
    begun_ = true;
    parser_ = std::make_unique<RequestParser>();
    net_->set_deadline(*this, in_ms(kHeaderTimeout_ms));
  }
  const auto used = parser_->feed(in_);
  in_.erase(0, used);
  if (parser_->state() == RequestParser::State::failed) return refuse(parser_->failure()), Step::again;
  if (parser_->state() == RequestParser::State::complete) return dispatch(), Step::again;
  if (parser_->take_expects_continue()) {
    std::size_t at = 0;
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    tls_->write(go_on.data(), go_on.size(), at);
  }
  if (used == 0 && !fill()) {
    if (client_ended_) cut_short();
    return state_ == State::reading ? Step::wait : Step::again;
  }
  return Step::again;
}

// The client stopped sending: between requests that is its goodbye, inside one it is an error of its own.
void Connection::cut_short() {
  if (!begun_ || !parser_ || parser_->state() != RequestParser::State::body) return close();
  refuse({500, "unexpected EOF", true});
}

void Connection::refuse(const ParseFailure& why) {
  refused_ = true;
  close_after_ = true;
  ++request_;
  Response response;
  response.status = why.status;
  response.close = true;
  if (why.status_json) {
    auto error = base::raw_500(why.text);
    if (why.status == 413) error = base::request_too_large(why.text);
    response.content_type = "application/json";
    response.payload = text_payload(base::to_status_json(error));
  } else {
    response.content_type = "text/plain; charset=utf-8";
    response.payload = text_payload(why.text);
  }
  begin(std::move(response));
}

void Connection::dispatch() {
  auto request = parser_->take();
  close_after_ = !parser_->keep_alive() || net_->stopping();
  http10_ = parser_->http10();
  head_only_ = request.method == "HEAD";
  parser_.reset();
  begun_ = false;
  request.certificate = certificate_;
  request.remote = remote_;
  state_ = State::handling;
  net_->set_deadline(*this, base::kForever);
  // The handler's to keep: when it drops it without an answer, the client gets 500.
  auto exchange = std::make_shared<Exchange>(++request_, weak_from_this(), net_->weak_from_this());
  exchange_ = exchange;
  net_->shared.handler.handle(std::move(request), std::move(exchange));
}

// While the answer is being made or waited for: notice a client that leaves, keep what it sends ahead.
void Connection::watch_client() {
  while (in_.size() < kPipelineBytesMax && fill())
    if (response_.status == 101) in_.clear();
  if (client_ended_) return close();
  if (in_.size() >= kPipelineBytesMax) want_read_ = false;
}

void Connection::expire() {
  if (state_ == State::closed) return;
  close();
}

void Connection::stop() {
  close_after_ = true;
  if (state_ == State::handshake || (state_ == State::reading && !begun_)) return close();
  stop_stream_ = true;
  if (state_ == State::sending) drive();
}

void Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  const auto self = shared_from_this();
  end_exchange();
  if (tls_) tls_->close_notify();
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  socket_.close(ignored);
  net_->remove(this);
}

void Connection::end_exchange() {
  if (auto exchange = exchange_.lock()) exchange->leave();
  exchange_.reset();
  pieces_.clear();
  piece_ = piece_at_ = 0;
  auto response = std::exchange(response_, {});
  response.payload.reset();
  if (response.sent) response.sent(response.status);
}

// --- sending ---------------------------------------------------------------------------------------------------------

void Connection::answer(std::uint64_t request, Response response) {
  if (request != request_ || state_ != State::handling) return;
  begin(std::move(response));
  drive();
}

void Connection::begin(Response response) {
  response_ = std::move(response);
  state_ = State::sending;
  ended_ = false;
  if (response_.close) close_after_ = true;
  const bool bodiless = response_.status == 204 || response_.status == 304;
  const auto length = response_.payload ? response_.payload->length() : std::optional<std::uint64_t>(0);
  const bool raw = response_.status == 101;   // another protocol from here on
  chunked_ = !length && !http10_ && !bodiless && !raw;
  if (raw || (!length && http10_)) close_after_ = true;
  out_ += "HTTP/1.1 " + std::to_string(response_.status) + " ";
  out_ += phrase(response_.status);
  out_ += "\r\nDate: ";
  out_ += net_->date();
  out_ += "\r\n";
  if (!response_.content_type.empty()) out_ += "Content-Type: " + response_.content_type + "\r\n";
  for (const auto& [name, value] : response_.headers) out_ += name + ": " + value + "\r\n";
  if (chunked_) out_ += "Transfer-Encoding: chunked\r\n";
  else if (length && !bodiless) out_ += "Content-Length: " + std::to_string(*length) + "\r\n";
  if (close_after_ && !raw) out_ += "Connection: close\r\n";
  out_ += "\r\n";
  if (head_only_ || bodiless || !response_.payload) ended_ = true;
  patient_ = response_.payload && response_.payload->patient();
  net_->set_deadline(*this, stall_deadline());
}

// The client still sends what was refused: read it away, or the answer is lost to it in a reset connection.
Connection::Step Connection::drain() {
  while (drained_ < kDrainBytesMax) {
    std::size_t got = 0;
    switch (tls_->read(net_->scratch(), NetThread::kReadBytes, got)) {
      case Io::done: drained_ += got; continue;
      case Io::want_read: want_read_ = true; return Step::wait;
      default: close(); return Step::wait;
    }
  }
  close();
  return Step::wait;
}

Connection::Step Connection::send() {
  for (;;) {
    if (sent_ >= kYieldBytes) return yield(), Step::wait;
    if (out_at_ < out_.size()) {
      if (!ready_to_write(out_, out_at_)) return Step::wait;
      continue;
    }
    out_.clear();
    out_at_ = 0;
    if (piece_ < pieces_.size()) {
      if (!send_piece()) return Step::wait;
      continue;
    }
    if (ended_) return finish_answer(), Step::again;
    if (!pull()) return Step::wait;
  }
}

// Writes once from `bytes` at `at`. False: wait (or closed).
bool Connection::ready_to_write(std::string_view bytes, std::size_t& at) {
  std::size_t put = 0;
  switch (tls_->write(bytes.data() + at, bytes.size() - at, put)) {
    case Io::done:
      at += put;
      sent_ += put;
      net_->set_deadline(*this, stall_deadline());
      return true;
    case Io::want_read: want_read_ = true; return false;
    case Io::want_write: want_write_ = true; return false;
    case Io::closed: close(); return false;
  }
  return false;
}

// Large pieces go out as they are, small ones are gathered.
bool Connection::send_piece() {
  const auto piece = pieces_[piece_];
  if (piece.size() >= kDirectBytes) {
    if (!ready_to_write(piece, piece_at_)) return false;
    if (piece_at_ == piece.size()) ++piece_, piece_at_ = 0;
    return true;
  }
  gather();
  return true;
}

void Connection::gather() {
  while (piece_ < pieces_.size() && pieces_[piece_].size() < kDirectBytes && out_.size() < kGatherBytes) out_ += pieces_[piece_++];
}

// False: nothing to send now.
bool Connection::pull() {
  static constexpr std::string_view line_end = "\r\n";
  pieces_.clear();
  piece_ = piece_at_ = 0;
  auto state = Payload::Pull::end;
  if (!stop_stream_ || !response_.payload->endless()) state = response_.payload->pull(pieces_, kPullBytes);
  std::size_t bytes = 0;
  for (const auto piece : pieces_) bytes += piece.size();
  if (chunked_ && bytes > 0) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, bytes, 16).ptr;
    out_.append(digits, end).append(line_end);
    pieces_.push_back(line_end);
  }
  if (state == Payload::Pull::cut) return close(), false;
  if (state == Payload::Pull::end) {
    ended_ = true;
    if (chunked_) pieces_.push_back("0\r\n\r\n");
  }
  if (bytes > 0) gather();
  if (state != Payload::Pull::wait || bytes > 0) return true;
  net_->set_deadline(*this, base::kForever);
  watch_client();
  return false;
}

void Connection::finish_answer() {
  end_exchange();
  stop_stream_ = false;
  if (out_.capacity() > 2 * kGatherBytes) std::string().swap(out_);
  std::vector<std::string_view>().swap(pieces_);
  if (refused_ && !client_ended_) {
    state_ = State::draining;
    tls_->close_notify();
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    return net_->set_deadline(*this, in_ms(kDrain_ms));
  }
  if (close_after_) return close();
  state_ = State::reading;
  if (in_.empty()) std::string().swap(in_);
  net_->set_deadline(*this, in_ms(kIdleTimeout_ms));
}

void Connection::tunnel(std::uint64_t request, Tunnel tunnel) {
  if (request != request_ || state_ != State::handling) return;
  const auto self = shared_from_this();
  state_ = State::closed;
  if (auto exchange = exchange_.lock()) exchange->leave();
  net_->add(make_relay(net_, std::move(socket_), std::move(tls_context_), std::move(tls_), std::move(in_), std::move(tunnel)));
  net_->remove(this);
}

}  // namespace

std::shared_ptr<Session> make_connection(std::shared_ptr<NetThread> net, tcp::socket socket) {
  return std::make_shared<Connection>(std::move(net), std::move(socket));
}

}  // namespace keelson::api
