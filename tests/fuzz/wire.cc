// Bytes of connections: HTTP/1.1, WebSocket, SPDY, the frames of a child, and what is read in pieces in general: the pieces must
// not matter.
#include <capnp/schema.h>
#include <kj/exception.h>
#include <kj/string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "core/http/head_parser.hpp"
#include "core/http/spdy.hpp"
#include "core/http/translation.hpp"
#include "core/http/websocket_frames.hpp"
#include "core/plugins/child/lane.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keelson;
using namespace keelson::fuzz;

constexpr std::size_t kPiecemealBytesMax = 4096;   // quadratic work in the test itself

/// What a parser makes of the bytes when `step` more arrive at a time.
std::string read_request(std::string_view bytes, std::size_t step) {
  http::RequestParser parser;
  using State = http::RequestParser::State;
  std::size_t at = 0, there = 0;
  while (parser.state() == State::head || parser.state() == State::body) {
    const auto used = parser.feed(bytes.substr(at, there - at));
    must(used <= there - at, "a parser used more than it was given");
    at += used;
    if (used > 0) continue;
    if (there == bytes.size()) break;
    there = std::min(bytes.size(), there + step);
  }
  if (parser.state() == State::failed) return "failed " + std::to_string(parser.failure().status);
  if (parser.state() != State::complete) return "incomplete";
  const bool keep = parser.keep_alive();
  const auto request = parser.take();
  std::string out = request.method + " " + request.path + " " + request.query + (keep ? " keep" : " close") + "\n";
  for (const auto& [name, value] : request.headers) out += name + ": " + value + "\n";
  return out + "\n" + request.body;
}

struct Heard final : http::SpdyListener {
  std::string text;
  void data(std::uint32_t stream, std::string_view bytes) override {
    for (const char c : bytes) text += std::to_string(stream) + c;
  }
  void ended(std::uint32_t stream, bool reset) override { text += "end " + std::to_string(stream) + (reset ? "r" : ""); }
  void ping(std::uint32_t id) override { text += "ping " + std::to_string(id); }
};

std::string read_spdy(std::string_view bytes, std::size_t step) {
  http::SpdyReader reader;
  Heard heard;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    if (!reader.feed(bytes.substr(at, step), heard)) return heard.text + " broken";
  return heard.text;
}

std::string read_websocket(std::string_view bytes, std::size_t step) {
  http::WebSocketReader reader;
  std::string data, reply;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    if (reader.feed(bytes.substr(at, step), data, reply) == http::WebSocketReader::State::closed) break;
  return data + "\n" + reply;
}

std::string translated(std::string_view bytes, std::size_t step, unsigned char wanted) {
  http::Tunnel tunnel;
  tunnel.websocket_head = "x";
  if ((wanted & 128) == 0) tunnel.channels = http::StreamChannels{(wanted & 1) != 0, (wanted & 2) != 0, (wanted & 4) != 0, (wanted & 8) != 0, (wanted & 16) != 0};
  const auto translation = http::make_translation(tunnel);
  std::string up, down;
  translation->begin(up);
  const bool client = (wanted & 32) != 0;
  for (std::size_t at = 0; at < bytes.size(); at += step)
    if (!(client ? translation->from_client(bytes.substr(at, step), up, down) : translation->from_server(bytes.substr(at, step), up, down))) break;
  if (!client) translation->server_ended(down);
  return up + "\n" + down;
}

}  // namespace

KEELSON_FUZZ(http1_request, bytes) {
  const auto whole = read_request(bytes, bytes.size() + 1);
  if (bytes.size() > kPiecemealBytesMax) return;
  const auto piecemeal = read_request(bytes, 1);
  // A head that is wrong may be noticed earlier or later, but it is never a request.
  const auto none = [](const std::string& read) { return read == "incomplete" || read.starts_with("failed "); };
  must(none(whole) == none(piecemeal), "a request depends on how it arrives: " + whole + " / " + piecemeal);
  if (!none(whole)) must_equal(piecemeal, whole, "a request depends on how it arrives");
}

KEELSON_FUZZ(http1_answer, bytes) {
  const auto some = http::parse_upgrade_answer(bytes, false), all = http::parse_upgrade_answer(bytes, true);
  if (some && some->complete) must(all && all->status == some->status, "an answer changes at its end");
  if (all) must(all->head_bytes <= bytes.size(), "a head longer than what came");
}

KEELSON_FUZZ(websocket, bytes) {
  const auto whole = read_websocket(bytes, std::max<std::size_t>(bytes.size(), 1));
  must_equal(read_websocket(bytes, 1), whole, "frames depend on how they arrive");
}

KEELSON_FUZZ(spdy, bytes) { must_equal(read_spdy(bytes, 1), read_spdy(bytes, std::max<std::size_t>(bytes.size(), 1)), "frames depend on how they arrive"); }

KEELSON_FUZZ(exec_channels, bytes) {
  const auto wanted = take(bytes);
  (void)translated(bytes, std::max<std::size_t>(bytes.size(), 1), wanted);
  (void)translated(bytes, 3, wanted);
}

// A child's bytes: the first byte says whether a head that fits is put in front, so that the message itself is reached.
KEELSON_FUZZ(child_frame, bytes) {
  static const auto runtime = base::real_runtime();
  const bool framed = (take(bytes) & 1) != 0;
  int ends[2];
  must(plugins::lane_pair(ends), "no sockets");
  plugins::Lane lane(ends[0], false);
  std::string sent;
  if (framed) {
    const std::uint32_t head[2] = {static_cast<std::uint32_t>(bytes.size() / sizeof(capnp::word)), 0x6b656c31};
    sent.assign(reinterpret_cast<const char*>(head), sizeof head);
  }
  sent += bytes.substr(0, 64 * 1024);   // what a socket takes without a reader
  const auto written = ::send(ends[1], sent.data(), sent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::close(ends[1]);
  must(written == static_cast<ssize_t>(sent.size()), "a socket is too small");
  plugins::FrameRef frame;
  while (lane.receive(frame, *runtime) == plugins::Lane::Got::frame) {
    try {
      (void)kj::str(frame->frame());   // visits all that can be reached
    } catch (const kj::Exception&) {   // as the core takes it: the child is ended
    }
  }
}
