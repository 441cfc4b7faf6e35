#include "core/auth/node.hpp"

#include <random>
#include <set>

#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

/// Volumes whose driver wants the secret "other".
const std::vector<std::string> kDriverVolumes = {
    R"({"name":"a","cephfs":{"monitors":["m"],"secretRef":{"name":"other"}}})", R"({"name":"b","flexVolume":{"driver":"d/d","secretRef":{"name":"other"}}})",
    R"({"name":"c","iscsi":{"targetPortal":"p","iqn":"iqn.2001-04.com.example:s","lun":0,"secretRef":{"name":"other"}}})", R"({"name":"d","rbd":{"monitors":["m"],"image":"i","secretRef":{"name":"other"}}})",
    R"({"name":"e","scaleIO":{"gateway":"g","system":"s","volumeName":"v","secretRef":{"name":"other"}}})", R"({"name":"f","azureFile":{"secretName":"other","shareName":"s"}})",
    R"({"name":"g","csi":{"driver":"d","nodePublishSecretRef":{"name":"other"}}})"};

/// Two nodes, a pod on each, and somebody who is the first of them.
class NodeCluster : public Cluster {
 public:
  NodeCluster() {
    chains->add(auth::node_authorizer(*store));
    node.user.name = "system:node:n1";
    node.user.groups = {"system:nodes", "system:authenticated"};
    node.field_manager = "kubelet";
    must(create("v1/namespaces", "", R"({"metadata":{"name":"kube-node-lease"}})"));
    for (const std::string name : {"n1", "n2"}) must(create("v1/nodes", "", R"({"metadata":{"name":")" + name + R"("}})"));
    must(create("v1/secrets", "default", config_map("used")));
    must(create("v1/secrets", "default", config_map("other")));
    pod("p1", "n1", "used");
    pod("p2", "n2", "other");
  }
  void pod(const std::string& name, const std::string& on, const std::string& secret) {
    must(create("v1/pods", "default", R"({"metadata":{"name":")" + name + R"("},"spec":{"nodeName":")" + on +
                                          R"(","containers":[{"name":"c","image":"i","envFrom":[{"secretRef":{"name":")" + secret + R"("}}]}]}})"));
  }
  bool may(std::string verb, std::string group, std::string resource, std::string ns = "", std::string name = "", std::string subresource = "") const {
    auth::Attributes asked;
    asked.user = &node.user;
    asked.verb = std::move(verb);
    asked.group = std::move(group);
    asked.version = "v1";
    asked.resource = std::move(resource);
    asked.ns = std::move(ns);
    asked.name = std::move(name);
    asked.subresource = std::move(subresource);
    return chains->authorize(asked).decision == auth::Decision::allow;
  }
  Outcome as_node(const std::function<Outcome()>& work) {
    std::swap(admin, node);
    auto outcome = work();
    std::swap(admin, node);
    return outcome;
  }
  std::string patched(std::string_view what, std::string ns, std::string name, std::string body) {
    return message(as_node([&] { return patch(what, ns, name, body); }));
  }
  std::string created(std::string_view what, std::string ns, std::string body) {
    return message(as_node([&] { return create(what, ns, body); }));
  }
  verbs::Context node;
};

}  // namespace

TEST_CASE("a node reads what its pods need, by name, and nothing else") {
  NodeCluster cluster;
  CHECK(cluster.may("get", "", "secrets", "default", "used"));
  CHECK(cluster.may("watch", "", "secrets", "default", "used"));
  CHECK_FALSE(cluster.may("get", "", "secrets", "default", "other"));
  CHECK_FALSE(cluster.may("get", "", "secrets", "kube-system", "used"));
  CHECK_FALSE(cluster.may("list", "", "secrets", "default"));
  CHECK_FALSE(cluster.may("update", "", "secrets", "default", "used"));
  CHECK(cluster.may("get", "", "pods", "default", "p1"));
  CHECK_FALSE(cluster.may("get", "", "pods", "default", "p2"));
  CHECK(cluster.may("get", "", "nodes", "", "n1"));
  CHECK_FALSE(cluster.may("get", "", "nodes", "", "n2"));
  CHECK(cluster.may("create", "", "serviceaccounts", "default", "default", "token"));
  CHECK_FALSE(cluster.may("create", "", "serviceaccounts", "kube-system", "default", "token"));
  CHECK(cluster.may("update", "coordination.k8s.io", "leases", "kube-node-lease", "n1"));
  CHECK_FALSE(cluster.may("update", "coordination.k8s.io", "leases", "kube-node-lease", "n2"));
  CHECK_FALSE(cluster.may("update", "coordination.k8s.io", "leases", "kube-system", "n1"));
  CHECK_FALSE(cluster.may("delete", "", "nodes", "", "n1"));
  CHECK_FALSE(cluster.may("list", "", "nodes"));
  CHECK_FALSE(cluster.may("watch", "", "nodes", "", "n2"));
  CHECK(cluster.may("watch", "", "nodes", "", "n1"));
  CHECK_FALSE(cluster.may("list", "rbac.authorization.k8s.io", "clusterroles"));
}

TEST_CASE("a node lists and watches the pods that are bound to it, and no others") {
  NodeCluster cluster;
  const auto listed = [&](const std::string& fields, const std::string& ns = "", const std::string& what = "v1/pods") {
    verbs::ListOptions options;
    const auto target = cluster.target(what, ns);
    options.selector = watch::parse_selector(*target.kind, "", fields).value();
    std::promise<base::Outcome<verbs::Listed>> promise;
    cluster.verbs->list(cluster.node, target, options, [&](auto outcome) { promise.set_value(std::move(outcome)); });
    auto outcome = promise.get_future().get();
    return outcome ? std::to_string(outcome->objects.size()) : outcome.error().message;
  };
  CHECK(listed("spec.nodeName=n1") == "1");
  CHECK(listed("spec.nodeName==n1,status.phase!=Failed", "default") == "1");
  CHECK(listed("metadata.name=p1", "default") == "1");
  CHECK(holds(listed("metadata.name=p2", "default"), R"(pods "p2" is forbidden: User "system:node:n1" cannot list resource "pods")"));
  CHECK(holds(listed("metadata.name=p1"), "no relationship found"));
  for (const std::string fields : {"", "spec.nodeName=n2", "spec.nodeName!=n1", "spec.schedulerName=spec.nodeName\\=n1", R"(spec.schedulerName=a\,spec.nodeName\=n1)", "spec.nodeName=", "metadata.name!=p1"}) {
    INFO(fields);
    CHECK(holds(listed(fields), "can only list/watch pods with spec.nodeName field selector"));
  }
  CHECK(listed("metadata.name=n1", "", "v1/nodes") == "1");
  CHECK(holds(listed("metadata.name=n2", "", "v1/nodes"), "only its own Node object"));
  CHECK(holds(listed("metadata.name!=n2", "", "v1/nodes"), "cannot read all nodes"));
  CHECK(listed("metadata.name=used", "default", "v1/secrets") == "1");
  CHECK(holds(listed("metadata.name=other", "default", "v1/secrets"), "no relationship found"));
}

TEST_CASE("who only has the name or only the group is no node") {
  NodeCluster cluster;
  cluster.node.user.groups = {"system:authenticated"};
  CHECK_FALSE(cluster.may("get", "", "secrets", "default", "used"));
  cluster.node.user.groups = {"system:nodes"};
  cluster.node.user.name = "mallory";
  CHECK_FALSE(cluster.may("get", "", "secrets", "default", "used"));
}

TEST_CASE("a node changes itself, but not what others decide by") {
  NodeCluster cluster;
  CHECK(cluster.patched("v1/nodes/status", "", "n1", R"({"status":{"phase":"Running"}})") == "no failure");
  CHECK(cluster.patched("v1/nodes", "", "n1", R"({"metadata":{"labels":{"kubernetes.io/hostname":"n1","mine":"1"}}})") == "no failure");
  CHECK(holds(cluster.patched("v1/nodes", "", "n2", R"({"metadata":{"labels":{"mine":"1"}}})"), R"(nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2")"));
  CHECK(holds(cluster.patched("v1/nodes", "", "n1", R"({"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]}})"), R"(node "n1" is not allowed to modify taints)"));
  CHECK(holds(cluster.patched("v1/nodes", "", "n1", R"({"metadata":{"labels":{"node-restriction.kubernetes.io/zone":"a"}}})"), R"(is not allowed to modify labels: node-restriction.kubernetes.io/zone)"));
  CHECK(holds(cluster.patched("v1/nodes", "", "n1", R"({"metadata":{"labels":{"node-role.kubernetes.io/control-plane":""}}})"), "no failure") == false);
  CHECK(holds(cluster.patched("v1/nodes", "", "n1", R"({"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"u"}]}})"), R"(node "n1" is not allowed to modify ownerReferences)"));
  CHECK(holds(cluster.patched("v1/nodes/status", "", "n1", R"({"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"u"}]}})"), "ownerReferences"));
}

TEST_CASE("a node writes the status of its own pods only, and makes mirror pods only") {
  NodeCluster cluster;
  CHECK(cluster.patched("v1/pods/status", "default", "p1", R"({"status":{"phase":"Running"}})") == "no failure");
  CHECK(holds(cluster.patched("v1/pods/status", "default", "p2", R"({"status":{"phase":"Running"}})"), R"(node "n1" can only update pod status for pods with spec.nodeName set to itself)"));
  CHECK(holds(cluster.created("v1/pods", "default", R"({"metadata":{"name":"x"},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"i"}]}})"), "can only create mirror pods"));
  const std::string uid(cluster.stored("v1/nodes", "", "n1")->columns().uid);
  const auto mirror = [&](const std::string& name, const std::string& on, const std::string& more) {
    return R"({"metadata":{"name":")" + name + R"(","annotations":{"kubernetes.io/config.mirror":"h"},"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n1","uid":")" + uid +
           R"(","controller":true}]},"spec":{"nodeName":")" + on + R"(","containers":[{"name":"c","image":"i"}])" + more + "}}";
  };
  CHECK(cluster.created("v1/pods", "default", mirror("m1", "n1", "")) == "no failure");
  CHECK(holds(cluster.created("v1/pods", "default", mirror("m2", "n2", "")), "can only create pods with spec.nodeName set to itself"));
  CHECK(holds(cluster.created("v1/pods", "default", mirror("m3", "n1", R"(,"volumes":[{"name":"v","secret":{"secretName":"other"}}])")), "can not create pods that reference secrets"));
  CHECK(holds(cluster.created("v1/pods", "default", mirror("m4", "n1", R"(,"resourceClaims":[{"name":"r","resourceClaimName":"c"}])")), "can not create pods that reference resourceclaims"));
  const auto names_a_secret = [&](const std::string& more) {
    INFO(more);
    CHECK(holds(cluster.created("v1/pods", "default", mirror("m5", "n1", more)), "can not create pods that reference secrets"));
  };
  names_a_secret(R"(,"imagePullSecrets":[{"name":"other"}])");
  for (const auto& volume : kDriverVolumes) names_a_secret(",\"volumes\":[" + volume + "]");
}

TEST_CASE("what a mirror pod names gives its node no right to it") {
  NodeCluster cluster;
  // Whoever made it: the node could have.
  std::string volumes = R"({"name":"s","secret":{"secretName":"other"}},{"name":"m","configMap":{"name":"other"}},{"name":"p","persistentVolumeClaim":{"claimName":"other"}})";
  for (const auto& volume : kDriverVolumes) volumes += "," + volume;
  Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"m","annotations":{"kubernetes.io/config.mirror":"h"}},"spec":{"nodeName":"n1","imagePullSecrets":[{"name":"other"}],"volumes":[)" + volumes +
                                                         R"(],"resourceClaims":[{"name":"r","resourceClaimName":"other"}],"containers":[{"name":"c","image":"i","envFrom":[{"secretRef":{"name":"other"}}]}]}})"));
  for (const std::string what : {"secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts"}) CHECK_FALSE(cluster.may("get", "", what, "default", "other"));
  CHECK_FALSE(cluster.may("get", "resource.k8s.io", "resourceclaims", "default", "other"));
  CHECK(cluster.may("get", "", "pods", "default", "m"));
}

TEST_CASE("a node reports about a claim of its pods, and changes nothing else of it") {
  NodeCluster cluster;
  Cluster::must(cluster.create("v1/persistentvolumeclaims", "default", R"({"metadata":{"name":"c"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}})"));
  Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p3"},"spec":{"nodeName":"n1","volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}],"containers":[{"name":"c","image":"i"}]}})"));
  const auto status = [&](const std::string& body) { return cluster.patched("v1/persistentvolumeclaims/status", "default", "c", body); };
  CHECK(status(R"({"status":{"capacity":{"storage":"1Gi"},"conditions":[{"type":"FileSystemResizePending","status":"True"}]}})") == "no failure");
  for (const std::string body : {R"({"status":{"phase":"Bound"}})", R"({"status":{"accessModes":["ReadWriteMany"]}})", R"({"metadata":{"annotations":{"a":"b"}}})", R"({"metadata":{"labels":{"a":"b"}}})",
                                 R"({"metadata":{"finalizers":["a.b/c"]}})"}) {
    INFO(body);
    CHECK(holds(status(body), "not allowed to update fields other than status.capacity and status.conditions"));
  }
}

namespace {

/// Random pods over nodes and what they may need, with a model of who needs what that is kept while they come and go.
class Needs {
 public:
  using Thing = std::pair<std::string, std::string>;   // resource, name
  Needs(Cluster& cluster, std::uint64_t seed) : cluster_(cluster), random_(seed) {}

  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  std::string node() { return "n" + std::to_string(below(kNodes)); }
  Thing thing() {
    constexpr const char* kKinds[] = {"secrets", "configmaps", "persistentvolumeclaims"};
    return {kKinds[below(3)], "o" + std::to_string(below(kThings))};
  }
  std::string ns() { return below(2) == 0 ? "default" : "kube-system"; }

  void pod_comes() {
    Pod pod{ns(), "r" + std::to_string(made_++), node(), {}};
    json::array volumes, pulls, init;
    json::object main{{"name", "c"}, {"image", "i"}};
    json::array env, from;
    for (auto left = below(4); left > 0; --left) {
      const auto [kind, name] = thing();
      pod.needs.insert({kind, name});
      const auto volume = "v" + std::to_string(volumes.size());
      const bool secret = kind == "secrets";
      if (kind == "persistentvolumeclaims") {
        volumes.push_back(json::object{{"name", volume}, {"persistentVolumeClaim", {{"claimName", name}}}});
        continue;
      }
      switch (below(secret ? 6 : 5)) {
        case 0: from.push_back(json::object{{secret ? "secretRef" : "configMapRef", {{"name", name}}}}); break;
        case 1: env.push_back(json::object{{"name", "E" + std::to_string(env.size())}, {"valueFrom", {{secret ? "secretKeyRef" : "configMapKeyRef", {{"name", name}, {"key", "k"}}}}}}); break;
        case 2: volumes.push_back(secret ? json::value{{"name", volume}, {"secret", {{"secretName", name}}}} : json::value{{"name", volume}, {"configMap", {{"name", name}}}}); break;
        case 3: volumes.push_back(json::object{{"name", volume}, {"projected", {{"sources", json::array{json::object{{secret ? "secret" : "configMap", {{"name", name}}}}}}}}}); break;
        case 4:
          init.push_back(json::object{{"name", "i" + std::to_string(init.size())}, {"image", "i"}, {"envFrom", json::array{json::object{{secret ? "secretRef" : "configMapRef", {{"name", name}}}}}}});
          break;
        default: pulls.push_back(json::object{{"name", name}});
      }
    }
    main["env"] = std::move(env);
    main["envFrom"] = std::move(from);
    const json::object body{{"metadata", {{"name", pod.name}}},
                            {"spec", {{"nodeName", pod.node}, {"volumes", volumes}, {"imagePullSecrets", pulls}, {"initContainers", init}, {"containers", json::array{main}}}}};
    Cluster::must(cluster_.create("v1/pods", pod.ns, json::serialize(body)));
    pods_.push_back(std::move(pod));
  }
  void pod_goes() {
    if (pods_.empty()) return;
    const auto at = pods_.begin() + static_cast<std::ptrdiff_t>(below(pods_.size()));
    verbs::DeleteOptions at_once;
    at_once.grace_period_s = 0;
    REQUIRE(cluster_.start([&](auto done) { cluster_.verbs->remove(cluster_.admin, cluster_.target("v1/pods", at->ns, at->name), at_once, std::move(done)); }).get().has_value());
    pods_.erase(at);
  }
  bool needed(const std::string& node, const std::string& ns, const Thing& thing) const {
    return std::any_of(pods_.begin(), pods_.end(), [&](const Pod& pod) { return pod.node == node && pod.ns == ns && pod.needs.contains(thing); });
  }
  struct Pod {
    std::string ns, name, node;
    std::set<Thing> needs;
  };
  const std::vector<Pod>& pods() const { return pods_; }

  static constexpr std::size_t kNodes = 3, kThings = 6;

 private:
  Cluster& cluster_;
  std::mt19937_64 random_;
  int made_ = 0;
  std::vector<Pod> pods_;
};

}  // namespace

TEST_CASE("whatever pods come and go, a node reads what its own need and nothing else") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    NodeCluster cluster;
    Needs needs(cluster, seed);
    for (std::size_t i = 0; i < Needs::kNodes; ++i)
      if (const auto name = "n" + std::to_string(i); !cluster.stored("v1/nodes", "", name)) Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":")" + name + R"("}})"));
    for (int step = 0; step < 60; ++step) {
      CAPTURE(step);
      if (needs.below(3) == 0) needs.pod_goes();
      else needs.pod_comes();
      for (int asked = 0; asked < 40; ++asked) {
        const auto node = needs.node(), ns = needs.ns();
        const auto thing = needs.thing();
        cluster.node.user.name = "system:node:" + node;
        CAPTURE(node, ns, thing.first, thing.second);
        const bool needed = needs.needed(node, ns, thing);
        CHECK(cluster.may("get", "", thing.first, ns, thing.second) == needed);
        if (thing.first != "persistentvolumeclaims") CHECK(cluster.may("watch", "", thing.first, ns, thing.second) == needed);
        for (const std::string verb : {"update", "patch", "delete", "create"}) CHECK_FALSE(cluster.may(verb, "", thing.first, ns, thing.second));
        CHECK_FALSE(cluster.may("list", "", thing.first, ns));
        CHECK_FALSE(cluster.may("list", "", thing.first));
      }
      for (const auto& pod : needs.pods()) {
        const auto node = needs.node();
        cluster.node.user.name = "system:node:" + node;
        CAPTURE(node, pod.name);
        CHECK(cluster.may("get", "", "pods", pod.ns, pod.name) == (pod.node == node));
        if (needs.below(4) != 0) continue;
        const auto answer = cluster.patched("v1/pods/status", pod.ns, pod.name, R"({"status":{"message":")" + std::to_string(step) + R"("}})");
        CHECK((answer == "no failure") == (pod.node == node));
      }
    }
  }
}

namespace {

/// Random writes of a node, about itself, another node and pods.
class Grabs {
 public:
  explicit Grabs(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  template <class... Options>
  std::string one_of(Options... options) {
    const std::string all[] = {options...};
    return all[below(sizeof...(options))];
  }
  std::string metadata() {
    json::object out;
    if (below(2) == 0) out["labels"] = {{one_of("node-restriction.kubernetes.io/zone", "node-role.kubernetes.io/control-plane", "a.k8s.io/b", "mine", "topology.kubernetes.io/zone"), below(4) == 0 ? json::value() : json::value("x")}};
    if (below(3) == 0) out["ownerReferences"] = json::array{{{"apiVersion", "v1"}, {"kind", one_of("Pod", "Node")}, {"name", one_of("p1", "n1", "gone")}, {"uid", "u"}}};
    if (below(4) == 0) out["finalizers"] = json::array{"a.b/c"};
    if (below(4) == 0) out["annotations"] = {{one_of("a", "kubernetes.io/config.mirror"), "h"}};
    return json::serialize(out);
  }
  std::string node_patch() {
    return R"({"metadata":)" + metadata() + R"(,"spec":)" + one_of("{}", R"({"taints":[{"key":"k","effect":"NoSchedule"}]})", R"({"taints":null})", R"({"unschedulable":true})") + R"(,"status":)" +
           one_of("{}", R"({"capacity":{"cpu":"9"}})", R"({"phase":"Running"})") + "}";
  }
  std::string pod_spec() {
    std::string out = R"({"nodeName":")" + one_of("n1", "n2", "") + R"(","containers":[{"name":"c","image":"i")";
    if (below(5) == 0) out += R"(,"envFrom":[{"secretRef":{"name":"other"}}])";
    if (below(5) == 0) out += R"(,"env":[{"name":"E","valueFrom":{"secretKeyRef":{"name":"other","key":"k"}}}])";
    out += "}]";
    if (below(5) == 0) out += R"(,"imagePullSecrets":[{"name":"other"}])";
    if (below(5) == 0) out += R"(,"serviceAccountName":"default")";
    if (below(3) == 0) out += ",\"volumes\":[" + kDriverVolumes[below(kDriverVolumes.size())] + "]";
    if (below(5) == 0) out += R"(,"resourceClaims":[{"name":"r","resourceClaimName":"c"}])";
    return out + "}";
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("whatever a node writes, it gains no label, taint, owner or secret") {
  NodeCluster cluster;
  Cluster::must(cluster.patch("v1/nodes", "", "n1", R"({"metadata":{"labels":{"node-restriction.kubernetes.io/zone":"here"}},"spec":{"taints":[{"key":"held","effect":"NoSchedule"}]}})"));
  const std::string uid(cluster.stored("v1/nodes", "", "n1")->columns().uid);
  const auto other = cluster.stored("v1/nodes", "", "n2")->revision();
  Grabs grabs(7);
  constexpr int kWrites = 10'000;
  int let_in = 0;
  for (int i = 0; i < kWrites; ++i) {
    const auto name = "w" + std::to_string(grabs.below(5));
    std::string answer;
    switch (grabs.below(5)) {
      case 0: answer = cluster.patched("v1/nodes", "", grabs.one_of("n1", "n1", "n2"), grabs.node_patch()); break;
      case 1: answer = cluster.patched("v1/nodes/status", "", grabs.one_of("n1", "n1", "n2"), grabs.node_patch()); break;
      case 2: answer = cluster.patched(grabs.one_of("v1/pods/status", "v1/pods"), "default", grabs.one_of(name.c_str(), "p1", "p2"), R"({"metadata":)" + grabs.metadata() + R"(,"spec":)" + grabs.pod_spec() + R"(,"status":{"message":"m"}})"); break;
      case 3:
        answer = cluster.created("v1/pods", "default", R"({"metadata":{"name":")" + name + R"(","annotations":{"kubernetes.io/config.mirror":"h"},"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n1","controller":true,"uid":")" +
                                                           (grabs.below(8) == 0 ? "u" : uid) + R"("}]},"spec":)" + grabs.pod_spec() + "}");
        break;
      default: answer = cluster.message(cluster.as_node([&] { return cluster.remove("v1/pods", "default", name); }));
    }
    let_in += answer == "no failure" ? 1 : 0;
    if (i % 10 != 0) continue;
    const auto self = json::parse(cluster.stored("v1/nodes", "", "n1")->body());
    CHECK(auth::text_at(self, {"metadata", "labels", "node-restriction.kubernetes.io/zone"}) == "here");
    CHECK_FALSE(auth::find(self, {"metadata", "labels", "node-role.kubernetes.io/control-plane"}));
    CHECK_FALSE(auth::find(self, {"metadata", "labels", "a.k8s.io/b"}));
    CHECK_FALSE(auth::find(self, {"metadata", "ownerReferences"}));
    REQUIRE(auth::list_at(self, {"spec", "taints"}));
    CHECK(auth::text_at(auth::list_at(self, {"spec", "taints"})->front(), {"key"}) == "held");
    CHECK_FALSE(cluster.may("get", "", "secrets", "default", "other"));
    CHECK_FALSE(cluster.may("get", "resource.k8s.io", "resourceclaims", "default", "c"));
    for (const std::string pod : {"p1", "p2"}) CHECK_FALSE(auth::find(json::parse(cluster.stored("v1/pods", "default", pod)->body()), {"metadata", "ownerReferences"}));
  }
  CHECK(cluster.stored("v1/nodes", "", "n2")->revision() == other);
  CHECK(let_in > kWrites / 100);
}
