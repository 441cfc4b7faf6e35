#include "net_loop.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "grpc_connection.hpp"

namespace keelson::node {
namespace {

constexpr std::size_t kHeadBytesMax = 16u << 10;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr int kEventsAtOnce = 32;
constexpr const char* kAgent = "kube-probe/1.36";

/// Length of the address, 0 when the text is not one.
socklen_t parse_address(const std::string& text, int port, sockaddr_storage& out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  const std::string name = text == "localhost" ? "127.0.0.1" : text;
  if (inet_pton(AF_INET, name.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(port));
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, name.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(port));
    return sizeof *v6;
  }
  return 0;
}

std::string request_text(const NetRequest& request) {
  std::string host = request.address + ":" + std::to_string(request.port), more;
  bool agent = false, accept = false;
  for (const auto& [name, value] : request.headers) {
    if (strcasecmp(name.c_str(), "host") == 0) {
      host = value;
      continue;
    }
    agent = agent || strcasecmp(name.c_str(), "user-agent") == 0;
    accept = accept || strcasecmp(name.c_str(), "accept") == 0;
    more += name + ": " + value + "\r\n";
  }
  if (!agent) more += std::string("User-Agent: ") + kAgent + "\r\n";
  if (!accept) more += "Accept: */*\r\n";
  return "GET " + request.path + " HTTP/1.1\r\nHost: " + host + "\r\n" + more + "Connection: close\r\n\r\n";
}

/// The status of "HTTP/1.1 200 OK", 0 while incomplete, -1 when it is none.
int parse_status(const std::string& head) {
  const auto end = head.find("\r\n");
  if (end == std::string::npos) return head.size() > kHeadBytesMax ? -1 : 0;
  if (head.rfind("HTTP/1.", 0) != 0) return -1;
  const auto space = head.find(' ');
  if (space == std::string::npos || space + 4 > end) return -1;
  const int status = std::atoi(head.c_str() + space + 1);
  return status >= 100 && status <= 999 ? status : -1;
}

}  // namespace

struct NetLoop::Connection {
  enum class Step { connecting, handshake, writing, reading, calling } step = Step::connecting;
  int fd = -1;
  NetRequest request;
  Callback done;
  std::string out, in;
  SSL* ssl = nullptr;
  SSL_CTX* tls = nullptr;
  bool connected = false;
  std::optional<NetResult> answered;
  std::unique_ptr<GrpcConnection> grpc;   // after what its call writes to

  void begin_call() {
    grpc = GrpcConnection::over(::dup(fd));
    grpc->submit({.method = request.grpc_method,
                  .request = request.grpc_message,
                  .timeout = {},
                  .metadata = {},
                  .authority = request.address + ":" + std::to_string(request.port),
                  .agent = kAgent,
                  .up = {},
                  .message = [this](std::string bytes) { in = std::move(bytes); },
                  .done = [this](const GrpcStatus& status) { answered = NetResult{0, true, false, {}, status, in}; }});
  }
  /// True: there is an answer, or there never will be.
  bool call() {
    if (!grpc->read() || !grpc->write()) grpc->end_all({GrpcCode::unavailable, "error reading from server: EOF"});
    grpc->run_due();
    return answered.has_value();
  }
  ~Connection() {
    SSL_free(ssl);
    SSL_CTX_free(tls);
    if (fd >= 0) ::close(fd);
  }
  bool begin_tls() {
    tls = SSL_CTX_new(TLS_client_method());
    if (tls != nullptr) ssl = SSL_new(tls);
    return ssl != nullptr && SSL_set_fd(ssl, fd) == 1;
  }
  /// 1: done, 0: wait for readiness, -1: failed.
  int tls_result(int result) const {
    if (result > 0) return 1;
    const int reason = SSL_get_error(ssl, result);
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
  }
  ssize_t send_some() {
    if (ssl == nullptr) return ::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
    const int sent = SSL_write(ssl, out.data(), static_cast<int>(out.size()));
    if (sent <= 0) errno = tls_result(sent) == 0 ? EAGAIN : EPIPE;
    return sent;
  }
  ssize_t receive_some(char* buffer, std::size_t size) {
    if (ssl == nullptr) return ::recv(fd, buffer, size, 0);
    const int got = SSL_read(ssl, buffer, static_cast<int>(size));
    if (got > 0) return got;
    if (SSL_get_error(ssl, got) == SSL_ERROR_ZERO_RETURN) return 0;
    errno = tls_result(got) == 0 ? EAGAIN : EPIPE;
    return -1;
  }
};

NetLoop::NetLoop(std::function<std::int64_t()> monotonic_ns) : now_(std::move(monotonic_ns)) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
}

NetLoop::~NetLoop() {
  ::close(wake_);
  ::close(epoll_);
}

void NetLoop::at(std::int64_t deadline_ns, std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    timers_.emplace(deadline_ns, std::move(work));
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void NetLoop::request(NetRequest request, Callback done) {
  post([this, request = std::move(request), done = std::move(done)] { begin(request, done); });
}

void NetLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    timers_.clear();
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

int NetLoop::wait_ms() const {
  std::int64_t first = INT64_MAX;
  {
    const std::lock_guard lock(mutex_);
    if (!timers_.empty()) first = timers_.begin()->first;
  }
  for (const auto& [fd, connection] : connections_) first = std::min(first, connection->request.deadline_ns);
  if (first == INT64_MAX) return -1;
  const std::int64_t left = first - now_();
  return left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left / kNsPerMs + 1, 3'600'000));
}

void NetLoop::run_due() {
  const auto now = now_();
  std::vector<std::function<void()>> due;
  {
    const std::lock_guard lock(mutex_);
    while (!timers_.empty() && timers_.begin()->first <= now) due.push_back(std::move(timers_.extract(timers_.begin()).mapped()));
  }
  for (const auto& work : due) work();
}

void NetLoop::expire() {
  const auto now = now_();
  std::vector<int> late;
  for (const auto& [fd, connection] : connections_)
    if (connection->request.deadline_ns <= now) late.push_back(fd);
  for (const int fd : late) finish(fd, {0, connections_.at(fd)->connected, true, "timeout"});
}

void NetLoop::run() {
  epoll_event events[kEventsAtOnce];
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) break;
    }
    const int count = ::epoll_wait(epoll_, events, kEventsAtOnce, wait_ms());
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == wake_) {
        std::uint64_t ignored = 0;
        (void)!::read(wake_, &ignored, sizeof ignored);
      } else if (const auto found = connections_.find(events[i].data.fd); found != connections_.end()) {
        advance(*found->second);
      }
    }
    expire();
    run_due();
  }
  connections_.clear();
}

void NetLoop::begin(NetRequest request, Callback done) {
  sockaddr_storage address{};
  const auto length = parse_address(request.address, request.port, address);
  if (length == 0) return done({0, false, false, "lookup " + request.address + ": no such host"});
  auto connection = std::make_unique<Connection>();
  connection->fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (connection->fd < 0) return done({0, false, false, std::strerror(errno)});
  // A probe's connection is closed at once and needs no orderly end; lingering ones would fill the port range.
  const linger reset{1, 0};
  ::setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (::connect(connection->fd, reinterpret_cast<sockaddr*>(&address), length) != 0 && errno != EINPROGRESS)
    return done({0, false, false, std::string("connect: ") + std::strerror(errno)});
  if (!request.tcp_only && request.grpc_method.empty()) connection->out = request_text(request);
  connection->request = std::move(request);
  connection->done = std::move(done);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.fd = connection->fd;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->fd, &event);
  connections_[connection->fd] = std::move(connection);
}

void NetLoop::finish(int fd, NetResult result) {
  const auto found = connections_.find(fd);
  const auto connection = std::move(found->second);
  connections_.erase(found);
  connection->done(result);
}

void NetLoop::advance(Connection& c) {
  using Step = Connection::Step;
  const auto fail = [&](const std::string& text) { finish(c.fd, {0, c.connected, false, text}); };
  if (c.step == Step::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(c.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(std::string("connect: ") + (error == ECONNREFUSED ? "connection refused" : std::strerror(error)));
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(c.fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return;   // not yet
    c.connected = true;
    if (c.request.tcp_only) return finish(c.fd, {0, true, false, {}});
    c.step = !c.request.grpc_method.empty() ? Step::calling : c.request.tls ? Step::handshake : Step::writing;
    if (c.step == Step::calling) c.begin_call();
    if (c.request.tls && !c.begin_tls()) return fail("TLS is not available");
  }
  if (c.step == Step::calling) {
    if (c.call()) finish(c.fd, *c.answered);
    return;
  }
  if (c.step == Step::handshake) {
    const int result = c.tls_result(SSL_connect(c.ssl));
    if (result == 0) return;
    if (result < 0) return fail("tls: handshake failed");
    c.step = Step::writing;
  }
  while (c.step == Step::writing) {
    const auto sent = c.send_some();
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return fail("write: connection reset by peer");
    c.out.erase(0, static_cast<std::size_t>(sent));
    if (c.out.empty()) c.step = Step::reading;
  }
  char buffer[4096];
  for (;;) {
    const auto got = c.receive_some(buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return fail("read: connection reset by peer");
    if (got == 0) return fail("EOF");
    c.in.append(buffer, static_cast<std::size_t>(got));
    const int status = parse_status(c.in);
    if (status < 0) return fail("malformed HTTP response");
    if (status > 0) return finish(c.fd, {status, true, false, {}});
  }
}

}  // namespace keelson::node
