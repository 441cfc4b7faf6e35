#include <catch2/catch.hpp>

#include "plugins/deployment/arithmetic.hpp"

using namespace deployment;

namespace {

Deployment with(std::int32_t replicas, keelson::IntOrString surge, keelson::IntOrString unavailable) {
  Deployment d;
  d.spec.replicas = replicas;
  d.spec.strategy.type = "RollingUpdate";
  auto& rolling = d.spec.strategy.rollingUpdate.emplace();
  rolling.maxSurge = surge;
  rolling.maxUnavailable = unavailable;
  return d;
}

}  // namespace

TEST_CASE("surge rounds up and unavailable rounds down") {
  const auto b = bounds(with(10, std::string("25%"), std::string("25%")));
  CHECK(b.surge == 3);
  CHECK(b.unavailable == 2);
  CHECK(b.max_pods() == 13);
  CHECK(b.min_available() == 8);
}

TEST_CASE("when surge and unavailable are both zero one pod may be unavailable") {
  const auto b = bounds(with(3, 0, 0));
  CHECK(b.surge == 0);
  CHECK(b.unavailable == 1);
}

TEST_CASE("no more pods may be unavailable than there are") { CHECK(bounds(with(2, 0, 5)).unavailable == 2); }

TEST_CASE("the newest set grows into what surge leaves and never beyond the replicas") {
  const Bounds b{.replicas = 10, .surge = 3, .unavailable = 2};
  CHECK(grown(b, 0, 10) == 3);
  CHECK(grown(b, 3, 13) == 3);
  CHECK(grown(b, 8, 8) == 10);
}

TEST_CASE("old sets give up unhealthy pods first, then healthy ones down to the minimum") {
  const Bounds b{.replicas = 10, .surge = 3, .unavailable = 2};
  const Share newest{.size = 3, .available = 0};
  const Share old[] = {{.size = 4, .available = 2}, {.size = 6, .available = 6}};
  // 13 pods, 8 must stay, 3 of the newest are not available: 2 may go, and the unhealthy two of the oldest go.
  CHECK(shrunk_old(b, newest, old) == std::vector<std::int32_t>{2, 6});
}

TEST_CASE("healthy old pods go as fast as new ones become available") {
  const Bounds b{.replicas = 10, .surge = 3, .unavailable = 2};
  const Share newest{.size = 5, .available = 5};
  const Share old[] = {{.size = 8, .available = 8}};
  CHECK(shrunk_old(b, newest, old) == std::vector<std::int32_t>{3});
}

TEST_CASE("a resize during a rollout keeps each set's share and the leftover goes to the largest") {
  const Bounds b{.replicas = 20, .surge = 5, .unavailable = 0};
  const Share sets[] = {{.size = 8, .available = 8, .max_replicas = 13, .creation_unix_s = 1}, {.size = 5, .available = 0, .max_replicas = 13, .creation_unix_s = 2}};
  const auto sizes = proportional(b, sets);
  CHECK(sizes[0] + sizes[1] == 25);
  CHECK(sizes[0] == 15);
  CHECK(sizes[1] == 10);
}

TEST_CASE("scaling to zero during a rollout empties every set") {
  const Bounds b{.replicas = 0, .surge = 1, .unavailable = 0};
  const Share sets[] = {{.size = 3, .available = 3, .max_replicas = 4, .creation_unix_s = 1}, {.size = 1, .available = 0, .max_replicas = 4, .creation_unix_s = 2}};
  CHECK(proportional(b, sets) == std::vector<std::int32_t>{0, 0});
}
