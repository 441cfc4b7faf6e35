// HttpsServer: a small webhook of the tests' own on a random loopback port: blocking OpenSSL, one thread a connection.
//
// Threads: `answer` runs on the connection's thread. Ownership: the destructor closes what is open and waits.
#pragma once
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/auth/auth.hpp"

namespace keelson::test {

struct HttpsRequest {
  std::string target, body;
};

/// What a webhook does with a request.
struct HttpsReply {
  int status = 200;
  std::string body;
  std::string raw;        ///< not empty: sent as it is, then the connection is closed
  bool hang = false;      ///< says nothing until the client goes or the server ends
  bool crash = false;     ///< closes without a word
};

class HttpsServer {
 public:
  using Answer = std::function<HttpsReply(const HttpsRequest&)>;
  explicit HttpsServer(Answer answer, const std::vector<std::string>& dns_names = {}) : answer_(std::move(answer)) {
    std::signal(SIGPIPE, SIG_IGN);
    const auto now = ::time(nullptr);
    ca = auth::make_ca("webhook-ca", now, 3600).value();
    auth::LeafRequest leaf;
    leaf.common_name = "webhook";
    leaf.ip_addresses = {"127.0.0.1"};
    leaf.dns_names = dns_names;
    leaf.server = true;
    const auto pair = auth::issue_certificate(ca, leaf, now).value();
    tls_ = SSL_CTX_new(TLS_server_method());
    use(pair);
    listen();
    acceptor_ = std::thread([this] { accept(); });
  }
  ~HttpsServer() {
    stopping_ = true;
    ::shutdown(socket_, SHUT_RDWR);
    acceptor_.join();
    ::close(socket_);
    {
      const std::lock_guard lock(mutex_);
      for (const int connection : open_) ::shutdown(connection, SHUT_RDWR);
    }
    for (auto& worker : workers_) worker.join();
    SSL_CTX_free(tls_);
  }

  std::string url(const std::string& path = "/") const { return "https://127.0.0.1:" + std::to_string(port) + path; }

  auth::KeyPair ca;
  std::uint16_t port = 0;
  std::atomic<int> connections{0}, requests{0};

 private:
  void use(const auth::KeyPair& pair) {
    BIO* bio = BIO_new_mem_buf(pair.certificate_pem.data(), static_cast<int>(pair.certificate_pem.size()));
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(tls_, certificate);
    X509_free(certificate);
    BIO_free(bio);
    bio = BIO_new_mem_buf(pair.key_pem.data(), static_cast<int>(pair.key_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(tls_, key);
    EVP_PKEY_free(key);
    BIO_free(bio);
  }

  void listen() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 64) != 0) throw std::runtime_error("no port");
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }

  void accept() {
    while (!stopping_) {
      const int connection = ::accept(socket_, nullptr, nullptr);
      if (connection < 0) continue;
      ++connections;
      const std::lock_guard lock(mutex_);
      open_.insert(connection);
      workers_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    SSL* ssl = SSL_new(tls_);
    SSL_set_fd(ssl, connection);
    if (SSL_accept(ssl) == 1) {
      std::string buffer;
      while (one(ssl, buffer)) {}
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    ERR_clear_error();
    const std::lock_guard lock(mutex_);
    open_.erase(connection);
    ::close(connection);
  }

  static bool more(SSL* ssl, std::string& buffer) {
    char chunk[16384];
    const int got = SSL_read(ssl, chunk, sizeof chunk);
    if (got > 0) buffer.append(chunk, static_cast<std::size_t>(got));
    return got > 0;
  }

  bool one(SSL* ssl, std::string& buffer) {
    std::size_t head = 0;
    while ((head = buffer.find("\r\n\r\n")) == std::string::npos)
      if (!more(ssl, buffer)) return false;
    std::size_t length = 0;
    if (const auto at = buffer.find("Content-Length: "); at < head) length = std::stoul(buffer.substr(at + 16));
    while (buffer.size() < head + 4 + length)
      if (!more(ssl, buffer)) return false;
    HttpsRequest request{buffer.substr(buffer.find(' ') + 1), buffer.substr(head + 4, length)};
    request.target.resize(request.target.find(' '));
    buffer.erase(0, head + 4 + length);
    ++requests;
    const auto reply = answer_(request);
    if (reply.crash) return false;
    if (reply.hang) return more(ssl, buffer), false;
    std::string text = reply.raw;
    if (text.empty()) text = "HTTP/1.1 " + std::to_string(reply.status) + " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    return SSL_write(ssl, text.data(), static_cast<int>(text.size())) > 0 && reply.raw.empty();
  }

  const Answer answer_;
  SSL_CTX* tls_ = nullptr;
  int socket_ = -1;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::set<int> open_;
  std::vector<std::thread> workers_;
  std::thread acceptor_;
};

}  // namespace keelson::test
