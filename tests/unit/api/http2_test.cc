// HTTP/2: the same requests and answers as over HTTP/1.1, and what a client may not make the server do.
#include "tests/unit/api/http2_client.hpp"

#include "core/http/http2_stream.hpp"
#include "tests/unit/api/fixture.hpp"

using namespace keelson;
using namespace keelson::api;
using namespace keelson::http;
using tests::Fixture;
using tests::Http2Client;
using tests::http2_frame;
namespace json = boost::json;

namespace {

constexpr std::string_view kMaps = "/api/v1/namespaces/a/configmaps";

std::string map_text(const std::string& name, std::size_t bytes = 1) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"("},"data":{"k":")" + std::string(bytes, 'x') + "\"}}";
}

struct Http2Fixture : Fixture {
  Http2Client client{server->port(), tests::test_keys().admin};
};

}  // namespace

TEST_CASE_METHOD(Http2Fixture, "ALPN chooses HTTP/2, and an object lives through its verbs") {
  CHECK(client.protocol() == "h2");
  const auto made = client.request("POST", kMaps, map_text("one"), {{"content-type", "application/json"}});
  CHECK(made.status() == 201);
  CHECK(made.headers.at("content-type") == "application/json");
  const auto got = client.request("GET", std::string(kMaps) + "/one");
  CHECK(got.body == made.body);
  CHECK(got.headers.at("content-length") == std::to_string(got.body.size()));
  CHECK(client.request("PATCH", std::string(kMaps) + "/one", R"({"data":{"k":"2"}})", {{"content-type", "application/merge-patch+json"}}).status() == 200);
  CHECK(json::parse(client.request("GET", std::string(kMaps) + "?limit=1").body).at("items").as_array().size() == 1);
  CHECK(client.request("DELETE", std::string(kMaps) + "/one").status() == 200);
  CHECK(client.request("GET", std::string(kMaps) + "/one").status() == 404);
  const auto head = client.request("HEAD", "/apis");
  CHECK((head.status() == 200 && head.body.empty()));
}

TEST_CASE_METHOD(Http2Fixture, "a hundred streams at a time, answered each on its own") {
  client.request("GET", "/version");
  CHECK(client.streams_allowed() == 100);
  std::vector<std::int32_t> watches;
  for (int i = 0; i < 60; ++i) watches.push_back(client.begin("GET", std::string(kMaps) + "?watch=1"));
  CHECK(client.until([&] { return client.answer(watches.back()).head; }));
  CHECK(client.request("POST", kMaps, map_text("one")).status() == 201);
  CHECK(client.until([&] {
    for (const auto watch : watches)
      if (client.answer(watch).body.find("\"ADDED\"") == std::string::npos) return false;
    return true;
  }));
  for (const auto watch : watches) client.cancel(watch);
  CHECK(client.request("GET", "/version").status() == 200);
}

TEST_CASE_METHOD(Http2Fixture, "large answers keep to the client's window, small ones pass them") {
  for (int i = 0; i < 30; ++i) REQUIRE(post(kMaps, map_text("c" + std::to_string(i), 100'000)).status == 201);
  const auto large = client.begin("GET", kMaps);
  const auto small = client.begin("GET", "/version");
  CHECK(client.until([&] { return client.answer(small).complete; }));
  CHECK(client.until([&] { return client.answer(large).complete; }));
  CHECK(client.answer(large).body.size() > 3'000'000);
  CHECK(json::parse(client.answer(large).body).at("items").as_array().size() == 30);
}

TEST_CASE_METHOD(Http2Fixture, "bodies are taken up to 3 MiB and refused beyond") {
  const auto exact = client.request("POST", kMaps, std::string(3'145'728, 'x'));
  CHECK(exact.status() == 400);   // read, and no JSON
  const auto over = client.request("POST", kMaps, std::string(3'145'729, 'x'));
  CHECK(over.status() == 413);
  CHECK(over.body.find("limit is 3145728") != std::string::npos);
  CHECK(client.request("GET", "/version").status() == 200);
}

TEST_CASE("headers above 1 MiB are refused with 431, however small they were on the wire") {
  Http2Stream stream(1);
  stream.take_header(":method", "GET");
  stream.take_header(":path", "/a?b=c");
  for (int i = 0; i < 30'000; ++i) stream.take_header("x", "y");
  CHECK_FALSE(stream.refused);
  for (int i = 0; i < 5'000; ++i) stream.take_header("x", "y");
  stream.settle_head();
  CHECK(stream.refused->status == 431);
  CHECK(stream.request.headers.empty());
}

TEST_CASE_METHOD(Http2Fixture, "broken headers end their stream") {
  CHECK(client.request("GET", "/version", {}, {{"x-large", std::string(60'000, 'x')}}).status() == 200);
  CHECK(client.request("GET", "version").reset);
  CHECK(client.request("GET", "/version", {}, {{"connection", "close"}}).reset);
  CHECK(client.request("GET", "/version", {}, {{"x-nul", std::string("a\0b", 3)}}).reset);
  CHECK(client.request("POST", kMaps, "{}", {{"content-length", "5"}}).reset);
  CHECK(client.request("GET", "/version").status() == 200);
}

TEST_CASE_METHOD(Http2Fixture, "upgrades are told to use HTTP/1.1") {
  make_pod("p");
  const auto exec = client.request("POST", "/api/v1/namespaces/a/pods/p/exec?command=ls");
  CHECK(exec.status() == 400);
  CHECK(exec.body.find("Upgrade request required") != std::string::npos);
}

TEST_CASE_METHOD(Http2Fixture, "logs stream") {
  const auto log = client.request("GET", "/api/v1/namespaces/a/pods/p/log");
  CHECK(log.status() == 200);
  CHECK(log.body.size() > 2'000'000);
  CHECK(log.body.starts_with("log of a/p\n"));
}

TEST_CASE_METHOD(Fixture, "who is not known is answered and loses the connection") {
  Http2Client client(server->port());
  const auto answer = client.request("GET", "/api", {}, {{"authorization", "Bearer nothing"}});
  CHECK(answer.status() == 401);
  CHECK(client.ended());
  CHECK(client.goaway());
}

TEST_CASE_METHOD(Fixture, "a stopping server ends streams and says goodbye") {
  Http2Client client(server->port(), tests::test_keys().admin);
  const auto watch = client.begin("GET", std::string(kMaps) + "?watch=1");
  CHECK(client.until([&] { return client.answer(watch).head; }));
  server->stop();
  CHECK(client.ended());
  CHECK(client.answer(watch).complete);
  CHECK(client.goaway());
}

TEST_CASE_METHOD(Fixture, "floods end the connection, not the server") {
  const auto flood = GENERATE(0, 1, 2, 3, 4);
  CAPTURE(flood);
  Http2Client client(server->port(), tests::test_keys().admin);
  REQUIRE(client.request("GET", "/version").status() == 200);
  std::string bytes;
  // GET / with no more than the pseudo headers, from the static table.
  const std::string request("\x82\x84\x87\x41\x01t", 6);
  for (std::uint32_t i = 0; i < 3'000; ++i) {
    const auto stream = 2 * i + 101;
    if (flood == 0) bytes += http2_frame(1, 5, stream, request) + http2_frame(3, 0, stream, std::string("\0\0\0\x08", 4));   // reset at once
    if (flood == 1) bytes += i == 0 ? http2_frame(1, 1, stream, request) : http2_frame(9, 0, 101, std::string("\x40\x01x\x01y", 5));   // headers without end
    if (flood == 2) bytes += http2_frame(6, 0, 0, "pingpong");
    if (flood == 3) bytes += http2_frame(4, 0, 0, std::string("\0\x03\0\0\0\x64", 6));   // settings
    if (flood == 4) bytes += http2_frame(1, 5, stream, std::string("\x82\x84\x87\x41\x01t\x40\x01", 8));   // compression that cannot be read
  }
  for (int round = 0; round < 20; ++round) client.send_raw(bytes);
  // Pings and settings that are answered and read are no flood: the client reads nothing until everything is sent.
  CHECK(client.ended());
  CHECK(get("/version").status == 200);
}

TEST_CASE_METHOD(Fixture, "what is no HTTP/2 ends the connection") {
  Http2Client client(server->port(), tests::test_keys().admin);
  client.send_raw("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(client.ended());
  CHECK(get("/version").status == 200);
}
