#include <catch2/catch.hpp>
#include <keelson/selectors.hpp>

#include "plugins/deployment/annotations.hpp"
#include "plugins/deployment/pod_view.hpp"

using namespace deployment;

namespace {

PodViewRef pod(std::string uid, const std::function<void(PodView&)>& edit = {}) {
  auto view = std::make_shared<PodView>();
  view->uid = std::move(uid);
  view->node = "n1";
  view->phase = "Running";
  view->ready = true;
  if (edit) edit(*view);
  return view;
}

std::vector<std::string> order(std::vector<PodViewRef> pods, const std::unordered_map<std::string, int>& crowd = {}) {
  rank_for_deletion(pods, crowd, 1'000'000);
  std::vector<std::string> uids;
  for (const auto& p : pods) uids.push_back(p->uid);
  return uids;
}

}  // namespace

TEST_CASE("scale-down takes unassigned, then pending, then unready, then cheap pods") {
  CHECK(order({pod("good"), pod("cheap", [](auto& p) { p.deletion_cost = -1; }), pod("unready", [](auto& p) { p.ready = false; }),
               pod("pending", [](auto& p) { p.phase = "Pending"; }), pod("unassigned", [](auto& p) { p.node.clear(); })}) ==
        std::vector<std::string>{"unassigned", "pending", "unready", "cheap", "good"});
}

TEST_CASE("scale-down takes from the crowded node, then who has been ready for less long, then who restarted more") {
  CHECK(order({pod("alone", [](auto& p) { p.node = "n2"; }), pod("crowded")}, {{"n1", 5}, {"n2", 1}}) == std::vector<std::string>{"crowded", "alone"});
  CHECK(order({pod("old", [](auto& p) { p.ready_since_unix_s = 1; }), pod("new", [](auto& p) { p.ready_since_unix_s = 999'990; })}) == std::vector<std::string>{"new", "old"});
  CHECK(order({pod("calm"), pod("restless", [](auto& p) { p.restarts = 3; })}) == std::vector<std::string>{"restless", "calm"});
}

TEST_CASE("a view has of a pod what a replica set decides by") {
  constexpr auto kPod = R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"web-1","namespace":"shop","uid":"u1","creationTimestamp":"1970-01-01T00:01:40Z","deletionTimestamp":"1970-01-01T00:03:20Z",)"
                        R"("labels":{"app":"web"},"annotations":{"controller.kubernetes.io/pod-deletion-cost":"-7"},"managedFields":[{"manager":"a","fieldsV1":{"f:status":{"f:phase":{}}}}]},)"
                        R"("spec":{"containers":[{"name":"main","resources":{"limits":{"cpu":1}}}],"nodeName":"n1"},"status":{"phase":"Running","conditions":[{"type":"Initialized","status":"False"},)"
                        R"({"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":"1970-01-01T00:02:30Z"}],"containerStatuses":[{"name":"a","restartCount":2},{"name":"b","restartCount":5,"ready":true}]}})";
  const auto view = view_of(kPod, 9);
  CHECK(view.key == keelson::Key{"shop", "web-1"});
  CHECK(view.uid == "u1");
  CHECK(view.node == "n1");
  CHECK(view.phase == "Running");
  CHECK(view.revision == 9);
  CHECK(view.deleting);
  CHECK(view.ready);
  CHECK(view.ready_since_unix_s == 150);
  CHECK(view.creation_unix_s == 100);
  CHECK(view.deletion_cost == -7);
  CHECK(view.restarts == 5);
  CHECK(view.labels == std::map<std::string, std::string>{{"app", "web"}});
}

TEST_CASE("a pod that has just been made is active, on no node and not ready") {
  const auto view = view_of(R"({"metadata":{"name":"web-1","namespace":"shop","uid":"u1","creationTimestamp":"1970-01-01T00:01:40Z"},"spec":{"containers":[{"name":"main"}]},"status":{"phase":"Pending"}})", 1);
  CHECK(view.active());
  CHECK(view.node.empty());
  CHECK_FALSE(view.available(1'000, 0));
}

TEST_CASE("a raised revision remembers the number it had") {
  Metadata set;
  CHECK(raise_revision(set, 1));
  CHECK(raise_revision(set, 3));
  CHECK_FALSE(raise_revision(set, 2));
  CHECK(set.annotations[kRevision] == "3");
  CHECK(set.annotations[kRevisionHistory] == "1");
}

TEST_CASE("a replica set gets the deployment's annotations but not those of kubectl and of the rollout itself") {
  Metadata from, to;
  from.annotations = {{"a", "1"}, {kLastApplied, "x"}, {kRevision, "7"}};
  CHECK(copy_annotations(from, to));
  CHECK(to.annotations == std::map<std::string, std::string>{{"a", "1"}});
}

TEST_CASE("selectors match by labels and by expressions, and NotIn holds for a missing key") {
  keelson::meta_v1::LabelSelector selector;
  CHECK(keelson::selects_all(selector));
  selector.matchLabels = {{"app", "web"}};
  auto& requirement = selector.matchExpressions.emplace_back();
  requirement.key = "tier";
  requirement.operator_ = "NotIn";
  requirement.values = {"db"};
  CHECK(keelson::matches(selector, {{"app", "web"}}));
  CHECK_FALSE(keelson::matches(selector, {{"app", "web"}, {"tier", "db"}}));
  CHECK_FALSE(keelson::matches(selector, {{"tier", "front"}}));
}
