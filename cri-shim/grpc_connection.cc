#include "grpc_connection.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <new>

namespace keelson::node {
namespace {

constexpr std::int32_t kWindowBytes = 1 << 20;
constexpr std::size_t kWriteAtOnceBytes = 64u << 10;
constexpr std::size_t kFrameHeadBytes = 5;   // "compressed", then the length, big endian

std::string framed(const std::string& message) {
  std::string out(kFrameHeadBytes, '\0');
  for (std::size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>(message.size() >> (24 - 8 * i) & 0xFF);
  return out + message;
}

std::size_t message_bytes(std::string_view head) {
  std::size_t size = 0;
  for (std::size_t i = 1; i < kFrameHeadBytes; ++i) size = size << 8 | static_cast<unsigned char>(head[i]);
  return size;
}

/// grpc-message is percent-encoded.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const bool escape = text[i] == '%' && i + 2 < text.size() && std::from_chars(&text[i + 1], &text[i + 3], byte, 16).ptr == &text[i] + 3;
    out += escape ? static_cast<char>(byte) : text[i];
    if (escape) i += 2;
  }
  return out;
}

nghttp2_nv header(const std::string& name, const std::string& value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())), reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
          name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::vector<std::pair<std::string, std::string>> head_of(const GrpcCall& call) {
  std::vector<std::pair<std::string, std::string>> head{{":method", "POST"}, {":scheme", "http"}, {":path", call.method}, {":authority", call.authority},
                                                        {"te", "trailers"}, {"content-type", "application/grpc"}, {"user-agent", call.agent}};
  if (call.timeout.count() > 0) head.emplace_back("grpc-timeout", std::to_string(call.timeout.count()) + "m");
  head.insert(head.end(), call.metadata.begin(), call.metadata.end());
  return head;
}

/// For a stream that ended without grpc-status.
GrpcStatus status_of(std::uint32_t http2_error, const std::string& http_status) {
  if (http2_error == NGHTTP2_REFUSED_STREAM) return {GrpcCode::unavailable, "the runtime refused the call"};
  if (http2_error == NGHTTP2_CANCEL) return {GrpcCode::cancelled, "the runtime cancelled the call"};
  if (http2_error != NGHTTP2_NO_ERROR) return {GrpcCode::internal, std::string("the stream ended: ") + nghttp2_http2_strerror(http2_error)};
  return {GrpcCode::unknown, "an answer without a status, HTTP " + http_status};
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

}  // namespace

// noexcept: nghttp2 is C, no exception may pass through it.
struct GrpcConnection::Callbacks {
  static GrpcConnection& self(void* user) { return *static_cast<GrpcConnection*>(user); }
  static Stream* find(nghttp2_session* session, std::int32_t id) { return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id)); }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                       std::size_t value_size, std::uint8_t, void* user) noexcept {
    if (auto* stream = find(session, frame->hd.stream_id)) self(user).take_header(*stream, view(name, name_size), view(value, value_size));
    return 0;
  }
  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user) noexcept {
    if (auto* stream = find(session, id)) self(user).take_data(*stream, view(bytes, size));
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) self(user).pinged();
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) noexcept {
    self(user).closed(id, error);
    return 0;
  }
  static ssize_t on_read(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t most, std::uint32_t* flags, nghttp2_data_source* source, void*) noexcept {
    auto& stream = *static_cast<Stream*>(source->ptr);
    const auto size = std::min(most, stream.call.request.size() - stream.sent);
    std::memcpy(buffer, stream.call.request.data() + stream.sent, size);
    stream.sent += size;
    if (stream.sent == stream.call.request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }
};

std::unique_ptr<GrpcConnection> GrpcConnection::open(const std::string& socket_path, std::string& error) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    error = socket_path + ": too long for a socket";
    return nullptr;
  }
  std::copy(socket_path.begin(), socket_path.end(), address.sun_path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    error = socket_path + ": " + std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return nullptr;
  }
  return over(fd);
}

GrpcConnection::GrpcConnection(int fd) : fd_(fd) {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  const int made = nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) throw std::bad_alloc();
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindowBytes}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindowBytes);
}

GrpcConnection::~GrpcConnection() {
  nghttp2_session_del(session_);
  ::close(fd_);
}

void GrpcConnection::submit(GrpcCall call) {
  auto stream = std::make_shared<Stream>();
  stream->call = std::move(call);
  stream->call.request = framed(stream->call.request);
  if (stream->call.timeout.count() > 0) stream->deadline = std::chrono::steady_clock::now() + stream->call.timeout;
  const auto head = head_of(stream->call);
  std::vector<nghttp2_nv> headers;
  for (const auto& [name, value] : head) headers.push_back(header(name, value));
  nghttp2_data_provider body{};
  body.source.ptr = stream.get();
  body.read_callback = Callbacks::on_read;
  stream->id = nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(), &body, stream.get());
  if (stream->id < 0) return end(stream, {GrpcCode::unavailable, nghttp2_strerror(stream->id)});
  if (stream->call.up) nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);   // its answer says that the call has arrived
  streams_.emplace(stream->id, std::move(stream));
}

void GrpcConnection::take_header(Stream& stream, std::string_view name, std::string_view value) {
  if (name == ":status") stream.http_status = value;
  if (name == "grpc-message") stream.status.message = decoded(value);
  if (name != "grpc-status") return;
  int code = static_cast<int>(GrpcCode::unknown);
  std::from_chars(value.data(), value.data() + value.size(), code);
  stream.status.code = static_cast<GrpcCode>(code);
  stream.has_status = true;
}

void GrpcConnection::take_data(Stream& stream, std::string_view data) {
  if (stream.ended) return;
  const auto kept = streams_.at(stream.id);
  auto& received = stream.received;
  received += data;
  std::size_t taken = 0;
  while (received.size() - taken >= kFrameHeadBytes) {
    const auto head = std::string_view(received).substr(taken);
    const auto size = message_bytes(head);
    if (head[0] != 0) return give_up(kept, {GrpcCode::internal, "a compressed answer, which was not asked for"});
    if (size > kGrpcMessageBytesMax) return give_up(kept, {GrpcCode::resource_exhausted, "an answer of " + std::to_string(size) + " bytes"});
    if (head.size() < kFrameHeadBytes + size) break;
    due_.push_back([stream = kept, message = std::string(head.substr(kFrameHeadBytes, size))]() mutable { stream->call.message(std::move(message)); });
    taken += kFrameHeadBytes + size;
  }
  received.erase(0, taken);
}

void GrpcConnection::pinged() {
  for (const auto& [id, stream] : streams_) {
    if (!stream->call.up || stream->ended || std::exchange(stream->up, true)) continue;
    due_.push_back([stream = stream] { stream->call.up(); });
  }
}

void GrpcConnection::closed(std::int32_t id, std::uint32_t error) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto stream = found->second;
  streams_.erase(found);
  end(stream, stream->has_status ? stream->status : status_of(error, stream->http_status));
}

void GrpcConnection::end(const std::shared_ptr<Stream>& stream, GrpcStatus status) {
  if (std::exchange(stream->ended, true)) return;
  due_.push_back([stream, status = std::move(status)] { stream->call.done(status); });
}

void GrpcConnection::give_up(const std::shared_ptr<Stream>& stream, GrpcStatus status) {
  stream->deadline = SteadyTime::max();
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
  end(stream, std::move(status));
}

void GrpcConnection::end_all(const GrpcStatus& status) {
  for (auto& [id, stream] : std::exchange(streams_, {})) end(stream, stream->has_status ? stream->status : status);
}

SteadyTime GrpcConnection::expire() {
  const auto now = std::chrono::steady_clock::now();
  auto next = SteadyTime::max();
  for (auto& [id, stream] : streams_) {
    if (stream->deadline <= now) give_up(stream, {GrpcCode::deadline_exceeded, "no answer within " + std::to_string(stream->call.timeout.count()) + " ms"});
    else next = std::min(next, stream->deadline);
  }
  return next;
}

void GrpcConnection::run_due() {
  for (auto& function : std::exchange(due_, {})) function();
}

bool GrpcConnection::read() {
  for (;;) {
    const auto got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    if (nghttp2_session_mem_recv(session_, buffer_.data(), static_cast<std::size_t>(got)) < 0) return false;
  }
}

bool GrpcConnection::flush() {
  while (!out_.empty()) {
    const auto sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

// False also once the runtime has said goodbye and nothing is under way any more.
bool GrpcConnection::write() {
  for (;;) {
    if (!flush()) return false;
    if (!out_.empty()) return true;
    while (out_.size() < kWriteAtOnceBytes) {
      const std::uint8_t* data = nullptr;
      const auto size = nghttp2_session_mem_send(session_, &data);
      if (size < 0) return false;
      if (size == 0) break;
      out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    }
    if (out_.empty()) return nghttp2_session_want_read(session_) != 0;
  }
}

}  // namespace keelson::node
