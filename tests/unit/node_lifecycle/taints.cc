#include <catch2/catch.hpp>

#include "plugins/node-lifecycle/taints.hpp"

using namespace node_lifecycle;

namespace {

Node node_ready(const char* status) {
  Node node;
  auto& ready = node.status.conditions.emplace_back();
  ready.type = "Ready";
  ready.status = status;
  return node;
}

std::vector<std::string> names(const std::vector<Taint>& taints) {
  std::vector<std::string> all;
  for (const auto& taint : taints) all.push_back(taint.key + ":" + taint.effect);
  return all;
}

}  // namespace

TEST_CASE("a silent node is unreachable, a failing one not ready, both for scheduling and for running pods") {
  CHECK(names(taints_for(node_ready("Unknown"), 5)) == std::vector<std::string>{"node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"});
  CHECK(names(taints_for(node_ready("False"), 5)) == std::vector<std::string>{"node.kubernetes.io/not-ready:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"});
  CHECK(taints_for(node_ready("True"), 5).empty());
  CHECK(names(taints_for(node_ready("Unknown"), 5, false)) == std::vector<std::string>{"node.kubernetes.io/unreachable:NoSchedule"});
}

TEST_CASE("foreign taints stay and the time of one that stays does not move") {
  Node node = node_ready("Unknown");
  node.spec.taints = taints_for(node, 5);
  Taint foreign;
  foreign.key = "mine";
  foreign.effect = "NoSchedule";
  node.spec.taints.push_back(foreign);
  const auto again = taints_for(node, 99);
  CHECK(again == node.spec.taints);
  node.status.conditions[0].status = "True";
  CHECK(names(taints_for(node, 99)) == std::vector<std::string>{"mine:NoSchedule"});
}

TEST_CASE("a pod leaves at once without a toleration, after its seconds with one, never with an unlimited one") {
  const auto taints = taints_for(node_ready("Unknown"), 100);
  Pod pod;
  CHECK(eviction_time(pod, taints) == 100);
  auto& toleration = pod.spec.tolerations.emplace_back();
  toleration.key = "node.kubernetes.io/unreachable";
  toleration.operator_ = "Exists";
  toleration.effect = "NoExecute";
  toleration.tolerationSeconds = 300;
  CHECK(eviction_time(pod, taints) == 400);
  toleration.tolerationSeconds.reset();
  CHECK_FALSE(eviction_time(pod, taints));
}
