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
