// The state machine of a connection, and requests as they come in.
#include "core/http/connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.hpp"
#include "core/http/http2.hpp"
#include "core/http/relay.hpp"

namespace keelson::http {
namespace {

/// Bytes kept of requests sent ahead of the answer.
constexpr std::size_t kPipelineBytesMax = 64u << 10;

bool has_left(int socket) {
  pollfd client{socket, POLLRDHUP, 0};
  return ::poll(&client, 1, 0) > 0;
}

}  // namespace

Connection::Connection(std::shared_ptr<NetThread> net, tcp::socket socket) : net_(std::move(net)), tls_context_(net_->shared.tls_now()) {
  boost::system::error_code ignored;
  const auto peer = socket.remote_endpoint(ignored);
  if (!ignored) remote_ = peer.address().to_string();
  if (!ignored) protocol_ = peer.protocol();
  socket_ = socket.release();
  tls_ = std::make_unique<TlsStream>(*tls_context_, socket_);
}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

void Connection::start() {
  if (!net_->poller.add(socket_, *this)) return close();
  net_->set_deadline(*this, in_ms(kHeaderTimeout_ms));
  drive();
}

void Connection::ready(bool readable, bool writable) {
  readable_ |= readable;
  if ((readable && want_read_) || (writable && want_write_)) drive();
}

/// To whoever goes on with the connection.
tcp::socket Connection::leave_socket() {
  net_->poller.remove(socket_, *this);
  return {net_->context, protocol_, std::exchange(socket_, -1)};
}

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

void Connection::yield() {
  sent_ = 0;
  net_->post([self = shared_from_this()] { self->drive(); });
}

Connection::Step Connection::shake() {
  // After a standstill most of those that wait have given up and come again behind the others. A handshake for each, which costs a
  // thousand times as much as this question, would make the next ones give up, too, and so on for ever.
  if (!tls_->greeted() && has_left(socket_)) {
    close();
    return Step::wait;
  }
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
  net_->add(make_http2(net_, leave_socket(), std::move(tls_context_), std::move(tls_), std::move(certificate_), std::move(remote_)));
  net_->remove(this);
}

// One read from the socket; what came lies in the thread's buffer until somebody else reads. False: nothing came.
bool Connection::receive(std::string_view& bytes) {
  if (!readable_ || client_ended_) {
    want_read_ = !client_ended_;
    return false;
  }
  std::size_t got = 0;
  switch (tls_->read(net_->scratch(), NetThread::kReadBytes, got)) {
    case Io::done:
      bytes = {net_->scratch(), got};
      readable_ = tls_->has_pending() || !tls_->drained();
      return true;
    case Io::want_write: want_write_ = true; return false;
    case Io::want_read: readable_ = false; want_read_ = true; return false;
    case Io::closed: client_ended_ = true; return false;
  }
  return false;
}

// The same into in_.
bool Connection::fill() {
  std::string_view bytes;
  if (!receive(bytes)) return false;
  in_ += bytes;
  return true;
}

// Feeds the parser as much as it takes; a whole request goes from the socket's buffer into it without being kept in between.
// False: it needs more than there is.
bool Connection::feed(std::string_view received) {
  const std::string_view bytes = in_.empty() ? received : std::string_view(in_);
  std::size_t used = 0, step = 0;
  do {
    step = parser_->feed(bytes.substr(used));
    used += step;
  } while (step > 0 && used < bytes.size() && parser_->state() != RequestParser::State::failed && parser_->state() != RequestParser::State::complete);
  if (in_.empty()) in_ = bytes.substr(used);
  else in_.erase(0, used);
  return used > 0;
}

Connection::Step Connection::wait_for_more() {
  if (client_ended_) cut_short();
  return state_ == State::reading ? Step::wait : Step::again;
}

Connection::Step Connection::read() {
  std::string_view received;
  if (in_.empty() && !receive(received)) return wait_for_more();
  const bool begins = !std::exchange(begun_, true);
  if (begins) parser_.emplace();
  const bool fed = feed(received);
  if (parser_->state() == RequestParser::State::failed) return refuse(parser_->failure()), Step::again;
  if (parser_->state() == RequestParser::State::complete) return dispatch(), Step::again;
  if (begins) net_->set_deadline(*this, in_ms(kHeaderTimeout_ms));
  if (parser_->take_expects_continue()) {
    std::size_t at = 0;
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    tls_->write(go_on.data(), go_on.size(), at);
  }
  if (!fed && !fill()) return wait_for_more();
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
  net_->poller.remove(socket_, *this);
  ::shutdown(socket_, SHUT_WR);
  ::close(std::exchange(socket_, -1));
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

std::shared_ptr<Session> make_connection(std::shared_ptr<NetThread> net, tcp::socket socket) {
  return std::make_shared<Connection>(std::move(net), std::move(socket));
}

}  // namespace keelson::http
