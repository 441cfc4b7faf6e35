#include "core/auth/node.hpp"

#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

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
  const auto uid = cluster.stored("v1/nodes", "", "n1")->columns().uid;
  const auto mirror = [&](const std::string& name, const std::string& on, const std::string& more) {
    return R"({"metadata":{"name":")" + name + R"(","annotations":{"kubernetes.io/config.mirror":"h"},"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n1","uid":")" + uid +
           R"(","controller":true}]},"spec":{"nodeName":")" + on + R"(","containers":[{"name":"c","image":"i"}])" + more + "}}";
  };
  CHECK(cluster.created("v1/pods", "default", mirror("m1", "n1", "")) == "no failure");
  CHECK(holds(cluster.created("v1/pods", "default", mirror("m2", "n2", "")), "can only create pods with spec.nodeName set to itself"));
  CHECK(holds(cluster.created("v1/pods", "default", mirror("m3", "n1", R"(,"volumes":[{"name":"v","secret":{"secretName":"other"}}])")), "can not create pods that reference secrets"));
  CHECK(holds(cluster.created("v1/pods", "default", mirror("m4", "n1", R"(,"resourceClaims":[{"name":"r","resourceClaimName":"c"}])")), "can not create pods that reference resourceclaims"));
}
