#include "tests/unit/http/client.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <stdexcept>

namespace keelson::tests {
namespace {

constexpr int kWaitSeconds = 20;

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

void use_identity(SSL_CTX* context, const auth::KeyPair& identity) {
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

struct Client::Impl {
  int fd = -1;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  std::string in;
  bool ended = false;   // by the server
  std::size_t records = 0;
};

Client::Client(std::uint16_t port, const std::optional<auth::KeyPair>& identity) : impl_(std::make_unique<Impl>()) {
  std::signal(SIGPIPE, SIG_IGN);
  impl_->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval wait{kWaitSeconds, 0};
  ::setsockopt(impl_->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(impl_->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  const int at_once = 1;   // the end of the handshake and the request are two small pieces
  ::setsockopt(impl_->fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(impl_->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("connect");
  impl_->context = SSL_CTX_new(TLS_client_method());
  if (identity) use_identity(impl_->context, *identity);
  impl_->ssl = SSL_new(impl_->context);
  static const unsigned char protocols[] = "\x08http/1.1";
  SSL_set_alpn_protos(impl_->ssl, protocols, sizeof protocols - 1);
  SSL_set_fd(impl_->ssl, impl_->fd);
  if (SSL_connect(impl_->ssl) != 1) throw std::runtime_error("TLS handshake");
}

Client::~Client() {
  SSL_free(impl_->ssl);
  SSL_CTX_free(impl_->context);
  ::close(impl_->fd);
}

void Client::send(std::string_view bytes) {
  std::size_t put = 0;
  if (!bytes.empty()) SSL_write_ex(impl_->ssl, bytes.data(), bytes.size(), &put);
  ERR_clear_error();
}

void Client::end_sending() {
  SSL_shutdown(impl_->ssl);
  ::shutdown(impl_->fd, SHUT_WR);
}

bool Client::fill() {
  char buffer[16384];
  std::size_t got = 0;
  if (const int read = SSL_read_ex(impl_->ssl, buffer, sizeof buffer, &got); read != 1) {
    impl_->ended = SSL_get_error(impl_->ssl, read) != SSL_ERROR_WANT_READ;   // or it said nothing for kWaitSeconds
    ERR_clear_error();
    return false;
  }
  impl_->in.append(buffer, got);
  ++impl_->records;
  return true;
}

std::size_t Client::records() const { return impl_->records; }

std::string Client::line() {
  std::size_t end;
  while ((end = impl_->in.find("\r\n")) == std::string::npos)
    if (!fill()) return {};
  auto text = impl_->in.substr(0, end);
  impl_->in.erase(0, end + 2);
  return text;
}

std::string Client::read_bytes(std::size_t count) {
  while (impl_->in.size() < count && fill()) {}
  auto bytes = impl_->in.substr(0, count);
  impl_->in.erase(0, count);
  return bytes;
}

bool Client::ended() { return impl_->in.empty() && !fill() && impl_->ended; }

Answer Client::read_head() {
  Answer answer;
  const auto status = line();
  if (status.size() < 12) return answer;
  answer.status = std::stoi(status.substr(9, 3));
  for (auto text = line(); !text.empty(); text = line()) {
    const auto colon = text.find(": ");
    auto& value = answer.headers[lower(text.substr(0, colon))];
    if (!value.empty()) value += '\n';
    value += text.substr(colon + 2);
  }
  return answer;
}

std::optional<std::string> Client::read_chunk() {
  const auto size = line();
  if (size.empty()) return std::nullopt;
  const auto bytes = std::stoul(size, nullptr, 16);
  auto chunk = read_bytes(bytes);
  line();
  if (bytes == 0) return std::nullopt;
  return chunk;
}

Answer Client::read_answer() {
  auto answer = read_head();
  if (answer.status == 100) answer = read_head();
  if (answer.headers.contains("content-length")) {
    answer.body = read_bytes(std::stoul(answer.headers["content-length"]));
  } else if (answer.headers["transfer-encoding"] == "chunked") {
    while (auto chunk = read_chunk()) answer.body += *chunk;
  }
  return answer;
}

Answer Client::request(std::string_view method, std::string_view path, std::string_view body, std::string_view more_headers) {
  std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n" + std::string(more_headers);
  if (!body.empty() || method != "GET") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + std::string(body));
  if (method == "HEAD") return read_head();
  return read_answer();
}

const TestKeys& test_keys() {
  static const TestKeys keys = [] {
    TestKeys made;
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    made.ca = auth::make_ca("keelson-test", now, 3600).value();
    auth::LeafRequest server;
    server.common_name = "keelson";
    server.ip_addresses = {"127.0.0.1"};
    server.server = true;
    made.server = auth::issue_certificate(made.ca, server, now).value();
    auth::LeafRequest admin;
    admin.common_name = "admin";
    admin.organizations = {"system:masters"};
    admin.client = true;
    made.admin = auth::issue_certificate(made.ca, admin, now).value();
    return made;
  }();
  return keys;
}

}  // namespace keelson::tests
