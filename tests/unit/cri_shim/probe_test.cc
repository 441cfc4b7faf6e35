#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <condition_variable>
#include <thread>

#include "fakes.hpp"

using namespace keelson;
using namespace keelson::node;
using namespace keelson::node::testing;

namespace {

std::int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A listening socket on loopback that answers each connection with one text, or with silence.
class Server {
 public:
  explicit Server(std::string answer) : answer_(std::move(answer)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd_, 8) == 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  int port = 0;
  std::mutex gate;   ///< whoever holds it keeps the answers back

 private:
  void serve() {
    for (int client; (client = ::accept(fd_, nullptr, nullptr)) >= 0;) {
      char buffer[1024];
      (void)!::recv(client, buffer, sizeof buffer, 0);
      { const std::lock_guard open(gate); }
      (void)!::send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      if (answer_.empty()) (void)!::recv(client, buffer, sizeof buffer, 0);
      ::close(client);
    }
  }
  std::string answer_;
  int fd_ = -1;
  std::thread thread_;
};

/// A loop on its own thread, and a way to wait for what it reports.
struct Running {
  NetLoop loop{monotonic_ns};
  std::thread thread{[this] { loop.run(); }};
  std::mutex mutex;
  std::condition_variable changed;
  ~Running() {
    loop.stop();
    thread.join();
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), condition);
  }
  NetResult ask(NetRequest request) {
    NetResult result;
    bool done = false;
    request.deadline_ns = loop.now() + kSecondNs;
    loop.request(request, [&](const NetResult& got) {
      const std::lock_guard lock(mutex);
      result = got;
      done = true;
      changed.notify_all();
    });
    REQUIRE(wait([&] { return done; }));
    return result;
  }
};

NetRequest to(int port) {
  NetRequest request;
  request.address = "127.0.0.1";
  request.port = port;
  return request;
}

Pod probed_pod(int port) {
  return pod_from(R"({"metadata":{"name":"web","namespace":"default","uid":"u1"},"spec":{"containers":[{"name":"c",
    "readinessProbe":{"httpGet":{"path":"/","port":)" + std::to_string(port) + R"(},"periodSeconds":1,"failureThreshold":1},
    "livenessProbe":{"exec":{"command":["true"]},"periodSeconds":1}}]}})");
}

PodView one_running(const std::string& id) {
  PodView view;
  RunContainer container;
  container.id = id;
  container.name = "c";
  container.state = RunState::running;
  view.containers = {container};
  return view;
}

}  // namespace

TEST_CASE("an HTTP request gives the status, and words for what went wrong") {
  Running running;
  {
    Server fine("HTTP/1.1 204 No Content\r\n\r\n"), missing("HTTP/1.0 404 Not Found\r\n\r\n"), strange("SSH-2.0\r\n");
    CHECK(running.ask(to(fine.port)).status == 204);
    CHECK(http_failure(to(missing.port), running.ask(to(missing.port))) == "HTTP probe failed with statuscode: 404");
    CHECK(running.ask(to(strange.port)).error == "malformed HTTP response");
  }
  const auto refused = to(1);
  CHECK(http_failure(refused, running.ask(refused)) == "Get \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused");
}

TEST_CASE("a server that says nothing meets the deadline") {
  Running running;
  Server silent("");
  const auto result = running.ask(to(silent.port));
  CHECK(result.timed_out);
  CHECK(result.connected);
}

TEST_CASE("a TCP probe needs no more than a connection") {
  Running running;
  Server silent("");
  auto request = to(silent.port);
  request.tcp_only = true;
  CHECK(running.ask(request).connected);
  request.port = 1;
  CHECK_FALSE(running.ask(request).connected);
}

TEST_CASE("timers run in order of their deadlines") {
  Running running;
  std::vector<int> order;
  const auto note = [&](int number) {
    return [&, number] {
      const std::lock_guard lock(running.mutex);
      order.push_back(number);
      running.changed.notify_all();
    };
  };
  const auto now = running.loop.now();
  running.loop.at(now + 30'000'000, note(2));
  running.loop.at(now + 10'000'000, note(1));
  CHECK(running.wait([&] { return order.size() == 2; }));
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("readiness turns with the answers, and a gone container is probed no more") {
  Running running;
  FakeCri cri;
  Prober prober(running.loop, cri,
                [&](const Key&) {
                  const std::lock_guard lock(running.mutex);
                  running.changed.notify_all();
                },
                [&](const auto&, const auto&, const auto&) {
                  const std::lock_guard lock(running.mutex);
                  running.changed.notify_all();
                });
  Server fine("HTTP/1.1 200 OK\r\n\r\n");
  const auto pod = std::make_shared<const Pod>(probed_pod(fine.port));
  std::unique_lock closed(fine.gate);
  prober.sync(pod, one_running("1"), "127.0.0.1", 0);
  CHECK_FALSE(prober.verdicts("u1").at("1").ready);
  closed.unlock();
  CHECK(running.wait([&] { return prober.verdicts("u1").at("1").ready; }));
  CHECK_FALSE(prober.verdicts("u1").at("1").liveness_failed);
  prober.sync(pod, {}, "127.0.0.1", 0);
  CHECK(prober.verdicts("u1").empty());
  prober.forget("u1");
}

TEST_CASE("ports may be names of the container's ports") {
  Container container;
  core_v1::ContainerPort port;
  port.name = "http";
  port.containerPort = 8080;
  container.ports = {port};
  CHECK(resolve_port(IntOrString(std::string("http")), container) == 8080);
  CHECK(resolve_port(IntOrString(81), container) == 81);
  CHECK(resolve_port(IntOrString(std::string("none")), container) == 0);
}
