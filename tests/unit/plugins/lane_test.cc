#include "core/plugins/child/lane.hpp"

#include <catch2/catch.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

using namespace keelson;
using namespace keelson::plugins;

namespace {

struct Fixture {
  Fixture() {
    int ends[2];
    REQUIRE(lane_pair(ends));
    one = std::make_unique<Lane>(ends[0], false);
    other = std::make_unique<Lane>(ends[1], true);
  }
  void say(std::uint64_t number, std::size_t bytes = 0) {
    one->put([&](wire::Frame::Builder frame) {
      auto request = frame.initRequest();
      request.setToken(number);
      const std::string text(bytes, 'x');
      request.setText(kj::arrayPtr(reinterpret_cast<const kj::byte*>(text.data()), text.size()));
    });
  }
  Lane::Got receive(std::int64_t within_ms = 30'000) { return other->receive(frame, *runtime, runtime->in_ms(within_ms)); }
  /// Writes past the lane.
  void raw(const std::string& bytes) { REQUIRE(::send(one->fd(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())); }
  static std::string head(std::uint32_t words, std::uint32_t mark = 0x6b656c31) {
    std::string out(8, '\0');
    std::memcpy(out.data(), &words, 4);
    std::memcpy(out.data() + 4, &mark, 4);
    return out;
  }

  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<Lane> one, other;
  FrameRef frame;
};

}  // namespace

TEST_CASE("frames arrive whole and in order, however many left at once") {
  Fixture f;
  constexpr std::uint64_t kFrames = 100;
  for (std::uint64_t i = 0; i < kFrames; ++i) f.say(i, i * 37);
  REQUIRE(f.one->flush());
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    REQUIRE(f.receive() == Lane::Got::frame);
    CHECK(f.frame->frame().getRequest().getToken() == i);
    CHECK(f.frame->frame().getRequest().getText().size() == i * 37);
  }
  CHECK_FALSE(f.other->pending());
}

TEST_CASE("a frame outlives the lane that brought it") {
  Fixture f;
  f.say(7, 100);
  REQUIRE(f.one->flush());
  REQUIRE(f.receive() == Lane::Got::frame);
  f.other.reset();
  CHECK(f.frame->frame().getRequest().getToken() == 7);
}

TEST_CASE("a large frame is larger than what a socket takes at once") {
  Fixture f;
  constexpr std::size_t kBytes = 8u << 20;
  f.say(1, kBytes);
  bool sent = false;
  {
    const auto sender = f.runtime->spawn("sender", [&] { sent = f.one->flush(); });
    CHECK(f.receive(60'000) == Lane::Got::frame);
  }
  CHECK(sent);
  CHECK(f.frame->frame().getRequest().getText().size() == kBytes);
}

TEST_CASE("nobody waits longer than until the deadline, and a later frame still comes") {
  Fixture f;
  CHECK(f.receive(1) == Lane::Got::late);
  f.raw(Fixture::head(4));   // begun and not ended
  CHECK(f.receive(1) == Lane::Got::late);
}

TEST_CASE("what is no frame is garbage") {
  for (const auto& bytes : {std::string(64, 'x'), Fixture::head(0), Fixture::head(1u << 30), Fixture::head(1, 7) + std::string(8, '\0'), Fixture::head(2) + std::string(16, '\xff')}) {
    Fixture f;
    f.raw(bytes);
    CHECK(f.receive() == Lane::Got::garbage);
  }
}

TEST_CASE("a lane whose other end is gone, or was shut, is closed") {
  Fixture f;
  f.say(1);
  REQUIRE(f.one->flush());
  f.one.reset();
  CHECK(f.receive() == Lane::Got::frame);
  CHECK(f.receive() == Lane::Got::closed);
  CHECK(f.receive() == Lane::Got::closed);
  Fixture g;
  g.other->shut();
  CHECK(g.receive() == Lane::Got::closed);
}
