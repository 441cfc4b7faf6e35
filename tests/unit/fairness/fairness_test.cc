#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>

#include "core/base/metrics.hpp"
#include "core/fairness/bootstrap.hpp"
#include "core/fairness/fairness.hpp"

using namespace keelson;
using namespace keelson::fairness;

namespace {

auth::Identity user_of(std::string name, std::vector<std::string> groups = {"system:authenticated"}) {
  auth::Identity user;
  user.name = std::move(name);
  user.groups = std::move(groups);
  return user;
}

auth::Attributes asks(const auth::Identity& user, std::string verb, std::string group, std::string resource, std::string ns = {}) {
  auth::Attributes attributes;
  attributes.user = &user;
  attributes.verb = std::move(verb);
  attributes.group = std::move(group);
  attributes.resource = std::move(resource);
  attributes.ns = std::move(ns);
  return attributes;
}

std::vector<SchemaSpec> schemas() {
  std::vector<SchemaSpec> all;
  for (const auto& wanted : bootstrap_schemas()) {
    all.push_back(schema_of(wanted.object));
    all.back().uid = "uid-" + all.back().name;
  }
  order(all);
  return all;
}
std::vector<LevelSpec> levels() {
  std::vector<LevelSpec> all;
  for (const auto& wanted : bootstrap_levels()) all.push_back(level_of(wanted.object));
  return all;
}

std::string schema_for(const auth::Attributes& request) {
  for (const auto& schema : schemas())
    if (matches(schema, request)) return schema.name;
  return {};
}

}  // namespace

TEST_CASE("the bootstrap schemas class requests as upstream's do") {
  const auto admin = user_of("a", {"system:masters", "system:authenticated"}), node = user_of("system:node:n", {"system:nodes", "system:authenticated"});
  const auto robot = user_of("system:serviceaccount:one:robot", {"system:serviceaccounts", "system:authenticated"});
  const auto core = user_of("system:serviceaccount:kube-system:x", {"system:serviceaccounts", "system:authenticated"});
  const auto ann = user_of("ann"), nobody = user_of("system:anonymous", {"system:unauthenticated"}), stranger = user_of("x", {});
  CHECK(schema_for(asks(admin, "list", "", "pods")) == "exempt");
  CHECK(schema_for(asks(node, "update", "coordination.k8s.io", "leases", "kube-node-lease")) == "system-node-high");
  CHECK(schema_for(asks(node, "patch", "", "nodes")) == "system-node-high");
  CHECK(schema_for(asks(node, "list", "", "pods")) == "system-nodes");
  CHECK(schema_for(asks(core, "update", "coordination.k8s.io", "leases", "kube-system")) == "system-leader-election");
  CHECK(schema_for(asks(core, "list", "", "pods")) == "kube-system-service-accounts");
  CHECK(schema_for(asks(robot, "list", "", "pods")) == "service-accounts");
  CHECK(schema_for(asks(ann, "create", "", "pods", "a")) == "global-default");
  CHECK(schema_for(asks(stranger, "list", "", "pods")).empty());
  auto probe = asks(nobody, "get", "", "");
  probe.resource_request = false;
  probe.path = "/readyz";
  CHECK(schema_for(probe) == "probes");
  probe.path = "/metrics";
  CHECK(schema_for(probe) == "global-default");
}

TEST_CASE("the flows of a schema are told apart by its method") {
  const auto all = schemas();
  const auto by_user = std::find_if(all.begin(), all.end(), [](const auto& each) { return each.name == "global-default"; });
  const auto by_ns = std::find_if(all.begin(), all.end(), [](const auto& each) { return each.name == "kube-scheduler"; });
  const auto ann = user_of("ann"), bob = user_of("bob");
  CHECK(flow_hash(*by_user, asks(ann, "get", "", "pods", "a")) == flow_hash(*by_user, asks(ann, "list", "", "nodes", "b")));
  CHECK(flow_hash(*by_user, asks(ann, "get", "", "pods", "a")) != flow_hash(*by_user, asks(bob, "get", "", "pods", "a")));
  CHECK(flow_hash(*by_ns, asks(ann, "get", "", "pods", "a")) == flow_hash(*by_ns, asks(bob, "get", "", "pods", "a")));
  CHECK(flow_hash(*by_ns, asks(ann, "get", "", "pods", "a")) != flow_hash(*by_ns, asks(ann, "get", "", "pods", "b")));
}

TEST_CASE("when seats and queues are full requests are refused, who is exempt is not, and seats given back go to who waits") {
  const auto runtime = base::real_runtime();
  const auto metrics = base::make_metrics();
  const auto fairness = make_fairness(*runtime, *metrics, 60);
  fairness->set(schemas(), levels());
  const auto ann = user_of("ann"), admin = user_of("a", {"system:masters"}), node = user_of("system:node:n", {"system:nodes"});
  std::vector<std::shared_ptr<Turn>> held, waiting;
  const auto asked = asks(ann, "create", "", "pods", "a");
  auto turn = fairness->turn(asked, 1);
  for (; turn->state() == Turn::State::now; turn = fairness->turn(asked, 1)) held.push_back(turn);
  CHECK(held.size() > 4);
  CHECK(turn->schema_uid() == "uid-global-default");
  std::atomic<int> admitted{0}, refused{0};
  for (; turn->state() == Turn::State::must_wait; turn = fairness->turn(asked, 1)) {
    REQUIRE(turn->wait([&](bool yes) { ++(yes ? admitted : refused); }));
    waiting.push_back(turn);
  }
  CHECK(turn->state() == Turn::State::refused);
  CHECK(waiting.size() == 6 * 50);
  CHECK(fairness->turn(asks(admin, "create", "", "pods", "a"), 1)->state() == Turn::State::now);
  CHECK(fairness->turn(asks(node, "update", "coordination.k8s.io", "leases", "x"), 1)->state() == Turn::State::now);
  held.pop_back();
  CHECK(admitted == 1);
  held.clear();
  CHECK(admitted > 4);
  const auto text = metrics->prometheus_text();
  CHECK(text.find("apiserver_flowcontrol_rejected_requests_total{flow_schema=\"global-default\",priority_level=\"global-default\",reason=\"queue-full\"} 1") != std::string::npos);
  CHECK(text.find("apiserver_flowcontrol_current_inqueue_requests{priority_level=\"global-default\"}") != std::string::npos);
  fairness->stop();
  CHECK(admitted + refused == 300);
}

TEST_CASE("asking for a turn costs a small part of a request") {
  const auto runtime = base::real_runtime();
  const auto metrics = base::make_metrics();
  const auto fairness = make_fairness(*runtime, *metrics);
  fairness->set(schemas(), levels());
  const auto ann = user_of("ann");
  const auto asked = asks(ann, "create", "", "pods", "a");
  std::int64_t best = INT64_MAX;
  for (int round = 0; round < 20; ++round) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 2000; ++i) fairness->turn(asked, 1);
    best = std::min<std::int64_t>(best, std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - began).count() / 2000);
  }
  WARN("a turn takes " << best << " ns");
#ifdef __OPTIMIZE__
  CHECK(best < 10'000);   // some ten times what it takes: a busy machine is no fault
#else
  CHECK(best < 2'000'000);   // unoptimized and sanitized builds
#endif
}
