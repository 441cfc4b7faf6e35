#include "tests/unit/api/http2_client.hpp"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <vector>

namespace keelson::tests {
namespace {

constexpr int kWaitSeconds = 20;

void use(SSL_CTX* context, const auth::KeyPair& identity) {
  BIO* bio = BIO_new_mem_buf(identity.certificate_pem.data(), static_cast<int>(identity.certificate_pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  SSL_CTX_use_certificate(context, certificate);
  X509_free(certificate);
  BIO_free(bio);
  bio = BIO_new_mem_buf(identity.key_pem.data(), static_cast<int>(identity.key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  SSL_CTX_use_PrivateKey(context, key);
  EVP_PKEY_free(key);
  BIO_free(bio);
}

}  // namespace

struct Http2Client::Impl {
  int fd = -1;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  nghttp2_session* session = nullptr;
  std::map<std::int32_t, Http2Answer> answers;
  std::map<std::int32_t, std::pair<std::string, std::size_t>> bodies;
  bool goaway = false, over = false;

  static Impl& of(void* user) { return *static_cast<Impl*>(user); }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    of(user).answers[frame->hd.stream_id].headers[std::string(reinterpret_cast<const char*>(name), name_size)] = std::string(reinterpret_cast<const char*>(value), value_size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) self.goaway = true;
    if (frame->hd.type == NGHTTP2_HEADERS) self.answers[frame->hd.stream_id].head = true;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) self.answers[frame->hd.stream_id].complete = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM) self.answers[frame->hd.stream_id].reset = frame->rst_stream.error_code;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes, std::size_t size, void* user) {
    of(user).answers[stream].body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static ssize_t read_body(nghttp2_session*, std::int32_t stream, std::uint8_t* into, std::size_t room, std::uint32_t* flags, nghttp2_data_source*, void* user) {
    auto& [text, at] = of(user).bodies[stream];
    const auto size = std::min(room, text.size() - at);
    text.copy(reinterpret_cast<char*>(into), size, at);
    at += size;
    if (at == text.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }

  void flush() {
    const std::uint8_t* bytes = nullptr;
    while (true) {
      const auto size = nghttp2_session_mem_send(session, &bytes);
      if (size <= 0) return;
      if (SSL_write(ssl, bytes, static_cast<int>(size)) <= 0) over = true;
    }
  }
};

Http2Client::Http2Client(std::uint16_t port, const std::optional<auth::KeyPair>& identity, std::int32_t window) : impl_(std::make_unique<Impl>()) {
  std::signal(SIGPIPE, SIG_IGN);
  impl_->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval wait{kWaitSeconds, 0};
  ::setsockopt(impl_->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(impl_->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(impl_->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect");
  impl_->context = SSL_CTX_new(TLS_client_method());
  if (identity) use(impl_->context, *identity);
  static const unsigned char offered[] = "\x08http/1.1\x02h2";
  SSL_CTX_set_alpn_protos(impl_->context, offered, sizeof offered - 1);
  impl_->ssl = SSL_new(impl_->context);
  SSL_set_fd(impl_->ssl, impl_->fd);
  if (SSL_connect(impl_->ssl) != 1) throw std::runtime_error("TLS");
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Impl::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Impl::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Impl::on_data);
  nghttp2_session_client_new(&impl_->session, callbacks, impl_.get());
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(window)}};
  nghttp2_submit_settings(impl_->session, NGHTTP2_FLAG_NONE, settings, 1);
  impl_->flush();
}

Http2Client::~Http2Client() {
  nghttp2_session_del(impl_->session);
  SSL_free(impl_->ssl);
  SSL_CTX_free(impl_->context);
  ::close(impl_->fd);
}

std::string Http2Client::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(impl_->ssl, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::int32_t Http2Client::begin(std::string_view method, std::string_view path, std::string body, const Headers& more) {
  Headers headers{{":method", std::string(method)}, {":path", std::string(path)}, {":scheme", "https"}, {":authority", "t"}};
  headers.insert(more.begin(), more.end());
  std::vector<nghttp2_nv> pairs;
  for (const auto& [name, value] : headers)
    pairs.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())), reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  nghttp2_data_provider provider{};
  provider.read_callback = Impl::read_body;
  const auto stream = nghttp2_submit_request(impl_->session, nullptr, pairs.data(), pairs.size(), body.empty() ? nullptr : &provider, nullptr);
  impl_->bodies[stream] = {std::move(body), 0};
  impl_->flush();
  return stream;
}

void Http2Client::cancel(std::int32_t stream) {
  nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  impl_->flush();
}

Http2Answer& Http2Client::answer(std::int32_t stream) { return impl_->answers[stream]; }

bool Http2Client::turn() {
  if (impl_->over) return false;
  char bytes[16'384];
  const int got = SSL_read(impl_->ssl, bytes, sizeof bytes);
  if (got <= 0 || nghttp2_session_mem_recv(impl_->session, reinterpret_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(got)) < 0) {
    impl_->over = true;
    return false;
  }
  impl_->flush();
  return true;
}

Http2Answer Http2Client::request(std::string_view method, std::string_view path, std::string body, const Headers& more) {
  const auto stream = begin(method, path, std::move(body), more);
  until([&] { return answer(stream).complete || answer(stream).reset; });
  return answer(stream);
}

void Http2Client::send_raw(std::string_view bytes) {
  if (SSL_write(impl_->ssl, bytes.data(), static_cast<int>(bytes.size())) <= 0) impl_->over = true;
}

bool Http2Client::ended() {
  until([] { return false; });
  return impl_->over;
}

bool Http2Client::goaway() const { return impl_->goaway; }
std::uint32_t Http2Client::streams_allowed() const { return nghttp2_session_get_remote_settings(impl_->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS); }

std::string http2_frame(unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload) {
  std::string out;
  for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(stream >> shift);
  return out.append(payload);
}

}  // namespace keelson::tests
