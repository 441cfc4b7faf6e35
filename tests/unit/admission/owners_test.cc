#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

/// Somebody who may do all that `allowed` says: "verb resource[/subresource]".
class Some final : public auth::Authorizer {
 public:
  auth::Verdict authorize(const auth::Attributes& asked) override {
    if (!asked.user || asked.user->name != "mallory") return {};
    const auto wanted = asked.verb + " " + asked.resource + (asked.subresource.empty() ? "" : "/" + asked.subresource);
    for (const auto& one : allowed)
      if (one == wanted) return {auth::Decision::allow, ""};
    return {auth::Decision::no_opinion, "not hers"};
  }
  std::vector<std::string> allowed;
};

class Owned : public Cluster {
 public:
  Owned() {
    chains->add(may);
    owner_uid = must(create("v1/configmaps", "default", config_map("owner")))->columns().uid;
    mallory.user.name = "mallory";
    mallory.user.groups = {"system:authenticated"};
    mallory.field_manager = "test";
  }
  std::string owners(bool blocking, const std::string& kind = "ConfigMap") const {
    return R"("ownerReferences":[{"apiVersion":"v1","kind":")" + kind + R"(","name":"owner","uid":")" + owner_uid + R"(","blockOwnerDeletion":)" + (blocking ? "true" : "false") + "}]";
  }
  std::string as_mallory(const std::function<Outcome()>& work) {
    std::swap(admin, mallory);
    auto outcome = work();
    std::swap(admin, mallory);
    return message(std::move(outcome));
  }
  std::string creates(const std::string& name, const std::string& owners) {
    return as_mallory([&] { return create("v1/configmaps", "default", config_map(name, "," + owners)); });
  }
  std::string patches(const std::string& name, const std::string& metadata) {
    return as_mallory([&] { return patch("v1/configmaps", "default", name, R"({"metadata":{)" + metadata + "}}"); });
  }
  std::shared_ptr<Some> may = std::make_shared<Some>();
  std::string owner_uid;
  verbs::Context mallory;
};

}  // namespace

TEST_CASE("who lets an object hold up its owner's deletion may set the owner's finalizers") {
  Owned cluster;
  cluster.may->allowed = {"create configmaps", "patch configmaps"};
  CHECK(cluster.creates("free", cluster.owners(false)) == "no failure");
  CHECK(holds(cluster.creates("a", cluster.owners(true)), R"(configmaps "a" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: not hers, <nil>)"));
  CHECK(holds(cluster.creates("a", cluster.owners(true, "Nothing")), "cannot find RESTMapping for APIVersion v1 Kind Nothing"));
  cluster.may->allowed.push_back("update configmaps/finalizers");
  CHECK(cluster.creates("a", cluster.owners(true)) == "no failure");
}

TEST_CASE("who changes the owners of an object may delete it, and everything else stays open") {
  Owned cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", config_map("a", "," + cluster.owners(true))));
  cluster.may->allowed = {"patch configmaps"};
  CHECK(cluster.patches("a", R"("labels":{"b":"c"})") == "no failure");
  CHECK(holds(cluster.patches("a", R"("ownerReferences":null)"), R"(configmaps "a" is forbidden: cannot set an ownerRef on a resource you can't delete: not hers, <nil>)"));
  cluster.may->allowed.push_back("delete configmaps");
  CHECK(cluster.patches("a", cluster.owners(false)) == "no failure");
  CHECK(holds(cluster.patches("a", cluster.owners(true)), "cannot set blockOwnerDeletion"));
  CHECK(cluster.patches("a", R"("ownerReferences":null)") == "no failure");
}

TEST_CASE("a pod carries the zone and region of its node, from the moment it is there") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":"n1","labels":{"topology.kubernetes.io/zone":"a","topology.kubernetes.io/region":"r","other":"x"}}})"));
  const auto pod = [](const std::string& name, const std::string& labels, const std::string& spec = "") {
    return R"({"metadata":{"name":")" + name + R"(","labels":{)" + labels + R"(}},"spec":{)" + spec + R"("containers":[{"name":"c","image":"i"}]}})";
  };
  const auto labels = [](const store::ObjectRef& object) { return json::serialize(*auth::find(json::parse(object->body()), {"metadata", "labels"})); };
  CHECK(labels(Cluster::must(cluster.create("v1/pods", "default", pod("a", R"("topology.kubernetes.io/zone":"mine")", R"("nodeName":"n1",)")))) ==
        R"({"topology.kubernetes.io/region":"r","topology.kubernetes.io/zone":"mine"})");
  Cluster::must(cluster.create("v1/pods", "default", pod("b", R"("topology.kubernetes.io/zone":"wrong")")));
  const auto bound = cluster.start([&](auto done) {
    cluster.verbs->create(cluster.admin, cluster.target("v1/pods/binding", "default", "b"),
                          {kinds::Media::json, R"({"metadata":{"name":"b","labels":{"topology.kubernetes.io/region":"bound"}},"target":{"kind":"Node","name":"n1"}})"}, {}, std::move(done));
  }).get();
  REQUIRE(bound.has_value());
  CHECK(labels(cluster.stored("v1/pods", "default", "b")) == R"({"topology.kubernetes.io/region":"bound","topology.kubernetes.io/zone":"a"})");
}

TEST_CASE("a change of a pod that its node does not say it can make is refused") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":"n1","labels":{"kubernetes.io/os":"linux"}}})"));
  Cluster::must(cluster.patch("v1/nodes/status", "", "n1", R"({"status":{"capacity":{"cpu":"4","memory":"1Gi"},"allocatable":{"cpu":"4","memory":"1Gi"}}})"));
  const auto resized = [&](const std::string& name, const std::string& cpu) {
    const std::string amounts = R"({"cpu":")" + cpu + R"(","memory":"1Mi"})";
    return cluster.message(cluster.start([&](auto done) {
      cluster.verbs->patch(cluster.admin, cluster.target("v1/pods/resize", "default", name), kinds::PatchType::strategic,
                           {kinds::Media::json, R"({"spec":{"containers":[{"name":"c","resources":{"requests":)" + amounts + (name == "fixed" ? R"(,"limits":)" + amounts : "") + "}}]}}"}, {}, std::move(done));
    }).get());
  };
  const auto pod = [&](const std::string& name, const std::string& resources) {
    Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":")" + name + R"("},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"i","resources":)" + resources + "}]}}"));
  };
  pod("fixed", R"({"requests":{"cpu":"1","memory":"1Mi"},"limits":{"cpu":"1","memory":"1Mi"}})");
  pod("free", R"({"requests":{"cpu":"1","memory":"1Mi"}})");
  CHECK(holds(resized("fixed", "2"), R"(pods "fixed" is forbidden: pod update requires features GuaranteedQoSPodCPUResize which are not available on node "n1")"));
  CHECK(resized("fixed", "1") == "no failure");
  CHECK(resized("free", "2") == "no failure");
  Cluster::must(cluster.patch("v1/nodes/status", "", "n1", R"({"status":{"declaredFeatures":["GuaranteedQoSPodCPUResize"]}})"));
  CHECK(resized("fixed", "2") == "no failure");
}

TEST_CASE("a pod does not grow beyond its node") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":"n1","labels":{"kubernetes.io/os":"linux"}}})"));
  Cluster::must(cluster.patch("v1/nodes/status", "", "n1", R"({"status":{"capacity":{"cpu":"2","memory":"1Gi"},"allocatable":{"cpu":"2","memory":"1Gi"}}})"));
  Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"1","memory":"1Mi"}}}]}})"));
  const auto resize = [&](const std::string& requests) {
    return cluster.message(cluster.start([&](auto done) {
      cluster.verbs->patch(cluster.admin, cluster.target("v1/pods/resize", "default", "p"), kinds::PatchType::strategic,
                           {kinds::Media::json, R"({"spec":{"containers":[{"name":"c","resources":{"requests":)" + requests + "}}]}}"}, {}, std::move(done));
    }).get());
  };
  CHECK(resize(R"({"cpu":"1500m"})") == "no failure");
  CHECK(holds(resize(R"({"cpu":"3","memory":"2Gi"})"), R"(pods "p" is forbidden: Node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824)"));
  Cluster::must(cluster.patch("v1/nodes", "", "n1", R"({"metadata":{"labels":{"kubernetes.io/os":"plan9"}}})"));
  CHECK(holds(resize(R"({"cpu":"1"})"), R"(pod resize is only supported on linux nodes, node "n1" is "plan9")"));
}
