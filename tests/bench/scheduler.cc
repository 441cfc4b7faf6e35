// bench_scheduler: what choosing nodes costs by itself: the scheduler's own tables, without a server.
//
//   bench_scheduler NODES PODS [plain|affinity|mixed]      one JSON object on standard output
//   plain: pods that ask for CPU and memory. affinity: one of three zones, rather SSDs, and a taint of every tenth node tolerated.
//   mixed: 20 different demands of both forms in turn. A pod is decoded from its JSON, chosen for and kept; nothing is bound.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "plugins/scheduler/cluster.hpp"
#include "tests/bench/usage.hpp"

namespace {

using keelson::usage::cpu_us;
using keelson::usage::resident_bytes;

using namespace scheduler;

constexpr int kZones = 10, kDemands = 20;

double wall_us() { return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Node node(int number) {
  Node made;
  made.meta.name = "node-" + std::to_string(number);
  made.meta.labels = {{"kubernetes.io/hostname", made.meta.name}, {"topology.kubernetes.io/zone", "zone-" + std::to_string(number % kZones)}, {"disk", number % 3 ? "hdd" : "ssd"}};
  made.status.allocatable = {{"cpu", "32"}, {"memory", "256Gi"}, {"pods", "110"}, {"ephemeral-storage", "1Ti"}};
  if (number % 10 == 7) {
    auto& taint = made.spec.taints.emplace_back();
    taint.key = "dedicated";
    taint.value = "batch";
    taint.effect = "NoSchedule";
  }
  return made;
}

std::string pod(int number, bool affinity, int demand) {
  std::string placed;
  if (affinity)
    placed = R"("tolerations":[{"key":"dedicated","operator":"Exists"}],"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[)"
             R"({"key":"topology.kubernetes.io/zone","operator":"In","values":["zone-1","zone-4","zone-7"]}]}]},"preferredDuringSchedulingIgnoredDuringExecution":[{"weight":10,"preference":)"
             R"({"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]}}]}},)";
  const auto name = std::to_string(number);
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"pod-)" + name + R"(","namespace":"default","uid":"00000000-0000-4000-8000-)" + std::string(12 - name.size(), '0') + name +
         R"(","labels":{"app":"bench"}},"spec":{)" + placed + R"("schedulerName":"default-scheduler","containers":[{"name":"main","image":"registry.example.com/service:v1","env":[{"name":"A","value":"b"}],)"
         R"("resources":{"requests":{"cpu":")" + std::to_string(100 + demand) + R"(m","memory":"128Mi"}},"terminationMessagePath":"/dev/termination-log","imagePullPolicy":"IfNotPresent"}]},"status":{"phase":"Pending"}})";
}

int bench(int nodes, int pods, const std::string& form) {
  const double at_first = resident_bytes(), built = cpu_us();
  Cluster cluster;
  for (int i = 0; i < nodes; ++i) cluster.set_node(node(i), {});
  const double build_us = (cpu_us() - built) / nodes, node_bytes = (resident_bytes() - at_first) / nodes;
  std::vector<std::string> bodies;
  for (int i = 0; i < pods; ++i) bodies.push_back(pod(i, form == "affinity" || (form == "mixed" && i % 2), form == "mixed" ? i % kDemands : 0));
  std::vector<Candidate> candidates;
  const double read = cpu_us();
  for (const auto& body : bodies) {
    const auto pod = keelson::decode<Pod>(body);
    candidates.push_back({{pod.meta.namespace_, pod.meta.name}, pod.meta.uid, 0, 0, cluster.share(wants_of(pod.spec))});
  }
  const double read_us = (cpu_us() - read) / pods;
  int placed = 0;
  std::uint64_t draw = 0x9e3779b97f4a7c15;
  const double began = wall_us(), used = cpu_us();
  double first_us = 0;
  for (const auto& candidate : candidates) {
    draw = draw * 6364136223846793005u + 1442695040888963407u;
    placed += !cluster.choose(candidate, draw >> 20).node.empty();
    if (first_us == 0) first_us = wall_us() - began;
  }
  const double wall = wall_us() - began, cpu = cpu_us() - used;
  std::printf("{\"nodes\": %d, \"pods\": %d, \"form\": \"%s\", \"placed\": %d, \"pods_per_s\": %.0f, \"cpu_us\": %.2f, \"first_us\": %.0f, \"read_us\": %.2f, \"node_us\": %.2f, \"node_bytes\": %.0f, \"bytes\": %.0f}\n", nodes, pods,
              form.c_str(), placed, pods / wall * 1e6, cpu / pods, first_us, read_us, build_us, node_bytes, resident_bytes());
  return placed == pods ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const int nodes = count > 1 ? std::atoi(words[1]) : 1000, pods = count > 2 ? std::atoi(words[2]) : 10'000;
  return bench(nodes, pods, count > 3 ? words[3] : "plain");
}
