#include <catch2/catch.hpp>

#include "plugins/scheduler/nodes.hpp"

using namespace scheduler;

namespace {

Pod pod_asking(const char* cpu, const char* memory) {
  Pod pod;
  pod.meta.uid = "u";
  auto& container = pod.spec.containers.emplace_back();
  container.resources.requests = {{"cpu", cpu}, {"memory", memory}};
  return pod;
}

struct OneNode {
  Room room;
  Traits traits;
};

OneNode node_with(const char* cpu, const char* memory) {
  OneNode node;
  const auto has = amounts({{"cpu", cpu}, {"memory", memory}});
  node.traits.name = "n1";
  node.traits.present = true;
  node.room.cpu_milli = has.cpu_milli;
  node.room.memory_bytes = has.memory_bytes;
  node.room.pods_max = 10;
  return node;
}

std::vector<std::string> why(const Pod& pod, const OneNode& node) {
  const auto wants = wants_of(pod.spec);
  const auto misfit = misfits_by_traits(wants, node.traits);
  return reasons_of(wants, misfit ? misfit : misfits_by_room(wants, node.room, node.traits));
}

}  // namespace

TEST_CASE("a pod fits where its requests are free and every shortage is named") {
  auto node = node_with("2", "1Gi");
  CHECK(why(pod_asking("2", "1Gi"), node).empty());
  node.room.used_cpu_milli = 1;
  CHECK(why(pod_asking("2", "2Gi"), node) == std::vector<std::string>{"Insufficient cpu", "Insufficient memory"});
  node.room.pods = 10;
  CHECK(why(pod_asking("1m", "1"), node) == std::vector<std::string>{"Too many pods"});
}

TEST_CASE("the peak of the init phase counts when it is more than the running pod") {
  Pod pod = pod_asking("100m", "64Mi");
  pod.spec.initContainers.emplace_back().resources.requests = {{"cpu", "1"}};
  CHECK(demand_of(pod.spec).requested.cpu_milli == 1000);
  CHECK(demand_of(pod.spec).requested.memory_bytes == 64 << 20);
}

TEST_CASE("while a pod is resized the most of what is asked for, set aside and in force counts") {
  Pod pod = pod_asking("1", "64Mi");
  pod.spec.containers.front().name = "c";
  CHECK(demand_of(pod) == demand_of(pod.spec));
  auto& status = pod.status.containerStatuses.emplace_back();
  status.name = "c";
  status.allocatedResources = {{"cpu", "500m"}, {"memory", "128Mi"}};
  CHECK(demand_of(pod).requested.cpu_milli == 1000);
  CHECK(demand_of(pod).requested.memory_bytes == 128 << 20);
  status.resources.emplace().requests = {{"cpu", "2"}, {"memory", "32Mi"}};
  CHECK(demand_of(pod).requested.cpu_milli == 2000);
  CHECK(demand_of(pod).requested.memory_bytes == 128 << 20);
  status.resources.reset();
  auto& pending = pod.status.conditions.emplace_back();
  pending.type = "PodResizePending";
  pending.reason = "Deferred";
  CHECK(demand_of(pod).requested.cpu_milli == 1000);
  pending.reason = "Infeasible";
  CHECK(demand_of(pod).requested.cpu_milli == 500);
  CHECK(demand_of(pod).scored_cpu_milli == 500);
}

TEST_CASE("a sidecar counts beside the containers and during the init phase after it") {
  Pod pod = pod_asking("100m", "0");
  auto& sidecar = pod.spec.initContainers.emplace_back();
  sidecar.restartPolicy = "Always";
  sidecar.resources.requests = {{"cpu", "50m"}};
  pod.spec.initContainers.emplace_back().resources.requests = {{"cpu", "120m"}};
  CHECK(demand_of(pod.spec).requested.cpu_milli == 170);
}

TEST_CASE("taints keep pods away unless they are tolerated") {
  auto node = node_with("2", "1Gi");
  auto& taint = node.traits.taints.emplace_back();
  taint.key = "dedicated";
  taint.value = "db";
  taint.effect = "NoSchedule";
  Pod pod = pod_asking("1", "1");
  CHECK(why(pod, node) == std::vector<std::string>{"node(s) had untolerated taint(s)"});
  auto& toleration = pod.spec.tolerations.emplace_back();
  toleration.key = "dedicated";
  toleration.operator_ = "Equal";
  toleration.value = "db";
  CHECK(why(pod, node).empty());
}

TEST_CASE("an unschedulable node takes only pods that tolerate it") {
  auto node = node_with("2", "1Gi");
  node.traits.unschedulable = true;
  Pod pod = pod_asking("1", "1");
  CHECK(why(pod, node) == std::vector<std::string>{"node(s) were unschedulable"});
  pod.spec.tolerations.emplace_back().operator_ = "Exists";
  CHECK(why(pod, node).empty());
}

TEST_CASE("node selectors and required affinity have to hold, any of the terms is enough") {
  auto node = node_with("2", "1Gi");
  node.traits.labels = Labels({{"disk", "ssd"}, {"cores", "8"}});
  Pod pod = pod_asking("1", "1");
  pod.spec.nodeSelector = {{"disk", "hdd"}};
  CHECK(why(pod, node) == std::vector<std::string>{"node(s) didn't match Pod's node affinity/selector"});
  pod.spec.nodeSelector = {{"disk", "ssd"}};
  auto& terms = pod.spec.affinity.emplace().nodeAffinity.emplace().requiredDuringSchedulingIgnoredDuringExecution.emplace().nodeSelectorTerms;
  auto& never = terms.emplace_back().matchExpressions.emplace_back();
  never.key = "missing";
  never.operator_ = "Exists";
  CHECK_FALSE(why(pod, node).empty());
  auto& more = terms.emplace_back().matchExpressions.emplace_back();
  more.key = "cores";
  more.operator_ = "Gt";
  more.values = {"4"};
  CHECK(why(pod, node).empty());
}

TEST_CASE("host ports collide on the same address and on the wildcard") {
  const HostPort any{"TCP", "", 80}, loopback{"TCP", "127.0.0.1", 80}, other{"TCP", "10.0.0.1", 80}, udp{"UDP", "", 80};
  CHECK(any.collides(loopback));
  CHECK(loopback.collides(any));
  CHECK_FALSE(loopback.collides(other));
  CHECK_FALSE(any.collides(udp));
}

TEST_CASE("the emptier node scores higher") {
  auto empty = node_with("4", "4Gi"), busy = node_with("4", "4Gi");
  busy.room.scored_cpu_milli = busy.room.used_cpu_milli = 2000;
  busy.room.scored_memory_bytes = busy.room.used_memory_bytes = 2ll << 30;
  const auto wants = wants_of(pod_asking("100m", "64Mi").spec);
  CHECK(score_by_room(wants, empty.room) > score_by_room(wants, busy.room));
}
