#include "core/remote/metrics_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace keelson::remote {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::use_awaitable;
using tcp = asio::ip::tcp;
constexpr std::int64_t kAcceptRetry_ms = 100;

using Response = http::response<http::string_body>;

class PlainServer final : public MetricsServer {
 public:
  PlainServer(base::Metrics& metrics, std::function<std::string()> ready) : metrics_(metrics), ready_(std::move(ready)) {}
  ~PlainServer() override {
    context_.stop();
    thread_.reset();
  }
  base::Outcome<void> start(const std::string& address, base::Runtime& runtime);

 private:
  awaitable<void> accept();
  awaitable<void> serve(tcp::socket socket);
  Response answer(const http::request<http::empty_body>& request) const;

  base::Metrics& metrics_;
  const std::function<std::string()> ready_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  std::unique_ptr<base::Thread> thread_;
};

base::Outcome<void> PlainServer::start(const std::string& address, base::Runtime& runtime) {
  const auto colon = address.rfind(':');
  boost::system::error_code failed;
  auto name = address.substr(0, std::min(colon, address.size()));
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);   // [::1]:9090
  else if (name.find(':') != std::string::npos) return base::bad_request("metrics-address: \"" + address + "\": write an IPv6 address in brackets");
  const auto host = name.empty() ? asio::ip::address(asio::ip::address_v6::any()) : asio::ip::make_address(name, failed);
  const int port = colon == std::string::npos ? 0 : std::atoi(address.c_str() + colon + 1);
  if (failed || port <= 0 || port > UINT16_MAX) return base::bad_request("metrics-address: \"" + address + "\" is no address:port");
  const tcp::endpoint at(host, static_cast<std::uint16_t>(port));
  acceptor_.open(at.protocol(), failed);
  if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor_.bind(at, failed);
  if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return base::bad_request("metrics-address: " + address + ": " + failed.message());
  asio::co_spawn(context_, accept(), asio::detached);
  thread_ = runtime.spawn("metrics", [this] { context_.run(); });
  return {};
}

awaitable<void> PlainServer::accept() {
  for (;;) {
    boost::system::error_code failed;
    auto socket = co_await acceptor_.async_accept(asio::redirect_error(use_awaitable, failed));
    if (failed == asio::error::operation_aborted) co_return;
    if (!failed) {
      asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
      continue;
    }
    // Out of descriptors: wait for some to be freed instead of spinning.
    asio::steady_timer pause(context_, std::chrono::milliseconds(kAcceptRetry_ms));
    co_await pause.async_wait(asio::redirect_error(use_awaitable, failed));
  }
}

awaitable<void> PlainServer::serve(tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  stream.expires_after(std::chrono::milliseconds(kScrapeDeadline_ms));
  beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  boost::system::error_code failed;
  co_await http::async_read(stream, buffer, request, asio::redirect_error(use_awaitable, failed));
  if (failed) co_return;
  auto response = answer(request);
  co_await http::async_write(stream, response, asio::redirect_error(use_awaitable, failed));
}

Response PlainServer::answer(const http::request<http::empty_body>& request) const {
  Response response(http::status::ok, request.version());
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  const std::string_view path(request.target().data(), request.target().size());
  if (path == "/metrics") {
    response.body() = metrics_.prometheus_text();
  } else if (path == "/healthz" || path == "/readyz") {
    const auto missing = path == "/readyz" ? ready_() : std::string();
    if (!missing.empty()) response.result(http::status::service_unavailable);
    response.body() = missing.empty() ? "ok" : missing;
  } else {
    response.result(http::status::not_found);
  }
  response.keep_alive(false);
  response.prepare_payload();
  return response;
}

}  // namespace

base::Outcome<std::unique_ptr<MetricsServer>> serve_metrics(const std::string& address, base::Metrics& metrics, std::function<std::string()> ready, base::Runtime& runtime) {
  auto server = std::make_unique<PlainServer>(metrics, std::move(ready));
  if (auto started = server->start(address, runtime); !started) return started.error();
  return std::unique_ptr<MetricsServer>(std::move(server));
}

}  // namespace keelson::remote
