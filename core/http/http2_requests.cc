// Streams of a connection: requests as they come together, answers as they go.
#include <charconv>

#include "core/http/http2_connection.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::http {
namespace {

constexpr std::size_t kGatherBytes = 64u << 10;

/// The headers of an answer in nghttp2's form, which points into what it was made of.
class HeaderBlock {
 public:
  void add(std::string name, std::string value) {
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    texts_.emplace_back(std::move(name), std::move(value));
  }
  std::vector<nghttp2_nv> pairs() {
    const auto bytes = [](std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); };
    std::vector<nghttp2_nv> out;
    out.reserve(texts_.size());
    for (auto& [name, value] : texts_) out.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    return out;
  }

 private:
  Headers texts_;
};

HeaderBlock header_block(const Response& response, std::string_view date, bool bodiless) {
  HeaderBlock block;
  block.add(":status", std::to_string(response.status));
  block.add("date", std::string(date));
  if (!response.content_type.empty()) block.add("content-type", response.content_type);
  for (const auto& [name, value] : response.headers) block.add(name, value);
  const auto length = response.payload ? response.payload->length() : std::optional<std::uint64_t>(0);
  if (length && !bodiless) block.add("content-length", std::to_string(*length));
  return block;
}

}  // namespace

Http2Stream* Http2Connection::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

void Http2Connection::begin_request(std::int32_t id) { streams_.try_emplace(id, id).first->second.since = now(); }

bool Http2Connection::take_body(Http2Stream& stream, std::string_view bytes) {
  auto& body = stream.request.body;
  if (body.size() + bytes.size() > kinds::kBodyBytesMax) {
    stream.refused = ParseFailure{413, "Request entity too large: limit is " + std::to_string(kinds::kBodyBytesMax), true};
    bodies_bytes_ -= body.size();
    std::string().swap(body);
    return true;
  }
  if (bodies_bytes_ + bytes.size() > kHttp2BodiesBytesMax) return false;
  bodies_bytes_ += bytes.size();
  body += bytes;
  return true;
}

// Requests that came together while bytes were read.
void Http2Connection::dispatch() {
  for (const auto id : std::exchange(ready_, {})) {
    auto* stream = find(id);
    if (!stream || stream->answered || stream->exchange.lock()) continue;
    if (stream->refused) {
      refuse(*stream);
      continue;
    }
    bodies_bytes_ -= stream->request.body.size();
    stream->request.certificate = certificate_;
    stream->request.remote = remote_;
    auto exchange = std::make_shared<Exchange>(static_cast<std::uint64_t>(id), weak_from_this(), net_->weak_from_this());
    stream->exchange = exchange;
    const bool head = stream->request.method == "HEAD";
    auto request = std::move(stream->request);
    stream->request = Request{};
    if (head) stream->request.method = "HEAD";
    net_->shared.handler.handle(std::move(request), std::move(exchange));
    if (closed_) return;
  }
}

void Http2Connection::refuse(Http2Stream& stream) {
  const auto& why = *stream.refused;
  Response response;
  response.status = why.status;
  response.content_type = why.status_json ? "application/json" : "text/plain; charset=utf-8";
  response.payload = text_payload(why.status_json ? base::to_status_json(base::request_too_large(why.text)) : why.text);
  submit(stream, std::move(response));
}

void Http2Connection::answer(std::uint64_t request, Response response) {
  auto* stream = closed_ ? nullptr : find(static_cast<std::int32_t>(request));
  if (!stream || stream->answered) return;
  submit(*stream, std::move(response));
  drive();
}

void Http2Connection::submit(Http2Stream& stream, Response response) {
  stream.answered = true;
  stream.since = now();
  stream.response = std::move(response);
  if (stream.response.close) say_goodbye();
  const bool bodiless = stream.response.status == 204 || stream.response.status == 304;
  auto block = header_block(stream.response, net_->date(), bodiless);
  const auto pairs = block.pairs();
  const bool empty = bodiless || !stream.response.payload || stream.request.method == "HEAD";
  const auto provider = payload_provider(stream);
  if (nghttp2_submit_response(session_, stream.id, pairs.data(), pairs.size(), empty ? nullptr : &provider) != 0)
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_INTERNAL_ERROR);
}

// Upgrades are refused before it comes to this.
void Http2Connection::tunnel(std::uint64_t request, Tunnel) {
  if (!closed_ && find(static_cast<std::int32_t>(request))) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, static_cast<std::int32_t>(request), NGHTTP2_HTTP_1_1_REQUIRED);
  drive();
}

void Http2Connection::woken(std::uint64_t request) {
  auto* stream = closed_ ? nullptr : find(static_cast<std::int32_t>(request));
  if (!stream || !std::exchange(stream->waits, false)) return;
  stream->since = now();
  nghttp2_session_resume_data(session_, stream->id);
  drive();
}

ssize_t Http2Connection::read_payload(Http2Stream& stream, std::size_t most, std::uint32_t& flags) {
  std::size_t bytes = 0;
  const auto ready = stream.ready(most, bytes);
  if (ready == Http2Stream::Ready::cut) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (ready == Http2Stream::Ready::wait) {
    stream.waits = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (ready == Http2Stream::Ready::end) flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(bytes);
}

bool Http2Connection::send_data(Http2Stream& stream, std::string_view frame_head, std::size_t bytes) {
  if (out_.size() >= kGatherBytes) return false;
  out_ += frame_head;
  stream.take(bytes, out_);
  stream.since = now();
  return true;
}

// An answer that ends before its request: the rest is not wanted.
void Http2Connection::sent_frame(const nghttp2_frame& frame) {
  if ((frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS) || !(frame.hd.flags & NGHTTP2_FLAG_END_STREAM)) return;
  const auto* stream = find(frame.hd.stream_id);
  if (stream && !stream->complete) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR);
}

void Http2Connection::stream_closed(std::int32_t id) {
  auto found = streams_.extract(id);
  if (found.empty()) return;
  auto& stream = found.mapped();
  bodies_bytes_ -= stream.request.body.size();
  stream.leave();
}

}  // namespace keelson::http
