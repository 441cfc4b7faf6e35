#include "core/http/http2_stream.hpp"

namespace keelson::http {
namespace {

constexpr std::size_t kPullBytes = 64u << 10;
/// What RFC 9113 adds to each header's length.
constexpr std::size_t kHeaderOverheadBytes = 32;

}  // namespace

void Http2Stream::take_header(std::string_view name, std::string_view value) {
  header_bytes += name.size() + value.size() + kHeaderOverheadBytes;
  if (header_bytes > kHeaderBytesMax) {
    refused = ParseFailure{431, "431 " + std::string(phrase(431)), false};
    request.headers.clear();
    return;
  }
  if (name == ":method") request.method = value;
  else if (name == ":path") target_ = value;
  else if (name == ":authority") authority_ = value;
  else if (!name.starts_with(':')) request.headers.emplace_back(name, value);
}

void Http2Stream::settle_head() {
  request.http1 = false;
  if (refused) return;
  if (target_.empty() || target_.front() != '/') {
    refused = ParseFailure{400, "400 " + std::string(phrase(400)), false};
    return;
  }
  const auto question = target_.find('?');
  request.path = target_.substr(0, question);
  if (question != std::string::npos) request.query = target_.substr(question + 1);
  if (!authority_.empty() && request.header("host").empty()) request.headers.emplace_back("host", std::move(authority_));
}

std::size_t Http2Stream::available() const {
  std::size_t bytes = 0;
  for (auto i = piece_; i < pieces_.size(); ++i) bytes += pieces_[i].size();
  return bytes - (piece_ < pieces_.size() ? piece_at_ : 0);
}

Http2Stream::Ready Http2Stream::ready(std::size_t most, std::size_t& bytes) {
  bytes = available();
  while (bytes == 0 && !ended_) {
    pieces_.clear();
    piece_ = piece_at_ = 0;
    auto state = Payload::Pull::end;
    if (!stopped || !response.payload->endless()) state = response.payload->pull(pieces_, kPullBytes);
    if (state == Payload::Pull::cut) return Ready::cut;
    ended_ = state == Payload::Pull::end;
    bytes = available();
    if (bytes == 0 && state == Payload::Pull::wait) return Ready::wait;
  }
  if (bytes > most) {
    bytes = most;
    return Ready::some;
  }
  return ended_ ? Ready::end : Ready::some;
}

void Http2Stream::take(std::size_t bytes, std::string& out) {
  while (bytes > 0) {
    const auto part = pieces_[piece_].substr(piece_at_, bytes);
    out += part;
    bytes -= part.size();
    piece_at_ += part.size();
    if (piece_at_ == pieces_[piece_].size()) ++piece_, piece_at_ = 0;
  }
}

void Http2Stream::leave() {
  if (auto alive = exchange.lock()) alive->leave();
  exchange.reset();
  pieces_.clear();
  piece_ = piece_at_ = 0;
  auto over = std::exchange(response, {});
  over.payload.reset();
  if (over.sent) over.sent(over.status);
}

}  // namespace keelson::http
