// The gRPC client against a server of nghttp2's, which does what each method's name says.
#include <nghttp2/nghttp2.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <map>
#include <thread>

#include "grpc_client.hpp"
#include "prober.hpp"

namespace keelson::node {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

std::string framed(const std::string& message) {
  std::string out(5, '\0');
  for (std::size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>(message.size() >> (24 - 8 * i) & 0xFF);
  return out + message;
}

nghttp2_nv header(const std::string& name, const std::string& value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())), reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
          name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

/// Takes one connection after the other.
class Server {
 public:
  explicit Server(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    ::unlink(path.c_str());
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listening_, 8) == 0);
    thread_ = std::thread([this] { run(); });
  }
  /// On loopback, at `port`.
  Server() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listening_, 8) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    ending_ = true;
    thread_.join();
    ::close(listening_);
  }
  std::atomic<int> cancelled{0};
  int port = 0;

 private:
  struct Stream {
    std::map<std::string, std::string> head;
    std::string body, answer, status, message;
    std::size_t sent = 0;
    bool held = false;
  };

  bool readable(int fd) const {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 10) > 0;
  }
  void run() {
    while (!ending_) {
      if (!readable(listening_)) continue;
      const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      serve(fd);
      ::close(fd);
    }
  }
  void serve(int fd) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
      static_cast<Server*>(user)->streams_[frame->hd.stream_id] = {};
      return 0;
    });
    nghttp2_session_callbacks_set_on_header_callback(callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                                                                   const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
      static_cast<Server*>(user)->streams_[frame->hd.stream_id].head[{reinterpret_cast<const char*>(name), name_size}] = {reinterpret_cast<const char*>(value), value_size};
      return 0;
    });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size, void* user) {
      static_cast<Server*>(user)->streams_[id].body.append(reinterpret_cast<const char*>(data), size);
      return 0;
    });
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* user) {
      auto& self = *static_cast<Server*>(user);
      if (frame->hd.type == NGHTTP2_RST_STREAM) ++self.cancelled;
      if (frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) self.answer(session, frame->hd.stream_id);
      return 0;
    });
    nghttp2_session* session = nullptr;
    nghttp2_session_server_new(&session, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
    hang_up_ = false;
    std::uint8_t buffer[16384];
    while (!ending_ && !hang_up_ && send_all(session, fd)) {
      if (!readable(fd)) continue;
      const auto got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0 || nghttp2_session_mem_recv(session, buffer, static_cast<std::size_t>(got)) < 0) break;
    }
    nghttp2_session_del(session);
    streams_.clear();
  }
  static bool send_all(nghttp2_session* session, int fd) {
    const std::uint8_t* data = nullptr;
    for (ssize_t size = 0; (size = nghttp2_session_mem_send(session, &data)) > 0;)
      if (::send(fd, data, static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) return false;
    return true;
  }
  void answer(nghttp2_session* session, std::int32_t id) {
    auto& stream = streams_[id];
    const auto method = stream.head[":path"].substr(1);
    stream.status = "0";
    if (method == "echo") stream.answer = stream.body;
    if (method == "head") stream.answer = framed(stream.head["grpc-timeout"] + " " + stream.head["te"] + " " + stream.head["content-type"] + " " + stream.head["more"]);
    if (method == "three") stream.answer = framed("one") + framed("") + framed(std::string(300'000, 'x')), stream.held = true;
    if (method == "large") stream.answer = std::string("\0\x7f\0\0\0", 5);
    if (method == "missing") stream.status = "5", stream.message = "no such%20thing: 100%25 %zz";
    if (method == "grpc.health.v1.Health/Check") {
      const auto service = stream.body.size() > 7 ? stream.body.substr(7) : std::string();
      if (service.empty()) stream.answer = framed("\x08\x01");
      if (service == "down") stream.answer = framed("\x08\x02");
      if (service == "nothing") stream.answer = framed("");
      if (service == "unknown") stream.status = "5", stream.message = "unknown service";
      if (service == "old") stream.status = "12", stream.message = "unknown service grpc.health.v1.Health";
      if (service == "silent") return;
      if (service == "gone") {
        hang_up_ = true;
        return;
      }
    }
    if (method == "silent") return;
    if (method == "hang-up") {
      hang_up_ = true;
      return;
    }
    if (method == "refuse") {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
      return;
    }
    if (stream.answer.empty()) {   // "trailers only"
      const std::vector<std::pair<std::string, std::string>> head{{":status", "200"}, {"grpc-status", stream.status}, {"grpc-message", stream.message}};
      std::vector<nghttp2_nv> headers;
      for (const auto& [name, value] : head) headers.push_back(header(name, value));
      nghttp2_submit_response(session, id, headers.data(), headers.size(), nullptr);
      return;
    }
    const std::string name = ":status", value = "200";
    const auto head = header(name, value);
    nghttp2_data_provider body{};
    body.source.ptr = &stream;
    body.read_callback = [](nghttp2_session* session, std::int32_t id, std::uint8_t* buffer, std::size_t most, std::uint32_t* flags, nghttp2_data_source* source, void*) {
      auto& stream = *static_cast<Stream*>(source->ptr);
      const auto size = std::min(most, stream.answer.size() - stream.sent);
      if (size == 0 && stream.held) return static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED);
      std::copy_n(stream.answer.data() + stream.sent, size, buffer);
      stream.sent += size;
      if (stream.sent == stream.answer.size() && !stream.held) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const std::string name = "grpc-status";
        const auto trailer = header(name, stream.status);
        nghttp2_submit_trailer(session, id, &trailer, 1);
      }
      return static_cast<ssize_t>(size);
    };
    nghttp2_submit_response(session, id, &head, 1, &body);
  }

  int listening_ = -1;
  std::atomic<bool> ending_{false};
  bool hang_up_ = false;
  std::map<std::int32_t, Stream> streams_;
  std::thread thread_;
};

struct Answer {
  GrpcStatus status;
  std::vector<std::string> messages;
};

struct Trial {
  std::string path = "/tmp/keelson-grpc-" + std::to_string(::getpid()) + ".sock";
  std::unique_ptr<Server> server = std::make_unique<Server>(path);
  GrpcClient client{path};
  ~Trial() { ::unlink(path.c_str()); }

  std::future<Answer> start(const std::string& method, const std::string& request = "", std::chrono::milliseconds timeout = {}) {
    auto answer = std::make_shared<Answer>();
    auto promise = std::make_shared<std::promise<Answer>>();
    auto future = promise->get_future();
    client.start({.method = "/" + method, .request = request, .timeout = timeout, .metadata = {{"more", "yes"}}, .up = {},
                  .message = [answer](std::string bytes) { answer->messages.push_back(std::move(bytes)); },
                  .done = [answer, promise](const GrpcStatus& status) {
                    answer->status = status;
                    promise->set_value(std::move(*answer));
                  }});
    return future;
  }
  static Answer wait(std::future<Answer> future) {
    REQUIRE(future.wait_for(kPatience) == std::future_status::ready);
    return future.get();
  }
};

template <class Probe>
bool eventually(Probe probe) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!probe()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("a gRPC call carries any bytes both ways, many at once") {
  Trial trial;
  const std::string large(3'000'000, 'y');
  std::vector<std::future<Answer>> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(trial.start("echo", std::string(static_cast<std::size_t>(i) + 1, '\0')));
  auto big = Trial::wait(trial.start("echo", large));
  CHECK(big.status.code == GrpcCode::ok);
  REQUIRE(big.messages.size() == 1);
  CHECK(big.messages.front() == large);
  for (int i = 0; i < 50; ++i) CHECK(Trial::wait(std::move(answers[static_cast<std::size_t>(i)])).messages == std::vector<std::string>{std::string(static_cast<std::size_t>(i) + 1, '\0')});
}

TEST_CASE("a gRPC call says its deadline and its metadata") {
  Trial trial;
  CHECK(Trial::wait(trial.start("head", "", std::chrono::seconds(60))).messages == std::vector<std::string>{"60000m trailers application/grpc yes"});
}

TEST_CASE("a gRPC error keeps its code and its text") {
  Trial trial;
  const auto answer = Trial::wait(trial.start("missing"));
  CHECK(answer.status.code == GrpcCode::not_found);
  CHECK(answer.status.message == "no such thing: 100% %zz");
  CHECK(Trial::wait(trial.start("refuse")).status.code == GrpcCode::unavailable);
  CHECK(Trial::wait(trial.start("large")).status.code == GrpcCode::resource_exhausted);
  CHECK(Trial::wait(trial.start("echo", "still there")).status.code == GrpcCode::ok);
}

TEST_CASE("a gRPC call ends at its deadline and the server is told") {
  Trial trial;
  CHECK(Trial::wait(trial.start("silent", "", std::chrono::milliseconds(20))).status.code == GrpcCode::deadline_exceeded);
  CHECK(eventually([&] { return trial.server->cancelled == 1; }));
}

TEST_CASE("a gRPC stream says when it is up and hands out each message") {
  Trial trial;
  std::atomic<bool> up{false}, done{false};
  std::atomic<std::size_t> count{0}, bytes{0};
  trial.client.start({.method = "/three", .request = {}, .metadata = {}, .up = [&] { up = true; },
                      .message = [&](std::string message) { bytes += message.size(); ++count; },
                      .done = [&](const GrpcStatus& status) { done = status.code == GrpcCode::cancelled; }});
  CHECK(eventually([&] { return up && count == 3; }));
  CHECK(bytes == 300'003);
  CHECK_FALSE(done);
  trial.client.close();
  CHECK(done);
}

TEST_CASE("a lost gRPC connection ends its calls, and the next call makes another") {
  Trial trial;
  auto waiting = trial.start("silent");
  CHECK(Trial::wait(trial.start("hang-up")).status.code == GrpcCode::unavailable);
  CHECK(Trial::wait(std::move(waiting)).status.code == GrpcCode::unavailable);
  CHECK(eventually([&] { return Trial::wait(trial.start("echo", "again")).status.code == GrpcCode::ok; }));
  trial.server.reset();
  CHECK(eventually([&] { return Trial::wait(trial.start("echo")).status.code == GrpcCode::unavailable; }));
  ::unlink(trial.path.c_str());
  const auto nobody = Trial::wait(trial.start("echo")).status;
  CHECK(nobody.code == GrpcCode::unavailable);
  CHECK(nobody.message == trial.path + ": No such file or directory");
}

TEST_CASE("close cancels gRPC calls, and refuses later ones") {
  Trial trial;
  auto waiting = trial.start("silent");
  trial.client.close();
  CHECK(Trial::wait(std::move(waiting)).status.code == GrpcCode::cancelled);
  CHECK(Trial::wait(trial.start("echo")).status.code == GrpcCode::unavailable);
}


TEST_CASE("a gRPC probe asks for the health of a service over TCP, with upstream's words for what is wrong") {
  Server server;
  NetLoop loop([] { return std::chrono::steady_clock::now().time_since_epoch().count(); });
  std::thread thread([&] { loop.run(); });
  const auto health = [&](const std::string& service, int port) {
    core_v1::GRPCAction action;
    action.port = port;
    if (!service.empty()) action.service = service;
    auto request = health_request(action, "127.0.0.1");
    request.deadline_ns = loop.now() + 1'000'000'000;
    std::promise<NetResult> answer;
    loop.request(request, [&](const NetResult& result) { answer.set_value(result); });
    auto result = answer.get_future();
    REQUIRE(result.wait_for(kPatience) == std::future_status::ready);
    return health_failure(request, result.get(), 1);
  };
  CHECK(health("", server.port).empty());
  CHECK(health("down", server.port) == "service unhealthy (responded with \"NOT_SERVING\")");
  CHECK(health("nothing", server.port) == "service unhealthy (responded with \"UNKNOWN\")");
  CHECK(health("unknown", server.port) == "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service");
  CHECK(health("old", server.port) == "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health");
  CHECK(health("silent", server.port) == "timeout: health rpc did not complete within 1s");
  CHECK(health("gone", server.port) == "error: health rpc probe failed: rpc error: code = Unavailable desc = error reading from server: EOF");
  CHECK(health("", 1) == "error: failed to connect service at \"127.0.0.1:1\": connect: connection refused");
  core_v1::GRPCAction action;
  action.service = std::string(200, 'l');
  CHECK(health_request(action, "127.0.0.1").grpc_message == "\x0a\xc8\x01" + *action.service);
  loop.stop();
  thread.join();
}

}  // namespace keelson::node
