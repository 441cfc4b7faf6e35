// The transport with a handler of its own: what the connection itself does to good and bad HTTP.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <random>
#include <thread>

#include "core/base/metrics.hpp"
#include "core/http/server.hpp"
#include "tests/unit/http/client.hpp"

using namespace keelson;
using namespace keelson::http;
using tests::Client;

namespace {

/// Sends `text` until told to end; says when it is destroyed.
class DripPayload final : public Payload {
 public:
  DripPayload(std::atomic<bool>& gone, int drops) : gone_(gone), drops_(drops) {}
  ~DripPayload() override { gone_ = true; }
  Pull pull(std::vector<std::string_view>& out, std::size_t) override {
    if (drops_ == 0) return Pull::wait;
    --drops_;
    out.push_back("drop\n");
    return Pull::more;
  }
  bool endless() const override { return true; }

 private:
  std::atomic<bool>& gone_;
  int drops_;
};

/// Texts of one size, as many as are asked for and one that goes beyond.
class ItemsPayload final : public Payload {
 public:
  ItemsPayload(std::string item, std::size_t count, bool sized) : item_(std::move(item)), left_(count), bytes_(item_.size() * count), sized_(sized) {}
  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    for (std::size_t bytes = 0; left_ > 0 && bytes < bytes_max; --left_, bytes += item_.size()) out.push_back(item_);
    return left_ == 0 ? Pull::end : Pull::more;
  }
  std::optional<std::uint64_t> length() const override { return sized_ ? std::optional(bytes_) : std::nullopt; }

 private:
  std::string item_;
  std::size_t left_;
  std::uint64_t bytes_;
  bool sized_;
};

class Stub final : public RequestHandler {
 public:
  std::function<void(Request, std::shared_ptr<Responder>)> work = [](Request request, std::shared_ptr<Responder> responder) {
    Response response;
    response.content_type = "text/plain";
    response.payload = text_payload(request.method + " " + request.path + " " + request.query + " " + request.body);
    responder->send(std::move(response));
  };
  void handle(Request request, std::shared_ptr<Responder> responder) override { work(std::move(request), std::move(responder)); }
};

struct Fixture {
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  Stub stub;
  std::unique_ptr<Server> server;
  Fixture() {
    ServerOptions options;
    options.address = "127.0.0.1";
    options.port = 0;
    options.tls = {tests::test_keys().server.certificate_pem, tests::test_keys().server.key_pem, tests::test_keys().ca.certificate_pem};
    server = start_server(options, stub, *runtime, *metrics).value();
  }
  tests::Answer raw(std::string_view bytes) {
    Client client(server->port());
    client.send(bytes);
    auto answer = client.read_answer();
    CHECK(client.ended());
    return answer;
  }
};

bool soon(const std::function<bool()>& holds) {
  for (int i = 0; i < 2000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "requests on one connection are answered in order") {
  Client client(server->port());
  CHECK(client.request("GET", "/a?x=1").body == "GET /a x=1 ");
  CHECK(client.request("POST", "/b", "hello").body == "POST /b  hello");
  client.send("GET /1 HTTP/1.1\r\nHost: t\r\n\r\nGET /2 HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(client.read_answer().body == "GET /1  ");
  CHECK(client.read_answer().body == "GET /2  ");
}

TEST_CASE_METHOD(Fixture, "a request that comes byte by byte is read") {
  Client client(server->port());
  for (const char c : std::string_view("POST /slow HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) client.send({&c, 1});
  CHECK(client.read_answer().body == "POST /slow  abcde");
}

TEST_CASE_METHOD(Fixture, "a message that two readers could cut differently is refused and the connection ends") {
  const std::string head = "POST / HTTP/1.1\r\nHost: t\r\n";
  const auto bad = GENERATE_COPY(values<std::string>({
      head + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
      head + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
      head + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
      head + "Content-Length: -1\r\n\r\n",
      head + "Content-Length: +4\r\n\r\nabcd",
      head + "Content-Length: 4 4\r\n\r\nabcd",
      head + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
      head + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
      head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      head + "Transfer-Encoding: identity\r\n\r\n",
      head + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      head + "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n",
      head + "Transfer-Encoding:\r\n\r\n",
      "GET / HTTP/1.1\nHost: t\n\n",
      "GET / HTTP/1.1\r\nHost : t\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: t\r\nX: a" + std::string(1, '\0') + "b\r\n\r\n",
      std::string("GET / HTTP/1.1\r\n\r\n"),
      std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
      std::string("GET * HTTP/1.1\r\nHost: t\r\n\r\n"),
      std::string("\x16\x03\x01 garbage\r\n\r\n"),
  }));
  CAPTURE(bad);
  bool handled = false;
  stub.work = [&](Request, std::shared_ptr<Responder>) { handled = true; };
  const auto answer = raw(bad);
  CHECK(answer.status == 400);
  CHECK(answer.headers.at("content-type").starts_with("text/plain"));
  CHECK(answer.headers.at("connection") == "close");
  CHECK_FALSE(handled);
}

TEST_CASE_METHOD(Fixture, "headers above 1 MiB get 431") {
  std::string bytes = "GET / HTTP/1.1\r\nHost: t\r\n";
  for (int i = 0; i < 40; ++i) bytes += "X-" + std::to_string(i) + ": " + std::string(30'000, 'x') + "\r\n";
  CHECK(raw(bytes + "\r\n").status == 431);
}

TEST_CASE_METHOD(Fixture, "a body above 3 MiB gets 413 as a Status, by length and chunked") {
  const auto by_length = raw("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3145729\r\n\r\n");
  CHECK(by_length.status == 413);
  CHECK(by_length.body.find("\"reason\":\"RequestEntityTooLarge\"") != std::string::npos);
  CHECK(by_length.body.find("limit is 3145728") != std::string::npos);
  std::string chunked = "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 4; ++i) chunked += "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
  CHECK(raw(chunked + "0\r\n\r\n").status == 413);
}

TEST_CASE_METHOD(Fixture, "a body of exactly 3 MiB is taken") {
  stub.work = [](Request request, std::shared_ptr<Responder> responder) {
    Response response;
    response.payload = text_payload(std::to_string(request.body.size()));
    responder->send(std::move(response));
  };
  Client client(server->port());
  CHECK(client.request("POST", "/", std::string(3'145'728, 'x'), "Expect: 100-continue\r\n").body == "3145728");
}

TEST_CASE_METHOD(Fixture, "a body that is cut short is answered 500 unexpected EOF") {
  Client client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc");
  client.end_sending();
  const auto answer = client.read_answer();
  CHECK(answer.status == 500);
  CHECK(answer.body.find("unexpected EOF") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a handler that drops its responder is answered for with 500") {
  stub.work = [](Request, std::shared_ptr<Responder>) {};
  Client client(server->port());
  const auto answer = client.request("GET", "/");
  CHECK(answer.status == 500);
  CHECK(answer.body.starts_with("This request caused apiserver to panic. Look in the logs for details."));
}

TEST_CASE_METHOD(Fixture, "an answer may come from another thread") {
  std::thread other;
  stub.work = [&](Request, std::shared_ptr<Responder> responder) {
    other = std::thread([responder] {
      Response response;
      response.status = 201;
      responder->send(std::move(response));
    });
  };
  Client client(server->port());
  CHECK(client.request("POST", "/").status == 201);
  other.join();
}

TEST_CASE_METHOD(Fixture, "a large answer arrives whole, plain and compressed") {
  std::string large;
  for (int i = 0; i < 300'000; ++i) large += std::to_string(i) + "\n";
  bool compress = GENERATE(false, true);
  stub.work = [&](Request, std::shared_ptr<Responder> responder) {
    Response response;
    response.payload = text_payload(large);
    if (compress) response.payload = gzip_payload(std::move(response.payload));
    responder->send(std::move(response));
  };
  Client client(server->port());
  const auto answer = client.request("GET", "/");
  if (compress) CHECK((answer.body.size() < large.size() / 2 && answer.body.starts_with("\x1f\x8b")));
  else CHECK(answer.body == large);
  CHECK(client.request("GET", "/").body == answer.body);
}

TEST_CASE_METHOD(Fixture, "a long answer goes out in whole records, whatever its pieces are") {
  static constexpr std::size_t kBytes = 3'000'000, kRecordBytes = 16'384;
  const auto item = GENERATE(as<std::size_t>(), 1, 700, 1143, 8191, 8192, 20'000, 70'000);
  const bool sized = GENERATE(true, false);
  std::string text;
  for (std::size_t i = 0; text.size() < item; ++i) text += static_cast<char>('a' + i % 26);
  stub.work = [&](Request, std::shared_ptr<Responder> responder) {
    Response response;
    response.payload = std::make_unique<ItemsPayload>(text, kBytes / item, sized);
    responder->send(std::move(response));
  };
  Client client(server->port());
  for (int turn = 0; turn < 2; ++turn) {
    const auto before = client.records();
    const auto answer = client.request("GET", "/");
    CHECK(answer.body.size() == kBytes / item * item);
    bool same = true;
    for (std::size_t at = 0; at < answer.body.size(); at += item) same &= answer.body.compare(at, item, text) == 0;
    CHECK(same);
    // A large piece goes out from where it lies: what was gathered before it is a record of its own.
    const auto large = item >= 8192 ? 2 * kBytes / item : 0;
    CHECK(client.records() - before <= kBytes / kRecordBytes + large + 4);
  }
}

TEST_CASE_METHOD(Fixture, "a stream is dropped when its client leaves") {
  std::atomic<bool> gone{false};
  stub.work = [&](Request, std::shared_ptr<Responder> responder) {
    Response response;
    response.payload = std::make_unique<DripPayload>(gone, 2);
    responder->send(std::move(response));
  };
  {
    Client client(server->port());
    client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    CHECK(client.read_head().headers.at("transfer-encoding") == "chunked");
    CHECK(client.read_chunk() == "drop\n");
    CHECK(client.read_chunk() == "drop\n");
    CHECK_FALSE(gone);
  }
  CHECK(soon([&] { return gone.load(); }));
}

TEST_CASE_METHOD(Fixture, "streams end cleanly when the server stops") {
  std::atomic<bool> gone{false};
  stub.work = [&](Request, std::shared_ptr<Responder> responder) {
    Response response;
    response.payload = std::make_unique<DripPayload>(gone, 1);
    responder->send(std::move(response));
  };
  Client client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  client.read_head();
  CHECK(client.read_chunk() == "drop\n");
  server->stop();
  CHECK_FALSE(client.read_chunk());
  CHECK(gone);
}

TEST_CASE_METHOD(Fixture, "client certificates are asked for, and a foreign one shows as not verified") {
  std::shared_ptr<const PeerCertificate> seen;
  stub.work = [&](Request request, std::shared_ptr<Responder> responder) {
    seen = request.certificate;
    responder->send({});
  };
  Client(server->port()).request("GET", "/");
  CHECK_FALSE(seen);
  Client(server->port(), tests::test_keys().admin).request("GET", "/");
  REQUIRE(seen);
  CHECK(seen->verified);
  CHECK(seen->subject.common_name == "admin");
  CHECK(seen->subject.organizations == std::vector<std::string>{"system:masters"});
  const auto now = runtime->unix_s();
  auth::LeafRequest request;
  request.common_name = "admin";
  request.client = true;
  const auto foreign = auth::issue_certificate(auth::make_ca("other", now, 3600).value(), request, now).value();
  Client(server->port(), foreign).request("GET", "/");
  REQUIRE(seen);
  CHECK_FALSE(seen->verified);
}

namespace {

/// A plain TCP server on loopback that runs `talk` on its one connection.
class Backend {
 public:
  explicit Backend(std::function<void(int)> talk) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 1);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this, talk = std::move(talk)] {
      const int peer = ::accept(fd_, nullptr, nullptr);
      talk(peer);
      ::close(peer);
    });
  }
  ~Backend() {
    finish();
    ::close(fd_);
  }
  /// Returns when the connection is over: what `talk` wrote may be read.
  void finish() {
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port = 0;

 private:
  int fd_;
  std::thread thread_;
};

std::string receive_until(int fd, std::string_view end) {
  std::string text;
  char buffer[4096];
  while (text.find(end) == std::string::npos) {
    const auto got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

void say(int fd, std::string_view text) { ::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

/// A client's WebSocket frame.
std::string masked(unsigned operation, std::string_view payload) {
  static constexpr std::string_view mask = "\x11\x22\x33\x44";
  std::string frame{static_cast<char>(0x80 | operation), static_cast<char>(0x80 | payload.size())};
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

void tunnel_to(Stub& stub, std::uint16_t port) {
  stub.work = [port](Request, std::shared_ptr<Responder> responder) {
    Tunnel tunnel;
    tunnel.address = "127.0.0.1";
    tunnel.port = port;
    tunnel.head = "GET /backend HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";
    responder->tunnel(std::move(tunnel));
  };
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a tunnel carries bytes both ways and keeps half-close") {
  std::string head, rest;
  Backend backend([&](int fd) {
    head = receive_until(fd, "\r\n\r\n");
    say(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nwelcome");
    rest = receive_until(fd, "never");   // up to the client's end
    say(fd, "bye " + rest);
  });
  tunnel_to(stub, backend.port);
  Client client(server->port());
  client.send("GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nearly ");
  CHECK(client.read_head().status == 101);
  CHECK(client.read_bytes(7) == "welcome");
  client.send("late");
  client.end_sending();
  CHECK(client.read_bytes(14) == "bye early late");
  CHECK(client.ended());
  backend.finish();
  CHECK(head.starts_with("GET /backend HTTP/1.1\r\n"));
}

TEST_CASE_METHOD(Fixture, "a backend that does not answer 101 is passed on and both sides are closed") {
  std::string heard;
  Backend backend([&](int fd) {
    heard = receive_until(fd, "\r\n\r\n");
    say(fd, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno");
    heard += receive_until(fd, "never");
  });
  tunnel_to(stub, backend.port);
  Client client(server->port());
  client.send("GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n");
  const auto answer = client.read_answer();
  CHECK(answer.status == 403);
  CHECK(answer.body == "no");
  CHECK(client.ended());
  backend.finish();
  CHECK(heard.starts_with("GET /backend HTTP/1.1\r\n"));
  CHECK(heard.find("smuggled") == std::string::npos);
}

namespace {

/// Anything but a whole 101.
std::string refusal(std::mt19937& random) {
  const auto one_of = [&](std::initializer_list<const char*> all) { return std::string(all.begin()[random() % all.size()]); };
  std::string head = "HTTP/1.1 " + one_of({"200 OK", "204 No Content", "301 Moved", "302 Found", "400 Bad", "401 Unauthorized", "403 Forbidden", "404 Not Found", "426 Upgrade Required", "500 Broken", "502 Bad", "999 What", "1010 Odd"}) + "\r\n";
  head += one_of({"", "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n", "Connection: keep-alive\r\n", "Location: /elsewhere\r\n"});
  head += one_of({"Content-Length: 0\r\n\r\n", "Content-Length: 2\r\n\r\nno", "Content-Length: 9\r\n\r\nno", "\r\nuntil the end", "Transfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nzz"});
  switch (random() % 8) {
    case 0: return head.substr(0, random() % head.size());
    case 1: return one_of({"", "\r\n\r\n", "HTTP/1.1 10", "HTTP/1.1 101", "101 Switching Protocols\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"});
    default: return head;
  }
}

}  // namespace

TEST_CASE_METHOD(Fixture, "whatever a backend answers that is no 101, nothing more goes through to it and both sides end") {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    std::mt19937 random(seed);
    const auto answer = refusal(random);
    CAPTURE(seed, answer);
    std::string heard;
    Backend backend([&](int fd) {
      heard = receive_until(fd, "\r\n\r\n");
      say(fd, answer);
      ::shutdown(fd, SHUT_WR);
      heard += receive_until(fd, "never");
    });
    tunnel_to(stub, backend.port);
    Client client(server->port());
    client.send("GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n");
    constexpr std::size_t kEverything = 1 << 20;
    const auto got = client.read_bytes(kEverything);
    backend.finish();
    CHECK(got.find("101 Switching") == std::string::npos);
    CHECK(client.ended());
    CHECK(heard.starts_with("GET /backend HTTP/1.1\r\n"));
    REQUIRE(heard.find("smuggled") == std::string::npos);
  }
}

TEST_CASE_METHOD(Fixture, "a backend that is not there is an internal error") {
  tunnel_to(stub, 1);
  Client client(server->port());
  const auto answer = client.request("GET", "/x", "", "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n");
  CHECK(answer.status == 500);
  CHECK(answer.body.find("error dialing backend") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a tunnel in a WebSocket carries bare bytes to the backend") {
  std::string rest;
  Backend backend([&](int fd) {
    receive_until(fd, "\r\n\r\n");
    say(fd, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nwelcome");
    rest = receive_until(fd, "never");   // up to the client's end
    say(fd, "bye");
  });
  stub.work = [port = backend.port](Request, std::shared_ptr<Responder> responder) {
    Tunnel tunnel;
    tunnel.address = "127.0.0.1";
    tunnel.port = port;
    tunnel.head = "POST /backend HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";
    tunnel.websocket_head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    responder->tunnel(std::move(tunnel));
  };
  Client client(server->port());
  // "early" in two frames, a ping between them, all before the backend has answered.
  client.send("GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + masked(2, "ear") + masked(9, "?") + masked(2, "ly "));
  const auto head = client.read_head();
  CHECK(head.status == 101);
  CHECK(head.headers.at("upgrade") == "websocket");
  CHECK(client.read_bytes(3) == "\x8a\x01?");
  CHECK(client.read_bytes(9) == "\x82\x07welcome");
  client.send(masked(2, "late"));
  client.send(masked(8, "\x03\xe8"));
  CHECK(client.read_bytes(4) == "\x88\x02\x03\xe8");
  CHECK(client.read_bytes(5) == "\x82\x03" "bye");
  client.end_sending();
  client.read_bytes(4);
  CHECK(client.ended());
  backend.finish();
  CHECK(rest == "early late");
}
