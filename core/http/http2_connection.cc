#include "core/http/http2_connection.hpp"

#include "core/base/log.hpp"

namespace keelson::http {
namespace {

/// A connection lets others run after this much.
constexpr std::size_t kYieldBytes = 256u << 10;
/// Frames are gathered up to this much before they are written.
constexpr std::size_t kGatherBytes = 64u << 10;
/// How often streams that wait for their client are looked at.
constexpr std::int64_t kLook_ms = 8'000;
constexpr std::int64_t kNanosInMilli = 1'000'000;
/// Frames that wait to go out, beyond which no new ones are read.
constexpr std::size_t kOutboundFramesMax = 1'000;

}  // namespace

Http2Connection::Http2Connection(std::shared_ptr<NetThread> net, tcp::socket socket, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsStream> tls,
                                 std::shared_ptr<const PeerCertificate> certificate, std::string remote)
    : net_(std::move(net)), socket_(std::move(socket)), context_(std::move(context)), tls_(std::move(tls)), certificate_(std::move(certificate)), remote_(std::move(remote)) {
  session_ = make_http2_session(*this);
}

Http2Connection::~Http2Connection() { nghttp2_session_del(session_); }

void Http2Connection::start() {
  wrote_ = now();
  drive();
}

void Http2Connection::drive() {
  if (driving_ || closed_) return;
  const auto self = shared_from_this();
  driving_ = true;
  want_write_ = false;
  try {
    for (bool moved = true; moved && !closed_ && moved_ < kYieldBytes;) {
      moved = receive();
      if (!closed_) dispatch();
      if (!closed_) moved |= send();
    }
  } catch (const std::exception& broken) {
    base::log_error("api", "connection ended by an exception", {{"what", broken.what()}});
    close();
  }
  driving_ = false;
  if (closed_) return;
  const bool idle = out_at_ == out_.size();
  if (idle && (ended_ || (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)))) return close();
  if (moved_ >= kYieldBytes) {
    moved_ = 0;
    return net_->post([self] { self->drive(); });
  }
  arm();
}

// One read from the socket. A client that does not take its answers is not read from either.
bool Http2Connection::receive() {
  if (!readable_ || ended_ || nghttp2_session_get_outbound_queue_size(session_) > kOutboundFramesMax) return false;
  std::size_t got = 0;
  switch (tls_->read(net_->scratch(), NetThread::kReadBytes, got)) {
    case Io::done: break;
    case Io::closed: return close(), false;
    case Io::want_write: want_write_ = true; return false;
    case Io::want_read: readable_ = false; return false;
  }
  readable_ = tls_->has_pending() || got == NetThread::kReadBytes;
  moved_ += got;
  const auto used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(net_->scratch()), got);
  if (used < 0) ended_ = true;   // no HTTP/2 or a flood: the GOAWAY that nghttp2 made goes out, then it is over
  return true;
}

bool Http2Connection::send() {
  if (out_at_ == out_.size()) gather();
  return out_at_ < out_.size() && write();
}

void Http2Connection::gather() {
  out_.clear();
  out_at_ = 0;
  if (out_.capacity() > 4 * kGatherBytes) std::string().swap(out_);
  while (out_.size() < kGatherBytes) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) {
      ended_ = true;
      return;
    }
    if (size == 0) return;
    out_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  }
}

bool Http2Connection::write() {
  std::size_t put = 0;
  switch (tls_->write(out_.data() + out_at_, out_.size() - out_at_, put)) {
    case Io::done:
      out_at_ += put;
      moved_ += put;
      wrote_ = now();
      return true;
    case Io::want_write: want_write_ = true; return false;
    case Io::want_read: readable_ = false; return false;
    case Io::closed: close(); return false;
  }
  return false;
}

void Http2Connection::arm() {
  const auto wait = [this](tcp::socket::wait_type what, bool& waiting, bool& flag, bool value) {
    if (waiting) return;
    waiting = true;
    socket_.async_wait(what, [self = shared_from_this(), &waiting, &flag, value](boost::system::error_code error) {
      waiting = false;
      if (error) return;
      flag = value;
      self->drive();
    });
  };
  if (!ended_ && !readable_) wait(tcp::socket::wait_read, reading_, readable_, true);
  if (want_write_) wait(tcp::socket::wait_write, writing_, want_write_, false);
  arm_deadline();
}

// A connection whose streams all wait for news needs no looking at.
void Http2Connection::arm_deadline() {
  if (streams_.empty() && out_at_ == out_.size()) return net_->set_deadline(*this, net_->shared.runtime.in_ms(kIdleTimeout_ms));
  bool look = out_at_ < out_.size();
  for (const auto& [id, stream] : streams_) look |= !stream.complete || stream.has_pending();
  if (!look) return net_->set_deadline(*this, base::kForever);
  if (deadline == base::kForever || deadline > net_->shared.runtime.in_ms(kLook_ms)) net_->set_deadline(*this, net_->shared.runtime.in_ms(kLook_ms));
}

bool Http2Connection::late(const Http2Stream& stream, base::Monotonic now) const {
  const auto waited_ms = (now - stream.since) / kNanosInMilli;
  if (!stream.complete && !stream.answered) return waited_ms > kHeaderTimeout_ms;
  return stream.has_pending() && !stream.response.payload->patient() && waited_ms > kStallTimeout_ms;
}

void Http2Connection::expire() {
  if (closed_) return;
  const auto at = now();
  if (out_at_ < out_.size() && (at - wrote_) / kNanosInMilli > kStallTimeout_ms) return close();
  if (streams_.empty()) say_goodbye();
  for (const auto& [id, stream] : streams_)
    if (late(stream, at)) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  drive();
}

void Http2Connection::stop() {
  for (auto& [id, stream] : streams_) {
    stream.stopped = true;
    if (std::exchange(stream.waits, false)) nghttp2_session_resume_data(session_, id);
  }
  say_goodbye();
  drive();
}

void Http2Connection::say_goodbye() {
  if (std::exchange(leaving_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr, 0);
}

void Http2Connection::close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  for (auto& [id, stream] : streams_) stream.leave();
  streams_.clear();
  tls_->close_notify();
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  socket_.close(ignored);
  net_->remove(this);
}

std::shared_ptr<Session> make_http2(std::shared_ptr<NetThread> net, tcp::socket socket, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsStream> tls,
                                    std::shared_ptr<const PeerCertificate> certificate, std::string remote) {
  return std::make_shared<Http2Connection>(std::move(net), std::move(socket), std::move(context), std::move(tls), std::move(certificate), std::move(remote));
}

}  // namespace keelson::http
