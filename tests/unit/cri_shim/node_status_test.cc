#include <catch2/catch.hpp>

#include "node_status.hpp"

using namespace keelson;
using namespace keelson::node;

TEST_CASE("images in another order are no change of the node") {
  NodeInputs inputs;
  inputs.runtime.answers = true;
  const auto image = [](std::vector<std::string> tags, std::uint64_t bytes) {
    ImageInfo info;
    info.tags = std::move(tags);
    info.bytes = bytes;
    return info;
  };
  inputs.runtime.images = {image({"a.example/one:1", "a.example/one:2"}, 5), image({"a.example/two:1"}, 5), image({"a.example/large:1"}, 9)};
  core_v1::Node node;
  node.status = node_status(node, inputs);
  REQUIRE(node.status.images.size() == 3);
  CHECK(node.status.images[0].names == std::vector<std::string>{"a.example/large:1"});
  CHECK(node.status.images[1].names == std::vector<std::string>{"a.example/one:1", "a.example/one:2"});
  inputs.runtime.images = {image({"a.example/two:1"}, 5), image({"a.example/large:1"}, 9), image({"a.example/one:2", "a.example/one:1"}, 5)};
  CHECK(same_but_heartbeat(node.status, node_status(node, inputs)));
}

TEST_CASE("a large disk of which little is free, but GiB, is not short; a small or full one is") {
  constexpr std::int64_t gib = 1ll << 30;
  const auto told = [](std::int64_t available_bytes, std::int64_t size_bytes) {
    NodeInputs inputs;
    inputs.machine.disk_bytes = size_bytes;
    inputs.load = {gib, available_bytes};
    const auto status = node_status({}, inputs);
    for (const auto& condition : status.conditions)
      if (condition.type == "DiskPressure") return condition.status + " " + condition.reason;
    return std::string("not told");
  };
  CHECK(told(20 * gib, 252 * gib) == "False KubeletHasNoDiskPressure");
  CHECK(told(2 * gib - 1, 252 * gib) == "True KubeletHasDiskPressure");
  CHECK(told(gib, 8 * gib) == "False KubeletHasNoDiskPressure");
  CHECK(told(gib / 2, 8 * gib) == "True KubeletHasDiskPressure");
}
