// Answers of a connection as they go out.
#include <sys/socket.h>

#include <charconv>

#include "core/http/connection.hpp"
#include "core/http/relay.hpp"

namespace keelson::http {
namespace {

/// A connection lets others run after this much.
constexpr std::size_t kYieldBytes = 256u << 10;
constexpr std::size_t kPullBytes = 64u << 10;
/// Smaller pieces are gathered into one TLS record.
constexpr std::size_t kGatherBytes = 16u << 10;
constexpr std::size_t kDirectBytes = 8u << 10;
/// What a head and a small body take, so that the text grows once.
constexpr std::size_t kHeadBytes = 2u << 10;
/// What is read away after a refusal, and for how long.
constexpr std::size_t kDrainBytesMax = 8u << 20;
constexpr std::int64_t kDrain_ms = 1'000;

}  // namespace

void Connection::answer(std::uint64_t request, Response response) {
  if (request != request_ || state_ != State::handling) return;
  begin(std::move(response));
  drive();
}

void Connection::begin(Response response) {
  response_ = std::move(response);
  state_ = State::sending;
  if (out_.empty()) out_ = net_->take_text();
  if (response_.close) close_after_ = true;
  const bool bodiless = response_.status == 204 || response_.status == 304;
  const auto length = response_.payload ? response_.payload->length() : std::optional<std::uint64_t>(0);
  const bool raw = response_.status == 101;   // another protocol from here on
  chunked_ = !length && !http10_ && !bodiless && !raw;
  if (raw || (!length && http10_)) close_after_ = true;
  print_head(length, bodiless, raw);
  ended_ = head_only_ || bodiless || !response_.payload;
  more_ = false;
  head_alone_ = !ended_;
  patient_ = response_.payload && response_.payload->patient();
  net_->set_deadline(*this, stall_deadline());
}

void Connection::print_head(std::optional<std::uint64_t> length, bool bodiless, bool raw) {
  const auto put = [this](auto... pieces) { (out_.append(pieces), ...); };
  char digits[20];
  const auto decimal = [&digits](std::uint64_t number) { return std::string_view(digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits)); };
  out_.reserve(out_.size() + kHeadBytes);
  put("HTTP/1.1 ", decimal(static_cast<std::uint64_t>(response_.status)), " ", phrase(response_.status), "\r\nDate: ", net_->date(), "\r\n");
  if (!response_.content_type.empty()) put("Content-Type: ", std::string_view(response_.content_type), "\r\n");
  for (const auto& [name, value] : response_.headers) put(std::string_view(name), ": ", std::string_view(value), "\r\n");
  if (chunked_) put("Transfer-Encoding: chunked\r\n");
  else if (length && !bodiless) put("Content-Length: ", decimal(*length), "\r\n");
  if (close_after_ && !raw) put("Connection: close\r\n");
  put("\r\n");
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
    if (std::exchange(head_alone_, false) || begins_record()) {
      // What there is of the body goes out with the head: one record, one system call. A stream's head waits for nothing.
      pull();
      if (state_ == State::closed) return Step::wait;
    }
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

// What is gathered is less than a record, and more of the body is there already.
bool Connection::begins_record() const { return more_ && piece_ == pieces_.size() && out_at_ == 0 && !out_.empty() && out_.size() < kGatherBytes; }

// Writes once from `bytes` at `at`. False: wait (or closed).
bool Connection::ready_to_write(std::string_view bytes, std::size_t& at) {
  std::size_t put = 0;
  const bool beyond_record = bytes.size() - at > kGatherBytes;
  tls_->more_follows(beyond_record || piece_ + (bytes.data() != out_.data()) < pieces_.size());
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
  if (piece.size() - piece_at_ >= kDirectBytes) {
    if (!ready_to_write(piece, piece_at_)) return false;
    if (piece_at_ == piece.size()) ++piece_, piece_at_ = 0;
    return true;
  }
  gather();
  return true;
}

// Whole records: what a piece has over goes into the next one.
void Connection::gather() {
  while (piece_ < pieces_.size() && pieces_[piece_].size() - piece_at_ < kDirectBytes && out_.size() < kGatherBytes) {
    const auto piece = pieces_[piece_].substr(piece_at_, kGatherBytes - out_.size());
    out_ += piece;
    piece_at_ += piece.size();
    if (piece_at_ == pieces_[piece_].size()) ++piece_, piece_at_ = 0;
  }
}

// False: nothing to send now.
bool Connection::pull() {
  static constexpr std::string_view line_end = "\r\n";
  pieces_.clear();
  piece_ = piece_at_ = 0;
  auto state = Payload::Pull::end;
  if (!stop_stream_ || !response_.payload->endless()) state = response_.payload->pull(pieces_, kPullBytes);
  more_ = state == Payload::Pull::more && !response_.payload->endless();
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
  net_->give_text(std::exchange(out_, {}));
  std::vector<std::string_view>().swap(pieces_);
  if (refused_ && !client_ended_) {
    state_ = State::draining;
    tls_->close_notify();
    ::shutdown(socket_, SHUT_WR);
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
  net_->add(make_relay(net_, leave_socket(), std::move(tls_context_), std::move(tls_), std::move(in_), std::move(tunnel)));
  net_->remove(this);
}

}  // namespace keelson::http
