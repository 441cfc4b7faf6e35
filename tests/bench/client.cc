#include "tests/bench/client.hpp"

#include "tests/bench/http2.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace keelson::bench {

void die(const std::string& why) { throw std::runtime_error(why); }

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

namespace {

constexpr std::size_t kReadBytes = 256u << 10;
constexpr int kEventsPerRound = 256;

std::string base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const char c : text) {
    const auto value = digits.find(c);
    if (value == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

/// The text after `key:` in a kubeconfig of one cluster and one user, YAML or JSON.
std::string value_of(const std::string& text, const std::string& key) {
  auto at = text.find(key);
  if (at == std::string::npos) return {};
  at = text.find(':', at) + 1;
  auto value = text.substr(at, text.find('\n', at) - at);
  const auto begin = value.find_first_not_of(" \"");
  const auto end = value.find_last_not_of(" \",\r");
  return begin == std::string::npos ? std::string() : value.substr(begin, end - begin + 1);
}

std::string ssl_error() {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return text;
}

BIO* bio_of(const std::string& pem) { return BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())); }

void use_certificate(SSL_CTX* context, const Endpoint& endpoint) {
  BIO* certificate = bio_of(endpoint.certificate_pem);
  BIO* key = bio_of(endpoint.key_pem);
  X509* leaf = PEM_read_bio_X509(certificate, nullptr, nullptr, nullptr);
  EVP_PKEY* secret = PEM_read_bio_PrivateKey(key, nullptr, nullptr, nullptr);
  if (!leaf || !secret || SSL_CTX_use_certificate(context, leaf) != 1 || SSL_CTX_use_PrivateKey(context, secret) != 1) die("client certificate: " + ssl_error());
  X509_free(leaf), EVP_PKEY_free(secret), BIO_free(certificate), BIO_free(key);
}

void trust(SSL_CTX* context, const Endpoint& endpoint) {
  SSL_CTX_set_verify(context, endpoint.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (endpoint.ca_pem.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return;
  }
  BIO* ca = bio_of(endpoint.ca_pem);
  int count = 0;
  while (X509* root = PEM_read_bio_X509(ca, nullptr, nullptr, nullptr)) {
    count += X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root);
    X509_free(root);
  }
  BIO_free(ca);
  ERR_clear_error();   // the end of the list is told as an error
  if (count == 0) die("no CA certificate");
}

SSL_CTX* context_for(const Endpoint& endpoint) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (!endpoint.certificate_pem.empty()) use_certificate(context, endpoint);
  trust(context, endpoint);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

/// A connected socket to the first address that takes it.
int connected(const Endpoint& endpoint) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int failed = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found); failed != 0) die(endpoint.host + ": " + gai_strerror(failed));
  int fd = -1;
  for (auto* at = found; at && fd < 0; at = at->ai_next) {
    fd = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, at->ai_addr, at->ai_addrlen) != 0) ::close(fd), fd = -1;
  }
  freeaddrinfo(found);
  if (fd < 0) die("connect to " + endpoint.host + ": " + std::strerror(errno));
  return fd;
}

/// The certificate has to name whom we wanted.
void expect_name(SSL* ssl, const Endpoint& endpoint) {
  const auto& name = endpoint.server_name.empty() ? endpoint.host : endpoint.server_name;
  unsigned char address[sizeof(in6_addr)];
  const bool is_address = inet_pton(AF_INET, name.c_str(), address) == 1 || inet_pton(AF_INET6, name.c_str(), address) == 1;
  if (is_address) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  else SSL_set1_host(ssl, name.c_str()), SSL_set_tlsext_host_name(ssl, name.c_str());
}

bool same(std::string_view a, std::string_view b) { return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0; }

}  // namespace

Endpoint Endpoint::from_kubeconfig(const std::string& path) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  const auto text = all.str();
  Endpoint out;
  auto server = value_of(text, "server");
  if (server.rfind("https://", 0) != 0) die(path + " names no https server");
  server = server.substr(8);
  out.host = server.substr(0, server.rfind(':'));
  out.port = static_cast<std::uint16_t>(std::atoi(server.c_str() + server.rfind(':') + 1));
  out.ca_pem = base64(value_of(text, "certificate-authority-data"));
  out.certificate_pem = base64(value_of(text, "client-certificate-data"));
  out.key_pem = base64(value_of(text, "client-key-data"));
  return out;
}

struct Pool::Impl {
  struct Wire;
  explicit Impl(Pool& pool, const Endpoint& endpoint) : pool(pool), endpoint(endpoint), context(context_for(endpoint)), poll(epoll_create1(0)), scratch(kReadBytes, '\0') {}
  ~Impl();
  Pool& pool;
  Endpoint endpoint;
  SSL_CTX* context;
  int poll;
  std::string scratch;
  std::vector<std::unique_ptr<Wire>> wires;
  bool stopped = false;
};

/// One connection with its TLS and the reading of answers.
struct Pool::Impl::Wire final : Connection {
  Wire(Impl& impl, std::size_t number, bool later) : impl(impl) {
    index = number;
    if (!later) connect();
  }
  ~Wire() override {
    SSL_free(ssl);
    if (fd >= 0) ::close(fd);
  }

  void connect() {
    fd = connected(impl.endpoint);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ssl = SSL_new(impl.context);
    SSL_set_fd(ssl, fd);
    expect_name(ssl, impl.endpoint);
    if (impl.endpoint.http2) SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>("\x02h2"), 3);
    if (SSL_connect(ssl) != 1) die("TLS: " + ssl_error());
    if (impl.endpoint.http2) speak_http2();
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    epoll_ctl(impl.poll, EPOLL_CTL_ADD, fd, &event);
  }

  void speak_http2() {
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &length);
    if (length != 2) die("the server does not speak HTTP/2");
    http2 = std::make_unique<Http2>(Http2::Events{[this](int code) { status = code; }, [this](std::string_view part) { note(part); }, [this] { complete(); }});
  }

  void request(std::string_view method, std::string_view path, std::string_view content, std::string_view content_type, std::string_view accept) override {
    if (fd < 0) connect();
    status = 0;
    body_bytes = 0;
    body.clear();
    sent_ns = now_ns();
    if (http2) return request_http2(method, path, content, content_type, accept);
    out.clear();
    out.append(method).append(" ").append(impl.endpoint.prefix).append(path).append(" HTTP/1.1\r\nHost: ").append(impl.endpoint.host).append("\r\nUser-Agent: keelson-load/1\r\nAccept: ").append(accept);
    if (!impl.endpoint.token.empty()) out.append("\r\nAuthorization: Bearer ").append(impl.endpoint.token);
    if (!content.empty()) out.append("\r\nContent-Type: ").append(content_type).append("\r\nContent-Length: ").append(std::to_string(content.size()));
    out.append("\r\n\r\n").append(content);
    at = 0;
    head.clear();
    state = State::head;
    flush();
  }

  void request_http2(std::string_view method, std::string_view path, std::string_view content, std::string_view content_type, std::string_view accept) {
    Http2::Headers headers = {{":method", std::string(method)}, {":scheme", "https"}, {":authority", impl.endpoint.host}, {":path", impl.endpoint.prefix + std::string(path)},
                              {"user-agent", "keelson-load/1"}, {"accept", std::string(accept)}};
    if (!impl.endpoint.token.empty()) headers.emplace_back("authorization", "Bearer " + impl.endpoint.token);
    if (!content.empty()) headers.emplace_back("content-type", content_type), headers.emplace_back("content-length", std::to_string(content.size()));
    http2->request(headers, content);
    if (!http2->taking()) send_frames();
  }
  void send_frames() {
    if (at == out.size()) out.clear(), at = 0;
    http2->give(out);
    if (at < out.size()) flush();
  }

  void flush() {
    while (at < out.size()) {
      std::size_t put = 0;
      if (SSL_write_ex(ssl, out.data() + at, out.size() - at, &put) != 1) {
        if (SSL_get_error(ssl, 0) == SSL_ERROR_WANT_WRITE) return watch_writes(true);
        if (SSL_get_error(ssl, 0) == SSL_ERROR_WANT_READ) return;
        die("write: " + ssl_error());
      }
      at += put;
    }
    watch_writes(false);
  }
  void watch_writes(bool on) {
    if (on == writing) return;
    writing = on;
    epoll_event event{};
    event.events = EPOLLIN | (on ? static_cast<unsigned>(EPOLLOUT) : 0u);
    event.data.ptr = this;
    epoll_ctl(impl.poll, EPOLL_CTL_MOD, fd, &event);
  }

  void ready() {
    if (at < out.size()) flush();
    for (;;) {
      std::size_t got = 0;
      if (SSL_read_ex(ssl, impl.scratch.data(), impl.scratch.size(), &got) != 1) {
        const int why = SSL_get_error(ssl, 0);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
        die("the server closed connection " + std::to_string(index));
      }
      take(std::string_view(impl.scratch).substr(0, got));
      if (SSL_has_pending(ssl) == 0 && got < impl.scratch.size()) return;
    }
  }

  void take(std::string_view bytes) {
    if (http2) {
      http2->take(bytes);
      return send_frames();
    }
    while (!bytes.empty()) {
      switch (state) {
        case State::idle: die("unexpected bytes from the server");
        case State::head: bytes = take_head(bytes); break;
        case State::sized: bytes = take_body(bytes); break;
        case State::chunk_size: bytes = take_chunk_size(bytes); break;
        case State::chunk: bytes = take_body(bytes); break;
      }
    }
  }
  std::string_view take_head(std::string_view bytes) {
    const auto before = head.size();
    head += bytes;
    const auto end = head.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) return {};
    bytes.remove_prefix(end + 4 - before);
    head.resize(end + 2);
    read_head();
    return bytes;
  }
  void read_head() {
    status = std::atoi(head.c_str() + 9);
    left = 0;
    state = State::sized;
    for (std::size_t line = head.find("\r\n") + 2; line < head.size();) {
      const auto stop = head.find("\r\n", line);
      const std::string_view text(head.data() + line, stop - line);
      const auto colon = text.find(':');
      if (same(text.substr(0, colon), "Content-Length")) left = std::strtoull(text.data() + colon + 1, nullptr, 10);
      if (same(text.substr(0, colon), "Transfer-Encoding")) state = State::chunk_size;
      line = stop + 2;
    }
    size_text.clear();
    if (state == State::sized && left == 0) complete();
  }
  std::string_view take_chunk_size(std::string_view bytes) {
    while (!bytes.empty()) {
      const char c = bytes.front();
      bytes.remove_prefix(1);
      if (c != '\n') {
        size_text += c;
        continue;
      }
      if (size_text == "\r") {   // the line end behind a chunk
        size_text.clear();
        if (last_chunk) return complete(), bytes;
        continue;
      }
      left = std::strtoull(size_text.c_str(), nullptr, 16);
      size_text.clear();
      last_chunk = left == 0;
      if (last_chunk) continue;
      state = State::chunk;
      return bytes;
    }
    return bytes;
  }
  std::string_view take_body(std::string_view bytes) {
    const auto part = bytes.substr(0, left);
    left -= part.size();
    note(part);
    bytes.remove_prefix(part.size());
    if (left == 0 && state == State::chunk) state = State::chunk_size;
    else if (left == 0) complete();
    return bytes;
  }
  void note(std::string_view part) {
    body_bytes += part.size();
    if (keep_body) body += part;
    if (impl.pool.arrived) impl.pool.arrived(*this, part);
  }
  void complete() {
    state = State::idle;
    last_chunk = false;
    if (impl.pool.answered) impl.pool.answered(*this);
  }

  enum class State { idle, head, sized, chunk_size, chunk } state = State::idle;
  Impl& impl;
  int fd = -1;
  SSL* ssl = nullptr;
  std::unique_ptr<Http2> http2;
  std::string out, head, size_text;
  std::size_t at = 0;
  std::uint64_t left = 0;
  bool writing = false, last_chunk = false;
};

Pool::Impl::~Impl() {
  wires.clear();
  SSL_CTX_free(context);
  ::close(poll);
}

Pool::Pool(const Endpoint& endpoint, std::size_t connections, bool later) : impl_(std::make_unique<Impl>(*this, endpoint)) {
  for (std::size_t i = 0; i < connections; ++i) impl_->wires.push_back(std::make_unique<Impl::Wire>(*impl_, i, later));
}
Pool::~Pool() = default;
Connection& Pool::at(std::size_t index) { return *impl_->wires[index]; }
std::size_t Pool::size() const { return impl_->wires.size(); }
void Pool::stop() { impl_->stopped = true; }

void Pool::run(int wait_ms) {
  impl_->stopped = false;
  const auto end = now_ns() + wait_ms * 1'000'000LL;
  epoll_event events[kEventsPerRound];
  while (!impl_->stopped) {
    const auto left = (end - now_ns()) / 1'000'000;
    if (left < 0) return;
    const int count = epoll_wait(impl_->poll, events, kEventsPerRound, static_cast<int>(left));
    for (int i = 0; i < count; ++i) static_cast<Impl::Wire*>(events[i].data.ptr)->ready();
    if (count == 0) return;
  }
}

}  // namespace keelson::bench
