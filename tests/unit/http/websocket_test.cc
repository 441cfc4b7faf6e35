// Frames of a client, whole and in pieces, good and bad.
#include <catch2/catch.hpp>

#include "core/http/websocket_frames.hpp"

using namespace keelson::http;

namespace {

std::string frame(unsigned first, std::string payload, bool mask = true) {
  static constexpr std::string_view key = "\x11\x22\x33\x44";
  std::string out{static_cast<char>(first)};
  const auto size = payload.size();
  const int bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  out += static_cast<char>((mask ? 0x80 : 0) | (bytes == 0 ? size : bytes == 2 ? 126 : 127));
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  if (!mask) return out + payload;
  out += key;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(payload[i] ^ key[i % 4]);
  return out;
}

struct Fed {
  WebSocketReader reader;
  std::string data, reply;
  WebSocketReader::State state = WebSocketReader::State::open;
  void feed(std::string_view bytes, std::size_t step) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) state = reader.feed(bytes.substr(0, step), data, reply);
  }
};

}  // namespace

TEST_CASE("data frames of all sizes are one stream, however they are cut") {
  std::string bytes, expected;
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65'535u, 65'536u}) {
    expected += std::string(size, static_cast<char>('a' + size % 7));
    bytes += frame(size % 2 ? 0x82 : 0x02, std::string(size, static_cast<char>('a' + size % 7)));
  }
  for (const std::size_t step : {1u, 7u, 1'000'000u}) {
    Fed fed;
    fed.feed(bytes, step);
    CHECK(fed.data == expected);
    CHECK(fed.reply.empty());
    CHECK(fed.state == WebSocketReader::State::open);
  }
}

TEST_CASE("pings are answered, a goodbye is answered and ends it") {
  Fed fed;
  fed.feed(frame(0x89, "hi") + frame(0x89, "") + frame(0x8a, "pong") + frame(0x88, "\x03\xe8") + frame(0x82, "late"), 3);
  CHECK(fed.reply == std::string("\x8a\x02hi\x8a\x00\x88\x02\x03\xe8", 10));
  CHECK(fed.data.empty());
  CHECK(fed.state == WebSocketReader::State::closed);
}

TEST_CASE("frames that no client may send end the connection") {
  const auto bad = GENERATE(as<std::string>(), frame(0x82, "bare", false), frame(0xc2, "reserved"), frame(0x83, "unknown"), frame(0x8b, "unknown"), frame(0x09, "in pieces"),
                            frame(0x89, std::string(126, 'x')));
  Fed fed;
  fed.feed(bad, 1);
  CHECK(fed.state == WebSocketReader::State::closed);
  CHECK(fed.reply == "\x88\x02\x03\xea");
}

TEST_CASE("what the server sends says its length") {
  CHECK(websocket_binary("abc") == "\x82\x03" "abc");
  CHECK(websocket_frame_head(2, 126) == std::string("\x82\x7e\x00\x7e", 4));
  CHECK(websocket_frame_head(2, 65'536) == std::string("\x82\x7f\0\0\0\0\0\1\0\0", 10));
}
