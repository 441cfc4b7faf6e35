// Patches of a status: where nobody looks at the object, the spec stays the text that it is.
#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

/// Looks at every object whose status is written, as a webhook does.
class Onlooker final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Onlooker"; }
  bool handles(auth::AdmissionRequest::Operation, const kinds::Kind&, std::string_view subresource) const override { return subresource == "status"; }
  void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (request.object && auth::find(*request.object, {"spec"})) ++seen;
    done({});
  }
  int seen = 0;
};

constexpr std::string_view kPod =
    R"({"metadata":{"name":"p","labels":{"a":"b"},"annotations":{"x":"}],\"spec\":{\\","y":"\"spec\":{"}},"spec":{"nodeName":"n1","restartPolicy":"Never","hostNetwork":true,"containers":[{"name":"c","image":"i","args":["\"status\":{","\\"],"resources":{"requests":{"cpu":"0.1"}}}]}})";
constexpr std::string_view kSet =
    R"({"metadata":{"name":"p"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";

std::string masked(const store::ObjectRef& object) {
  auto body = std::string(object->body());
  body.replace(body.find(object->columns().uid), object->columns().uid.size(), "UID");
  return body;
}

struct Both {
  Both() { watched.chains->add(1, onlooker); }
  /// The patches one after another, in a cluster where nobody looks and in one where somebody does.
  void same(std::string_view what, std::string_view made, const std::vector<std::string>& patches, kinds::PatchType type = kinds::PatchType::merge) {
    std::vector<store::ObjectRef> ends;
    for (Cluster* cluster : {&alone, &watched}) {
      Cluster::must(cluster->create(what, "default", std::string(made)));
      for (const auto& patch : patches) ends.push_back(Cluster::must(cluster->patch(std::string(what) + "/status", "default", "p", patch, type)));
    }
    CHECK(onlooker->seen == static_cast<int>(patches.size()));
    for (std::size_t i = 0; i < patches.size(); ++i) {
      const auto &one = ends[i], &other = ends[patches.size() + i];
      CHECK(masked(one) == masked(other));
      CHECK(one->columns().fields == other->columns().fields);
      CHECK(one->columns().labels == other->columns().labels);
      CHECK(one->columns().generation == other->columns().generation);
      CHECK(one->revision_offset() == other->revision_offset() + one->columns().uid.size() - other->columns().uid.size());
    }
  }
  Cluster alone, watched;
  std::shared_ptr<Onlooker> onlooker = std::make_shared<Onlooker>();
};

std::string container(std::string_view state) { return R"({"status":{"containerStatuses":[{"name":"c","image":"i","imageID":"","ready":false,"restartCount":0,"state":)" + std::string(state) + "}]}}"; }

}  // namespace

TEST_CASE("a status that is patched is stored the same whether somebody looks at the object or not") {
  const std::vector<std::string> pod_patches = {
      R"({"status":{"phase":"Running","podIP":"10.0.0.1","conditions":[{"type":"Ready","status":"True"}]}})",
      R"({"metadata":{"labels":{"b":"c"},"finalizers":["x.io/f"]},"status":{"phase":"Running"}})",
      R"({"status":{"conditions":null,"hostIP":"10.0.0.9"}})",
      R"({"metadata":{"annotations":null},"status":null})",
  };
  SECTION("pods, merged") { Both().same("v1/pods", kPod, pod_patches); }
  SECTION("pods, merged strategically") { Both().same("v1/pods", kPod, pod_patches, kinds::PatchType::strategic); }
  SECTION("a patch that names the spec") { Both().same("v1/pods", kPod, {R"({"spec":{"nodeName":"n2","restartPolicy":null},"status":{"phase":"Running"}})", R"({"\u0073pec":{"nodeName":"n2"},"status":{"phase":"Failed"}})"}); }
  SECTION("workloads") {
    for (const std::string what : {"apps/v1/deployments", "apps/v1/replicasets"}) Both().same(what, kSet, {R"({"status":{"replicas":2,"observedGeneration":1}})", R"({"metadata":{"labels":{"l":"m"}},"status":{"replicas":1}})"});
  }
}

TEST_CASE("a status that says nothing new writes nothing, and an unlooked-at one keeps its spec") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/pods", "default", std::string(kPod)));
  const auto first = Cluster::must(cluster.patch("v1/pods/status", "default", "p", R"({"status":{"phase":"Running"}})"));
  const auto second = Cluster::must(cluster.patch("v1/pods/status", "default", "p", R"({"status":{"phase":"Running"}})"));
  CHECK(first->revision() == second->revision());
  CHECK(at(second, {"spec", "nodeName"}) == "n1");
  const auto kind = cluster.target("v1/pods", "default").kind;
  CHECK(first->columns().fields == kinds::selectable_values(*kind, parsed(first)));
  CHECK(auth::list_at(parsed(first), {"spec", "containers"})->size() == 1);
}

TEST_CASE("what ended in a pod that restarts nothing does not run again, whoever looks") {
  Both both;
  for (Cluster* cluster : {&both.alone, &both.watched}) {
    Cluster::must(cluster->create("v1/pods", "default", std::string(kPod)));
    Cluster::must(cluster->patch("v1/pods/status", "default", "p", container(R"({"terminated":{"exitCode":1}})")));
    const auto error = error_of(cluster->patch("v1/pods/status", "default", "p", container(R"({"running":{}})")));
    CHECK(error.code == 422);
    CHECK(error.message.find("may not be transitioned to non-terminated state") != std::string::npos);
  }
}

TEST_CASE("what nodes and schedulers say of a pod is held to upstream's rules, whoever looks") {
  Both both;
  const auto host = [](std::string_view ips, std::string_view ip) { return R"({"status":{"hostIPs":)" + std::string(ips) + R"(,"hostIP":")" + std::string(ip) + "\"}}"; };
  const std::pair<std::string, std::string> refused[] = {
      {R"({"status":{"podIPs":[{"ip":"none"}]}})", "status.podIPs[0]: Invalid value: \"none\": must be a valid IP address"},
      {R"({"status":{"podIPs":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]}})", "status.podIPs: Invalid value: [{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\"}]: may specify no more than one IP for each IP family"},
      {R"({"status":{"podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"},{"ip":"fd00::2"}]}})", "may specify no more than one IP for each IP family"},
      {host(R"([{"ip":"10.0.0.1"}])", "10.0.0.2"), "status.hostIPs[0].ip: Invalid value: \"10.0.0.1\": must be equal to `hostIP`"},
      {host(R"([{"ip":"none"}])", "none"), "status.hostIPs[0]: Invalid value: \"none\": must be a valid IP address"},
      {R"({"status":{"conditions":[{"type":"Ready","status":"True","observedGeneration":-1}]}})", "status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer"},
      {R"({"status":{"conditions":[{"type":"no name","status":"True"}]}})", "status.conditions[0].Type: Invalid value: \"no name\": name part must consist of"},
      {R"({"status":{"observedGeneration":-1}})", "status.observedGeneration: Invalid value: -1: must be a non-negative integer"},
      {R"({"status":{"nominatedNodeName":"n2"}})", "status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"},
      {R"({"status":{"resourceClaimStatuses":[{"name":"none"}]}})", "status.resourceClaimStatuses[0].name: Invalid value: \"none\": must match the name of an entry in `spec.resourceClaims`"},
      {R"({"metadata":{"annotations":{"kubernetes.io/config.mirror":"m"}},"status":{"phase":"Running"}})", "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation"},
  };
  for (Cluster* cluster : {&both.alone, &both.watched}) {
    Cluster::must(cluster->create("v1/pods", "default", std::string(kPod)));
    for (const auto& [patch, why] : refused) {
      const auto error = error_of(cluster->patch("v1/pods/status", "default", "p", patch));
      CAPTURE(patch, error.message);
      CHECK(error.code == 422);
      CHECK(error.message.find(why) != std::string::npos);
    }
    Cluster::must(cluster->patch("v1/pods/status", "default", "p", R"({"status":{"podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}],"hostIP":"10.0.0.9","hostIPs":[{"ip":"10.0.0.9"},{"ip":"fd00::9"}]}})"));
  }
}

TEST_CASE("containers start again as their own policies say, whatever the pod's does") {
  const auto restarts = [](std::string_view container_more, std::int64_t code) {
    Both both;
    std::vector<int> codes;
    for (Cluster* cluster : {&both.alone, &both.watched}) {
      Cluster::must(cluster->create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"restartPolicy":"OnFailure","containers":[{"name":"c","image":"i")" + std::string(container_more) + "}]}}"));
      Cluster::must(cluster->patch("v1/pods/status", "default", "p", container(R"({"terminated":{"exitCode":)" + std::to_string(code) + "}}")));
      const auto again = cluster->patch("v1/pods/status", "default", "p", container(R"({"running":{}})"));
      codes.push_back(again ? 200 : again.error().code);
    }
    CHECK(codes[0] == codes[1]);
    return codes[0] == 200;
  };
  CHECK(restarts("", 1));
  CHECK_FALSE(restarts("", 0));
  CHECK(restarts(R"(,"restartPolicy":"Always")", 0));
  CHECK_FALSE(restarts(R"(,"restartPolicy":"Never")", 1));
  CHECK(restarts(R"(,"restartPolicy":"Never","restartPolicyRules":[{"action":"Restart","exitCodes":{"operator":"In","values":[42]}}])", 42));
  CHECK_FALSE(restarts(R"(,"restartPolicy":"Never","restartPolicyRules":[{"action":"Restart","exitCodes":{"operator":"In","values":[42]}}])", 41));
}

TEST_CASE("of which generation a condition speaks is kept where a write leaves it out, one of its type after another") {
  Both both;
  const auto conditions = [](std::string_view list) { return R"({"status":{"conditions":)" + std::string(list) + "}}"; };
  for (Cluster* cluster : {&both.alone, &both.watched}) {
    Cluster::must(cluster->create("v1/pods", "default", std::string(kPod)));
    Cluster::must(cluster->patch("v1/pods/status", "default", "p", R"({"status":{"observedGeneration":7,"conditions":[{"type":"Ready","status":"True","observedGeneration":3},{"type":"x.io/g","status":"True","observedGeneration":4},{"type":"Ready","status":"True","observedGeneration":5}]}})"));
    const auto kept = Cluster::must(cluster->patch("v1/pods/status", "default", "p", conditions(R"([{"type":"x.io/g","status":"False"},{"type":"Ready","status":"False"},{"type":"Ready","status":"False"},{"type":"Ready","status":"False"}])")));
    std::vector<std::int64_t> generations;
    const auto object = parsed(kept);
    for (const auto& condition : *auth::list_at(object, {"status", "conditions"})) generations.push_back(auth::integer_at(condition, {"observedGeneration"}));
    CHECK(generations == std::vector<std::int64_t>{4, 3, 5, 0});
    CHECK(number(kept, {"status", "observedGeneration"}) == 7);
  }
}

TEST_CASE("a status that a pod cannot hold is refused with the whole pod, whoever looks") {
  Both both;
  for (Cluster* cluster : {&both.alone, &both.watched}) {
    Cluster::must(cluster->create("v1/pods", "default", std::string(kPod)));
    const auto error = error_of(cluster->patch("v1/pods/status", "default", "p", R"({"status":"x"})"));
    CHECK(error.code == 422);
    CHECK(error.message.find(R"(\"containers\":[)") != std::string::npos);
  }
}
