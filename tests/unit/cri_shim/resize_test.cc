#include <catch2/catch.hpp>

#include "world.hpp"

using namespace keelson;
using namespace keelson::node;
using namespace keelson::node::testing;

namespace {

constexpr std::int64_t kMib = 1 << 20;

/// A pod `name` whose container has these requests and limits.
std::string sized(const std::string& name, const std::string& resources, const std::string& more = "") {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + R"(","namespace":"default","uid":"u-)" + name + R"(","resourceVersion":"1","generation":1},
    "spec":{"nodeName":"n1","restartPolicy":"Always","containers":[{"name":"main","image":"keelson.dev/demo:1","imagePullPolicy":"IfNotPresent","resources":)" + resources + more + "}]}}";
}

struct Sized : World {
  explicit Sized(const std::string& resources, const std::string& more = "") {
    allocatable = {{"cpu", 2000}, {"memory", 1024 * kMib}};
    restart_agent();
    add(sized("web", resources, more));
    run_for(5);
  }
  void ask(const std::string& resources) {
    auto pod = std::make_shared<Pod>(*cluster.pods.at(key));
    pod->spec.containers[0].resources = decode<ResourceRequirements>(resources);
    ++pod->meta.generation;
    cluster.pods[key] = pod;
    run_for(3);
  }
  const ContainerStatus& main() { return status().containerStatuses.front(); }
  std::string in_force() { return encode(*main().resources); }
  const PodCondition* condition(const std::string& type) {
    for (const auto& one : status().conditions)
      if (one.type == type) return &one;
    return nullptr;
  }
  std::int64_t shares() { return cri.resources.at(cri.only_running()).cpu_shares(); }
};

const std::string kSmall = R"({"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"memory":"128Mi"}})";
const std::string kLarge = R"({"limits":{"memory":"256Mi"},"requests":{"cpu":"1","memory":"64Mi"}})";

}  // namespace

TEST_CASE("a container gets more in place: the runtime is told, its status says what is in force, nothing restarts") {
  Sized w(kSmall);
  const auto id = w.cri.only_running();
  CHECK(w.in_force() == R"({"limits":{"memory":"128Mi"},"requests":{"cpu":"100m","memory":"64Mi"}})");
  CHECK(w.main().allocatedResources.at("cpu").text == "100m");
  w.ask(kLarge);
  CHECK(w.cri.only_running() == id);
  CHECK(w.shares() == 1024);
  CHECK(w.cri.resources.at(id).memory_limit_in_bytes() == 256 * kMib);
  CHECK(w.in_force() == kLarge);
  CHECK(w.main().allocatedResources.at("cpu").text == "1");
  CHECK(w.main().restartCount == 0);
  CHECK((w.condition("PodResizePending") == nullptr && w.condition("PodResizeInProgress") == nullptr));
  CHECK((w.cluster.count("ResizeStarted") == 1 && w.cluster.count("ResizeCompleted") == 1));
  w.restart_agent();
  w.run_for(3);
  CHECK(w.cri.updates == 1);   // a new agent knows what is in force
}

TEST_CASE("a container whose policy asks for it is started again with what it gets") {
  Sized w(kSmall, R"(,"resizePolicy":[{"resourceName":"memory","restartPolicy":"RestartContainer"}])");
  const auto id = w.cri.only_running();
  w.ask(R"({"requests":{"cpu":"200m","memory":"64Mi"},"limits":{"memory":"128Mi"}})");
  CHECK(w.cri.only_running() == id);   // cpu alone needs no restart
  w.ask(kLarge);
  CHECK(w.cri.only_running() != id);
  CHECK(w.main().restartCount == 1);
  CHECK(w.cri.resources.at(w.cri.only_running()).memory_limit_in_bytes() == 256 * kMib);
  CHECK(w.in_force() == kLarge);
  CHECK(w.condition("PodResizeInProgress") == nullptr);
  CHECK(w.cluster.count("ResizeCompleted") == 2);
}

TEST_CASE("what the node has not got waits and says so, and is given when others leave") {
  Sized w(kSmall);
  auto other = std::make_shared<Pod>(pod_from(sized("other", R"({"requests":{"cpu":"1500m"}})")));
  const Key other_key{"default", "other"};
  w.cluster.pods[other_key] = other;
  w.agent->reconcile(w.cluster, other_key);
  w.agent->reconcile(w.cluster, other_key);
  w.ask(kLarge);
  REQUIRE(w.condition("PodResizePending"));
  CHECK(w.condition("PodResizePending")->reason == "Deferred");
  CHECK(w.condition("PodResizePending")->message == "Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000");
  CHECK(w.shares() == 102);
  CHECK(w.in_force() == R"({"limits":{"memory":"128Mi"},"requests":{"cpu":"100m","memory":"64Mi"}})");
  w.restart_agent();
  w.run_for(3);
  CHECK(w.condition("PodResizePending")->reason == "Deferred");   // not forgotten, and not given either
  CHECK(w.shares() == 102);
  w.ask(R"({"requests":{"cpu":"3","memory":"64Mi"},"limits":{"memory":"128Mi"}})");
  CHECK(w.condition("PodResizePending")->reason == "Infeasible");
  CHECK(w.condition("PodResizePending")->message == "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000");
  w.ask(kLarge);
  w.woken.clear();
  w.cluster.pods.erase(other_key);
  for (int i = 0; i < 3; ++i) w.agent->reconcile(w.cluster, other_key);
  CHECK(std::find(w.woken.begin(), w.woken.end(), w.key) != w.woken.end());
  w.run_for(3);
  CHECK(w.condition("PodResizePending") == nullptr);
  CHECK(w.shares() == 1024);
}

TEST_CASE("a resize that the runtime refuses says so and is tried again") {
  Sized w(kSmall);
  auto pod = std::make_shared<Pod>(*w.cluster.pods.at(w.key));
  pod->spec.containers[0].resources = decode<ResourceRequirements>(kLarge);
  w.cluster.pods[w.key] = pod;
  w.cri.fail_update = true;
  w.settle();
  REQUIRE(w.condition("PodResizeInProgress"));
  CHECK((w.condition("PodResizeInProgress")->reason == "Error" && w.condition("PodResizeInProgress")->message == "made to fail"));
  CHECK(w.main().resources->requests.at("cpu").text == "100m");
  CHECK(w.main().allocatedResources.at("cpu").text == "1");
  w.run_for(3);
  CHECK(w.condition("PodResizeInProgress") == nullptr);
  CHECK(w.in_force() == kLarge);
}
