// What admission sees of a write to a subresource, as upstream shows it: the operation, the kind of the subresource, and objects of that kind.
#include <mutex>

#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

const std::string kGroup = "admissionregistration.k8s.io/v1/";
const std::string kAllOperations = R"(["CREATE","UPDATE","DELETE"])";

std::string rules(const std::string& operations, const std::string& resources) {
  return R"([{"operations":)" + operations + R"(,"apiGroups":["","apps"],"apiVersions":["v1"],"resources":)" + resources + "}]";
}

/// "CREATE v1 pods/binding: v1 Binding a, Binding of v1, nothing".
std::string told(const json::value& review) {
  const auto at = [&](auth::Path path) { return std::string(auth::text_at(review, path)); };
  const auto group = [](const std::string& name) { return name.empty() ? "" : name + "/"; };
  const auto object = [&](std::string_view which) {
    const auto* found = auth::find(review, {"request", which});
    return found && found->is_object() ? std::string(auth::text_at(*found, {"kind"})) + " of " + std::string(auth::text_at(*found, {"apiVersion"})) : std::string("nothing");
  };
  return at({"request", "operation"}) + " " + group(at({"request", "resource", "group"})) + at({"request", "resource", "resource"}) + "/" + at({"request", "subResource"}) + ": " +
         group(at({"request", "kind", "group"})) + at({"request", "kind", "version"}) + " " + at({"request", "kind", "kind"}) + " " + at({"request", "name"}) + ", " + object("object") + ", " + object("oldObject");
}

/// A webhook of each phase that looks at pods and workloads and all below them, and notes what it sees.
class Watched : public Cluster {
 public:
  explicit Watched(const std::string& seen_by = R"(["*/*"])") {
    for (const std::string phase : {"mutating", "validating"}) webhook(phase + "webhookconfigurations", phase, *server_, R"({"rules":)" + rules(kAllOperations, seen_by) + "}");
    must(create("v1/nodes", "", R"({"metadata":{"name":"n1","labels":{"topology.kubernetes.io/zone":"z","kubernetes.io/os":"linux"}}})"));
    for (const std::string name : {"a", "b"}) must(create("v1/pods", "default", R"({"metadata":{"name":")" + name + R"("},"spec":{"containers":[{"name":"c","image":"i"}]}})"));
    must(create("apps/v1/deployments", "default", R"({"metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})"));
  }
  Outcome post(std::string_view what, const std::string& name, const std::string& body, WriteOptions options = {}) {
    return start([&](auto done) { verbs->create(admin, target(what, "default", name), {kinds::Media::json, body}, options, std::move(done)); }).get();
  }
  Outcome bind(const std::string& name, const std::string& more = "") { return post("v1/pods/binding", name, R"({"metadata":{"name":")" + name + "\"" + more + R"(},"target":{"kind":"Node","name":"n1"}})"); }
  Outcome evict(const std::string& name) { return post("v1/pods/eviction", name, R"({"metadata":{"name":")" + name + "\"}}"); }

  /// What the webhooks saw of `write`; what both of them saw counts once.
  std::string seen_of(const std::function<Outcome()>& write) {
    {
      const std::lock_guard lock(mutex_);
      seen_.clear();
    }
    if (const auto outcome = write(); !outcome) return outcome.error().message;
    const std::lock_guard lock(mutex_);
    if (seen_.size() == 2 && seen_[0] == seen_[1]) return seen_[0];
    std::string all;
    for (const auto& one : seen_) all += one + "\n";
    return all;
  }
  /// By the mutating webhook, of what is created or changed from here on.
  void change(std::string operations) {
    const std::lock_guard lock(mutex_);
    operations_ = std::move(operations);
  }

 private:
  HttpsReply answer(const HttpsRequest& request) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(told(asked(request)));
    const bool mutates = request.target.starts_with("/mutating") && !operations_.empty();
    return mutates ? patched(request, operations_) : answered(request, {{"allowed", true}});
  }
  std::mutex mutex_;
  std::vector<std::string> seen_;
  std::string operations_;
  const std::unique_ptr<HttpsServer> server_ = std::make_unique<HttpsServer>([this](const HttpsRequest& request) { return answer(request); });
};

std::string text(const store::ObjectRef& object, auth::Path path) { return std::string(auth::text_at(json::parse(object->body()), path)); }
std::int64_t number(const store::ObjectRef& object, auth::Path path) { return auth::integer_at(json::parse(object->body()), path); }

}  // namespace

TEST_CASE("webhooks are shown each subresource as upstream shows it") {
  Watched c;
  const std::string same_pod = "Pod of v1, Pod of v1", image = R"({"spec":{"ephemeralContainers":[{"name":"e","image":"i"}]}})", resources = R"({"spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"1"}}}]}})";
  CHECK(c.seen_of([&] { return c.bind("a"); }) == "CREATE pods/binding: v1 Binding a, Binding of v1, nothing");
  CHECK(c.seen_of([&] { return c.evict("b"); }) == "CREATE pods/eviction: policy/v1 Eviction b, Eviction of policy/v1, nothing");
  CHECK(c.seen_of([&] { return c.patch("v1/pods/status", "default", "a", R"({"status":{"message":"m"}})"); }) == "UPDATE pods/status: v1 Pod a, " + same_pod);
  CHECK(c.seen_of([&] { return c.patch("v1/pods/ephemeralcontainers", "default", "a", image); }) == "UPDATE pods/ephemeralcontainers: v1 Pod a, " + same_pod);
  CHECK(c.seen_of([&] { return c.patch("apps/v1/deployments/scale", "default", "d", R"({"spec":{"replicas":3}})"); }) == "UPDATE apps/deployments/scale: autoscaling/v1 Scale d, Scale of autoscaling/v1, Scale of autoscaling/v1");
  CHECK(c.seen_of([&] { return c.patch("apps/v1/deployments/status", "default", "d", R"({"status":{"replicas":1}})"); }) == "UPDATE apps/deployments/status: apps/v1 Deployment d, Deployment of apps/v1, Deployment of apps/v1");
  CHECK(number(c.stored("apps/v1/deployments", "default", "d"), {"spec", "replicas"}) == 3);
}

TEST_CASE("who looks at changes and ends of pods sees no binding and no eviction") {
  Watched c(R"(["pods"])");
  CHECK(c.seen_of([&] { return c.bind("a"); }).empty());
  CHECK(c.seen_of([&] { return c.evict("b"); }).empty());
  CHECK(text(c.stored("v1/pods", "default", "a"), {"spec", "nodeName"}) == "n1");
  CHECK_FALSE(c.stored("v1/pods", "default", "b"));
}

TEST_CASE("what a webhook makes of a binding, an eviction or a scale counts") {
  Watched c;
  Cluster::must(c.create("v1/nodes", "", config_map("n2")));
  c.change(R"([{"op":"replace","path":"/target/name","value":"n2"},{"op":"add","path":"/metadata/annotations","value":{"by":"webhook"}}])");
  Cluster::must(c.bind("a"));
  const auto bound = c.stored("v1/pods", "default", "a");
  CHECK(text(bound, {"spec", "nodeName"}) == "n2");
  CHECK(text(bound, {"metadata", "annotations", "by"}) == "webhook");
  CHECK(bound->columns().fields.front() == "n2");
  c.change(R"([{"op":"add","path":"/deleteOptions","value":{"gracePeriodSeconds":7}}])");
  Cluster::must(c.evict("a"));
  CHECK(number(c.stored("v1/pods", "default", "a"), {"metadata", "deletionGracePeriodSeconds"}) == 7);
  c.change(R"([{"op":"replace","path":"/spec/replicas","value":9}])");
  Cluster::must(c.patch("apps/v1/deployments/scale", "default", "d", R"({"spec":{"replicas":3}})"));
  CHECK(number(c.stored("apps/v1/deployments", "default", "d"), {"spec", "replicas"}) == 9);
  c.change(R"([{"op":"replace","path":"/spec/replicas","value":-1}])");
  CHECK(holds(c.message(c.patch("apps/v1/deployments/scale", "default", "d", R"({"spec":{"replicas":3}})")), "must be greater than or equal to 0"));
  c.change(R"([{"op":"replace","path":"/target/name","value":""}])");
  CHECK(holds(c.message(c.bind("b")), "target.name: Required value"));
}

TEST_CASE("policies judge the binding, the eviction and the scale") {
  Cluster cluster;
  const auto forbid = [&](const std::string& name, const std::string& operations, const std::string& resource, const std::string& expression) {
    Cluster::must(cluster.create(kGroup + "validatingadmissionpolicies", "", R"({"metadata":{"name":")" + name + R"("},"spec":{"matchConstraints":{"resourceRules":)" + rules(operations, "[\"" + resource + "\"]") + R"(},"validations":[{"expression":")" + expression + R"("}]}})"));
    Cluster::must(cluster.create(kGroup + "validatingadmissionpolicybindings", "", R"({"metadata":{"name":")" + name + R"("},"spec":{"policyName":")" + name + R"(","validationActions":["Deny"]}})"));
  };
  forbid("bindings", R"(["CREATE"])", "pods/binding", "object.kind == 'Binding' && object.target.name != 'n1' && oldObject == null");
  forbid("evictions", R"(["CREATE"])", "pods/eviction", "object.kind == 'Eviction' && object.?deleteOptions.gracePeriodSeconds.orValue(1) != 0");
  forbid("scales", R"(["UPDATE"])", "deployments/scale", "object.kind == 'Scale' && object.spec.replicas <= oldObject.spec.replicas + 1");
  forbid("pods", R"(["UPDATE","DELETE"])", "pods", "false");
  forbid("all-below-pods", R"(["UPDATE","DELETE"])", "pods/*", "false");
  const auto post = [&](const std::string& sub, const std::string& more) {
    return cluster.message(cluster.start([&](auto done) {
      cluster.verbs->create(cluster.admin, cluster.target("v1/pods/" + sub, "default", "p"), {kinds::Media::json, R"({"metadata":{"name":"p"},)" + more + "}"}, {}, std::move(done));
    }).get());
  };
  const auto scale = [&](int replicas) { return cluster.message(cluster.patch("apps/v1/deployments/scale", "default", "d", R"({"spec":{"replicas":)" + std::to_string(replicas) + "}}")); };
  Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})"));
  Cluster::must(cluster.create("apps/v1/deployments", "default", R"({"metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})"));
  CHECK(holds(post("binding", R"("target":{"kind":"Node","name":"n1"})"), "ValidatingAdmissionPolicy 'bindings'"));
  CHECK(post("binding", R"("target":{"kind":"Node","name":"n2"})") == "no failure");
  CHECK(holds(post("eviction", R"("deleteOptions":{"gracePeriodSeconds":0})"), "ValidatingAdmissionPolicy 'evictions'"));
  CHECK(post("eviction", R"("deleteOptions":{"gracePeriodSeconds":5})") == "no failure");
  CHECK(holds(scale(9), "ValidatingAdmissionPolicy 'scales'"));
  CHECK(scale(3) == "no failure");
}

TEST_CASE("webhooks and policies about other things have nothing read, those that may be about it have") {
  HttpsServer server([](const HttpsRequest& request) { return answered(request, {{"allowed", true}}); });
  Cluster cluster;
  const auto pods = cluster.target("v1/pods", "").kind, leases = cluster.target("coordination.k8s.io/v1/leases", "").kind;
  using Operation = auth::AdmissionRequest::Operation;
  const auto read = [&](Operation operation, const kinds::KindRef& kind, const std::string& subresource) {
    const auth::AdmissionRequest request{.operation = operation, .kind = kind, .subresource = subresource, .ns = "default", .user = &cluster.admin.user, .snapshot = cluster.store->snapshot(), .node = "n1", .keeps_metadata = true};
    CHECK(cluster.chains->passes(request) != cluster.chains->reads_objects(request));
    return cluster.chains->reads_objects(request);
  };
  const auto all = [&] {
    return std::string(read(Operation::create, pods, "binding") ? "binding " : "") + (read(Operation::update, pods, "status") ? "status " : "") + (read(Operation::update, leases, "") ? "lease " : "");
  };
  const auto policy = [&](const std::string& what, const std::string& name, const std::string& rule) {
    const bool validates = what.starts_with("validating");
    Cluster::must(cluster.create(kGroup + what + "policies", "", R"({"metadata":{"name":")" + name + R"("},"spec":{"matchConstraints":{"resourceRules":[)" + rule + "]}," +
                                                                   (validates ? R"("validations":[{"expression":"true"}]}})" : R"x("reinvocationPolicy":"Never","mutations":[{"patchType":"JSONPatch","jsonPatch":{"expression":"[JSONPatch{op: 'remove', path: '/metadata/labels'}]"}}]}})x")));
    Cluster::must(cluster.create(kGroup + what + "policybindings", "", R"({"metadata":{"name":")" + name + R"("},"spec":{"policyName":")" + name + "\"" + (validates ? R"(,"validationActions":["Deny"]}})" : "}}")));
  };
  CHECK(all().empty());
  cluster.webhook(kValidating, "maps", server);
  cluster.webhook(kMutating, "certificates", server, R"({"rules":[{"operations":["CREATE","UPDATE"],"apiGroups":["cert-manager.io"],"apiVersions":["v1"],"resources":["*/*"]}]})");
  policy("validatingadmission", "new-pods", R"({"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"]})");
  policy("mutatingadmission", "updates", R"({"operations":["UPDATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods","pods/binding"]})");
  CHECK(all().empty());
  policy("validatingadmission", "one-lease", R"({"operations":["UPDATE"],"apiGroups":["coordination.k8s.io"],"apiVersions":["*"],"resources":["leases"],"resourceNames":["some"]})");
  CHECK(all() == "lease ");
  policy("mutatingadmission", "bindings", R"({"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods/*"]})");
  CHECK(all() == "binding lease ");
  cluster.webhook(kValidating, "everything", server, R"({"namespaceSelector":{"matchLabels":{"a":"b"}},"rules":[{"operations":["*"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*/*"]}]})");
  CHECK(all() == "binding status lease ");
}

TEST_CASE("in a namespace that goes nothing is bound or evicted, as upstream has it, and changes still pass") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/namespaces", "", R"({"metadata":{"name":"going"},"spec":{"finalizers":["kubernetes"]}})"));
  Cluster::must(cluster.create("v1/serviceaccounts", "going", config_map("default")));
  Cluster::must(cluster.create("v1/pods", "going", R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})"));
  Cluster::must(cluster.remove("v1/namespaces", "", "going"));
  for (const std::string sub : {"binding", "eviction"}) {
    const auto outcome = cluster.start([&](auto done) {
      cluster.verbs->create(cluster.admin, cluster.target("v1/pods/" + sub, "going", "p"), {kinds::Media::json, R"({"metadata":{"name":"p"})" + std::string(sub == "binding" ? R"(,"target":{"kind":"Node","name":"n1"}})" : "}")}, {}, std::move(done));
    }).get();
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == 403);
    CHECK(holds(outcome.error().message, "unable to create new content in namespace going because it is being terminated"));
    CHECK(outcome.error().causes.front().reason == "NamespaceTerminating");
  }
  Cluster::must(cluster.patch("v1/pods/status", "going", "p", R"({"status":{"message":"m"}})"));
}
