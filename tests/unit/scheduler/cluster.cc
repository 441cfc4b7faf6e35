// The tables against the rules that they are made from: whatever changed, a choice is what looking at every node would say.
#include <catch2/catch.hpp>
#include <random>

#include "plugins/scheduler/cluster.hpp"

using namespace scheduler;

namespace {

Node node_of(int number, int kind) {
  Node node;
  node.meta.name = "n" + std::to_string(number);
  node.meta.labels = {{"zone", kind % 2 ? "a" : "b"}};
  node.status.allocatable = {{"cpu", kind % 3 ? "4" : "1"}, {"memory", "4Gi"}, {"pods", "6"}, {"example.com/gpu", kind % 5 ? "0" : "1"}};
  node.spec.unschedulable = kind % 7 == 0;
  if (kind % 4 == 0) {
    auto& taint = node.spec.taints.emplace_back();
    taint.key = "rather";
    taint.effect = kind % 8 ? "PreferNoSchedule" : "NoSchedule";
  }
  return node;
}

Wants wants_number(int number) {
  PodSpec spec;
  auto& container = spec.containers.emplace_back();
  container.resources.requests = {{"cpu", std::to_string(100 * (1 + number % 3)) + "m"}, {"memory", "256Mi"}};
  if (number == 1) spec.nodeSelector = {{"zone", "a"}};
  if (number == 2) spec.tolerations.emplace_back().operator_ = "Exists";
  if (number == 3) container.resources.requests["example.com/gpu"] = "1";
  if (number == 4) container.ports.emplace_back().hostPort = 80;
  return wants_of(spec);
}
constexpr int kWants = 5;

Candidate pod_of(Cluster& cluster, int number) { return {{"default", "p"}, "uid-" + std::to_string(number), 1, 0, cluster.share(wants_number(number % kWants))}; }

/// Each node looked at, as no table would: the scores of those that fit.
std::map<std::string, int> by_rules(const NodeTable& nodes, const Wants& wants) {
  std::map<std::string, int> scores;
  for (NodeId id = 0; id < nodes.size(); ++id) {
    const auto& traits = nodes.traits(id);
    if (!traits.present || misfits_by_traits(wants, traits) || misfits_by_room(wants, nodes.room(id), traits)) continue;
    scores[traits.name] = score_by_traits(wants, traits) + score_by_room(wants, nodes.room(id));
  }
  return scores;
}

std::map<std::string, int> by_standing(const NodeTable& nodes, const Standing& standing) {
  std::map<std::string, int> scores;
  standing.each_fitting([&](NodeId id, int score) { scores[nodes.traits(id).name] = score; });
  return scores;
}

}  // namespace

TEST_CASE("equal pods share their wants, others do not, and those that nobody has are forgotten") {
  WantsPool pool;
  const auto one = pool.share(wants_number(1));
  CHECK(pool.share(wants_number(1)) == one);
  CHECK(pool.share(wants_number(2)) != one);
  for (int i = 0; i < 1000; ++i) {
    auto wants = wants_number(0);
    wants.demand.requested.cpu_milli = i;
    (void)pool.share(std::move(wants));
  }
  CHECK(pool.share(wants_number(1)) == one);
}

TEST_CASE("a standing that follows single changes says what a look at every node says") {
  std::mt19937 random(7);   // NOLINT: the same every time
  NodeTable nodes;
  std::vector<Standing> standings;
  for (int i = 0; i < kWants; ++i) standings.emplace_back(std::make_shared<const Wants>(wants_number(i)));
  std::vector<std::pair<NodeId, int>> pods;
  for (int step = 0; step < 4000; ++step) {
    NodeId touched = 0;
    const auto what = random() % 10;
    if (what < 2) {
      touched = nodes.set(node_of(static_cast<int>(random() % 40), static_cast<int>(random() % 40)), {}).id;
    } else if (what == 2) {
      const auto gone = nodes.drop("n" + std::to_string(random() % 40));
      if (!gone) continue;
      touched = *gone;
    } else if (what < 8) {
      const int wants = static_cast<int>(random() % kWants);
      if (!standings[static_cast<std::size_t>(wants)].any()) continue;
      touched = standings[static_cast<std::size_t>(wants)].best(random());
      nodes.take(touched, wants_number(wants));
      pods.emplace_back(touched, wants);
    } else if (!pods.empty()) {
      touched = pods.back().first;
      nodes.give_back(touched, wants_number(pods.back().second));
      pods.pop_back();
    }
    if (touched >= nodes.size()) continue;
    for (auto& standing : standings) standing.renew(nodes, touched, what < 3 || !nodes.traits(touched).present);
    for (auto& standing : standings) REQUIRE(by_standing(nodes, standing) == by_rules(nodes, standing.wants()));
  }
  for (auto& standing : standings) {
    const auto followed = standing.reasons();
    standing.renew(nodes);
    CHECK(standing.reasons() == followed);
  }
}

TEST_CASE("pods are spread over all nodes that are equally good, and those that found none are told why") {
  Cluster cluster;
  for (int i = 0; i < 20; ++i) {
    auto node = node_of(i, 1);
    node.meta.labels["name"] = node.meta.name;
    cluster.set_node(node, {});
  }
  std::map<std::string, int> taken;
  std::mt19937_64 random(3);   // NOLINT: the same every time
  for (int i = 0; i < 120; ++i) ++taken[cluster.choose(pod_of(cluster, i * kWants), random()).node];
  CHECK(taken.size() == 20);
  for (const auto& [node, pods] : taken) CHECK(pods == 6);
  const auto none = cluster.choose(pod_of(cluster, 1000), 1);
  CHECK(none.node.empty());
  CHECK(none.nodes == 20);
  CHECK(none.reasons == std::map<std::string, int>{{"Too many pods", 20}});
  cluster.forget("uid-0");
  CHECK_FALSE(cluster.choose(pod_of(cluster, 1000), 1).node.empty());
}

TEST_CASE("pods of many kinds in turn, more than are remembered, are placed as their own rules say") {
  Cluster cluster;
  for (int i = 0; i < 10; ++i) cluster.set_node(node_of(i, 1), {});
  for (int i = 0; i < 2 * static_cast<int>(kStandingsMax); ++i) {
    auto wants = wants_number(1);
    wants.demand.requested.cpu_milli = 1 + i;
    const Candidate candidate{{"default", "p"}, "u", 1, 0, cluster.share(std::move(wants))};
    REQUIRE_FALSE(cluster.choose(candidate, 0).node.empty());
    cluster.forget("u");
  }
}
