#include "core/http/server.hpp"

#include <fcntl.h>

#include <boost/asio/post.hpp>
#include <ctime>
#include <vector>

#include "core/base/log.hpp"
#include "core/http/net_thread.hpp"

namespace keelson::http {
namespace {

constexpr std::int64_t kAcceptRetry_ms = 100;
constexpr std::size_t kNetworkStackBytes = 1u << 20;

class AsioServer final : public Server {
 public:
  AsioServer(RequestHandler& handler, base::Runtime& runtime, base::Metrics& metrics)
      : shared_(handler, runtime, metrics.counter("apiserver_connections_accepted_total", "TCP connections accepted.")) {}
  ~AsioServer() override { stop(); }

  base::Outcome<void> start(const ServerOptions& options) {
    if (auto made = replace_certificate(options.tls); !made) return made;
    port_ = options.port;
    for (int i = 0; i < options.threads; ++i) {
      auto net = std::make_shared<NetThread>(shared_);
      auto port = net->listen(options.address, port_);
      if (!port) return port.error();
      port_ = *port;
      nets_.push_back(std::move(net));
    }
    for (std::size_t i = 0; i < nets_.size(); ++i)
      threads_.push_back(shared_.runtime.spawn("net-" + std::to_string(i), [net = nets_[i]] { net->run(); }, kNetworkStackBytes));
    return {};
  }

  std::uint16_t port() const override { return port_; }

  base::Outcome<void> replace_certificate(const TlsOptions& tls) override {
    auto context = TlsContext::make(tls);
    if (!context) return context.error();
    const std::lock_guard lock(shared_.mutex);
    shared_.tls = *context;
    return {};
  }

  void stop() override {
    for (auto& net : nets_) net->begin_stop();
    threads_.clear();
    nets_.clear();
  }

 private:
  Shared shared_;
  std::uint16_t port_ = 0;
  std::vector<std::shared_ptr<NetThread>> nets_;
  std::vector<std::unique_ptr<base::Thread>> threads_;
};

// Asio opens sockets without it: a child (containerd) that inherited a listening socket would take connections from us.
void close_on_exec(int descriptor) { ::fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

}  // namespace

NetThread::NetThread(Shared& shared) : shared(shared), scratch_(kReadBytes, '\0') {}

base::Outcome<std::uint16_t> NetThread::listen(const std::string& address, std::uint16_t port) {
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) return base::bad_request("not an IP address: " + address);
  const tcp::endpoint endpoint(ip, port);
  const auto failed = [&](const char* step) {
    return base::internal(std::string(step) + " " + address + ":" + std::to_string(port) + ": " + error.message());
  };
  if (acceptor_.open(endpoint.protocol(), error); error) return failed("open");
  close_on_exec(acceptor_.native_handle());
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  acceptor_.set_option(reuse_port(true), error);
  if (acceptor_.bind(endpoint, error); error) return failed("bind");
  if (acceptor_.listen(asio::socket_base::max_listen_connections, error); error) return failed("listen");
  return base::Outcome<std::uint16_t>(boost::system::in_place_value, acceptor_.local_endpoint().port());
}

void NetThread::run() {
  thread_ = std::this_thread::get_id();
  accept();
  context.run();
  close_all();
  // What the closing has cancelled still holds sessions, which hold this: their handlers must run for anything to be freed.
  context.restart();
  context.poll();
}

// The committer answers a batch of requests in a row: those wake the thread once.
void NetThread::post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
    if (posted_.size() > 1) return;
  }
  asio::post(context, [this] { run_posted(); });
}

void NetThread::run_posted() {
  std::vector<std::function<void()>> works;
  {
    const std::lock_guard lock(posted_mutex_);
    works.swap(posted_);
    posted_.reserve(works.size());
  }
  for (auto& work : works) {
    work();
    work = nullptr;   // what it holds is let go of before the next one
  }
}

void NetThread::accept() {
  acceptor_.async_accept([self = shared_from_this()](boost::system::error_code error, tcp::socket socket) {
    if (self->stopping_) return;
    if (error) return self->retry_accept();
    close_on_exec(socket.native_handle());
    self->greet(std::move(socket));
    self->accept();
  });
}

// Out of descriptors: wait for some to be freed instead of spinning.
void NetThread::retry_accept() {
  shared.runtime.schedule_at(shared.runtime.in_ms(kAcceptRetry_ms), [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->post([weak] {
        if (auto again = weak.lock(); again && !again->stopping_) again->accept();
      });
  });
}

void NetThread::greet(tcp::socket socket) {
  if (sessions_.size() >= kConnectionsPerThreadMax) return;
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  shared.accepted.add();
  add(make_connection(shared_from_this(), std::move(socket)));
}

void NetThread::add(std::shared_ptr<Session> session) {
  auto* const raw = session.get();
  sessions_.emplace(raw, std::move(session));
  raw->start();
}

void NetThread::remove(Session* session) {
  sessions_.erase(session);
  if (stopping_ && sessions_.empty()) context.stop();
}

void NetThread::set_deadline(Session& session, base::Monotonic deadline) {
  session.deadline = deadline;
  if (deadline < armed_) arm(deadline);
}

void NetThread::arm(base::Monotonic deadline) {
  if (armed_ != base::kForever) shared.runtime.cancel(timer_);
  armed_ = deadline;
  timer_ = shared.runtime.schedule_at(deadline, [weak = weak_from_this()] {
    if (auto self = weak.lock())
      self->post([weak] {
        if (auto again = weak.lock()) again->sweep();
      });
  });
}

void NetThread::sweep() {
  const auto now = shared.runtime.monotonic_ns();
  armed_ = base::kForever;
  auto next = base::kForever;
  std::vector<std::shared_ptr<Session>> late;
  for (const auto& [raw, session] : sessions_) {
    if (raw->deadline <= now) late.push_back(session);
    else next = std::min(next, raw->deadline);
  }
  if (next != base::kForever) arm(next);
  for (const auto& session : late) {
    session->deadline = base::kForever;
    session->expire();
  }
}

std::shared_ptr<TlsContext> Shared::tls_now() {
  const std::lock_guard lock(mutex);
  return tls;
}

std::string_view NetThread::date() {
  const auto now = shared.runtime.unix_s();
  if (now == date_s_) return date_;
  date_s_ = now;
  std::tm parts{};
  const std::time_t seconds = now;
  gmtime_r(&seconds, &parts);
  char text[40];
  date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
  return date_;
}

void NetThread::begin_stop() {
  post([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->stop_here();
  });
}

void NetThread::stop_here() {
  stopping_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [raw, session] : sessions_) all.push_back(session);
  for (const auto& session : all) session->stop();
  if (sessions_.empty()) return context.stop();
  shared.runtime.schedule_at(shared.runtime.in_ms(kStopGrace_ms), [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->context.stop();
  });
}

void NetThread::close_all() {
  if (armed_ != base::kForever) shared.runtime.cancel(timer_);
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [raw, session] : sessions_) all.push_back(session);
  for (const auto& session : all) session->close();
}

base::Outcome<std::unique_ptr<Server>> start_server(const ServerOptions& options, RequestHandler& handler, base::Runtime& runtime, base::Metrics& metrics) {
  auto server = std::make_unique<AsioServer>(handler, runtime, metrics);
  if (auto started = server->start(options); !started) return started.error();
  return {std::move(server)};
}

}  // namespace keelson::http
