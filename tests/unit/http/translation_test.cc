// v5.channel.k8s.io on one side, SPDY on the other.
#include <zlib.h>

#include <catch2/catch.hpp>

#include "core/http/spdy.hpp"
#include "core/http/translation.hpp"

using namespace keelson::http;
using namespace std::string_literals;

namespace {

std::string message(std::string payload, unsigned first = 0x82) {
  static constexpr std::string_view key = "\x11\x22\x33\x44";
  REQUIRE(payload.size() < 126);
  std::string out{static_cast<char>(first), static_cast<char>(0x80 | payload.size())};
  out += key;
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ key[i % 4]);
  return out;
}

struct Frame {
  unsigned type = 0;   // of a control frame
  std::uint32_t stream = 0;
  bool last = false;
  std::string body;
};

std::uint32_t number(std::string_view bytes, std::size_t at, std::size_t size = 4) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

std::vector<Frame> frames(std::string_view bytes) {
  std::vector<Frame> all;
  while (!bytes.empty()) {
    REQUIRE(bytes.size() >= 8);
    Frame one;
    const auto first = number(bytes, 0);
    const auto length = number(bytes, 5, 3);
    REQUIRE(bytes.size() >= 8 + length);
    one.last = (bytes[4] & 1) != 0;
    one.body = bytes.substr(8, length);
    if (first >> 31) {
      CHECK((first >> 16 & 0x7fff) == 3);
      one.type = first & 0xffff;
      one.stream = number(one.body, 0);
    } else {
      one.stream = first;
    }
    all.push_back(std::move(one));
    bytes.remove_prefix(8 + length);
  }
  return all;
}

/// The value of "streamtype" in each frame that opens a stream, read with one decompressor as a server does.
std::vector<std::string> opened(const std::vector<Frame>& all) {
  z_stream inflater{};
  REQUIRE(inflateInit(&inflater) == Z_OK);
  std::vector<std::string> types;
  for (const auto& frame : all) {
    if (frame.type != 1) continue;
    std::string packed = frame.body.substr(10), plain(256, '\0');
    inflater.next_in = reinterpret_cast<unsigned char*>(packed.data());
    inflater.avail_in = static_cast<unsigned>(packed.size());
    inflater.next_out = reinterpret_cast<unsigned char*>(plain.data());
    inflater.avail_out = static_cast<unsigned>(plain.size());
    REQUIRE(inflate(&inflater, Z_SYNC_FLUSH) == Z_OK);
    plain.resize(plain.size() - inflater.avail_out);
    CHECK(number(plain, 0) == 1);
    CHECK(plain.substr(8, 10) == "streamtype");
    types.push_back(plain.substr(22, number(plain, 18)));
  }
  inflateEnd(&inflater);
  return types;
}

std::string data_frame(std::uint32_t stream, std::string_view bytes, bool last = false) {
  std::string out;
  spdy_data(out, stream, bytes, last);
  return out;
}

struct Fixture {
  explicit Fixture(StreamChannels channels = {.input = true, .output = true, .errors = true}) {
    Tunnel tunnel;
    tunnel.websocket_head = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    tunnel.channels = channels;
    translation = make_translation(tunnel);
    translation->begin(up);
    begun = frames(up);
    up.clear();
  }
  bool client(std::string_view bytes) { return translation->from_client(bytes, up, down); }
  bool server(std::string_view bytes) { return translation->from_server(bytes, up, down); }
  std::unique_ptr<Translation> translation;
  std::vector<Frame> begun;
  std::string up, down;
};

}  // namespace

TEST_CASE("the streams that were asked for are opened, and no other") {
  CHECK(opened(Fixture().begun) == std::vector<std::string>{"error", "stdin", "stdout", "stderr"});
  CHECK(opened(Fixture({.output = true}).begun) == std::vector<std::string>{"error", "stdout"});
  CHECK(opened(Fixture({.input = true, .output = true, .terminal = true}).begun) == std::vector<std::string>{"error", "stdin", "stdout", "resize"});
}

TEST_CASE("messages become data of their channel's stream, however they are cut") {
  const auto bytes = message("\0one"s) + message("\0tw"s, 0x02) + message("o", 0x80) + message("\4{\"Width\":80,\"Height\":24}"s) + message("\7unknown"s) + message("\xff\0"s) +
                     message("\0late"s);
  for (const std::size_t step : {1u, 5u, 1000u}) {
    Fixture f({.input = true, .output = true, .terminal = true});
    for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(step, rest.size()))) CHECK(f.client(rest.substr(0, step)));
    std::string input, resize;
    int ends = 0;
    for (const auto& frame : frames(f.up)) {
      CHECK(frame.type == 0);
      (frame.stream == 3 ? input : resize) += frame.body;
      if (frame.last) {
        ++ends;
        CHECK(frame.stream == 3);
      }
    }
    CHECK(input == "onetwo");
    CHECK(resize == "{\"Width\":80,\"Height\":24}");
    CHECK(ends == 1);
    CHECK(f.down.empty());
  }
}

TEST_CASE("the end of what a terminal reads is said with its key, where that is wanted") {
  Fixture f({.input = true, .output = true, .terminal = true, .end_of_terminal = true});
  CHECK(f.client(message("\xff\0"s)));
  const auto all = frames(f.up);
  REQUIRE(all.size() == 1);
  CHECK(all[0].body == "\4");
  CHECK(all[0].last);
}

TEST_CASE("output, errors and the status reach their channels, the status whole") {
  const auto bytes = data_frame(5, "out") + data_frame(7, "err") + data_frame(1, "{\"status\":") + data_frame(5, "", true) + data_frame(1, "\"Success\"}", true);
  for (const std::size_t step : {1u, 1000u}) {
    Fixture f;
    for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(step, rest.size()))) CHECK(f.server(rest.substr(0, step)));
    f.translation->server_ended(f.down);
    std::string wanted = "\x82\x15\x03{\"status\":\"Success\"}\x88\x02\x03\xe8";
    if (step == 1000) wanted = "\x82\x04\x01out\x82\x04\x02" "err" + wanted;
    else wanted = "\x82\x02\x01o\x82\x02\x01u\x82\x02\x01t\x82\x02\x02" "e\x82\x02\x02r\x82\x02\x02r" + wanted;
    CHECK(f.down == wanted);
    CHECK(f.up.empty());
  }
}

TEST_CASE("a server that goes without a status is a failure, not a success") {
  Fixture f;
  f.translation->server_ended(f.down);
  CHECK(f.down.find("\"Failure\"") != std::string::npos);
  CHECK(f.down.find("ended the connection") != std::string::npos);
  CHECK(f.down.ends_with("\x88\x02\x03\xe8"));
}

TEST_CASE("pings of both sides are answered, replies and resets are read over") {
  Fixture f;
  CHECK(f.client(message("hi", 0x89)));
  CHECK(f.down == "\x8a\x02hi");
  CHECK(f.server("\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x02"s));                          // ping 2
  CHECK(f.up == "\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x02"s);
  f.up.clear();
  CHECK(f.server("\x80\x03\x00\x02\x00\x00\x00\x08\x00\x00\x00\x03" "abcd"s));                    // a reply on the input
  CHECK(f.server("\x80\x03\x00\x03\x00\x00\x00\x08\x00\x00\x00\x03\x00\x00\x00\x05"s));          // its reset
  CHECK(f.client(message("\0gone"s)));
  CHECK(f.up.empty());
}

TEST_CASE("what is not SPDY/3 ends it") {
  CHECK_FALSE(Fixture().server("\x80\x02\x00\x06\x00\x00\x00\x04\x00\x00\x00\x02"s));             // another version
  CHECK_FALSE(Fixture().server("\x80\x03\x00\x06\x00\xff\xff\xff"s));                             // a control frame of 16 MB
  CHECK_FALSE(Fixture().server("\x80\x03\x00\x06\x00\x00\x00\x00"s + "\x80\x03\x00\x06\x00\x00\x00\x02zz"s));   // too short for its number
}

TEST_CASE("a client's goodbye is answered") {
  Fixture f;
  CHECK_FALSE(f.client(message("\x03\xe8", 0x88)));
  CHECK(f.down == "\x88\x02\x03\xe8");
}
