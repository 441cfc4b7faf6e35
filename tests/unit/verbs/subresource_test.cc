#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

const std::string kDeployment =
    R"({"metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"t","operator":"In","values":["y","x"]}]},"template":{"metadata":{"labels":{"app":"web","t":"x"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";

std::string binding(const std::string& node) { return R"({"metadata":{"name":"p","annotations":{"by":"test"},"labels":{"l":"1"}},"target":{"kind":"Node","name":")" + node + "\"}}"; }

}  // namespace

TEST_CASE("a binding gives a pod its node, condition and annotations once") {
  Cluster cluster;
  cluster.pod("p", "");
  const auto bound = cluster.create_at(cluster.target("v1/pods/binding", "default", "p"), binding("n1"));
  const auto pod = Cluster::must(bound);
  CHECK(bound->created);
  CHECK(at(pod, {"spec", "nodeName"}) == "n1");
  CHECK(at(pod, {"metadata", "annotations", "by"}) == "test");
  CHECK(at(pod, {"metadata", "labels", "l"}) == "1");
  const auto value = parsed(pod);
  const auto& condition = auth::list_at(value, {"status", "conditions"})->front();
  CHECK(auth::text_at(condition, {"type"}) == "PodScheduled");
  CHECK(auth::text_at(condition, {"status"}) == "True");
  const auto error = error_of(cluster.create_at(cluster.target("v1/pods/binding", "default", "p"), binding("n2")));
  CHECK(error.code == 409);
  CHECK(error.message == "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n1\"");
}

namespace {

/// Looks at every binding, as a webhook does.
class Onlooker final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Onlooker"; }
  bool handles(auth::AdmissionRequest::Operation, const kinds::Kind&, std::string_view subresource) const override { return subresource == "binding"; }
  void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    seen = auth::text_at(*request.object, {"target", "name"});
    done({});
  }
  std::string seen;
};

/// A pod whose texts look like JSON, bound by a binding without metadata of its own.
store::ObjectRef bound_plainly(Cluster& cluster) {
  Cluster::must(cluster.create("v1/pods", "default",
                               R"({"metadata":{"name":"p","annotations":{"a":"}],\"spec\":{\\","b":"[{"}},"spec":{"containers":[{"name":"c","image":"i","env":[{"name":"E","value":"\"status\":{"}]}]}})"));
  return Cluster::must(cluster.create_at(cluster.target("v1/pods/binding", "default", "p"), R"({"metadata":{"name":"p"},"target":{"kind":"Node","name":"n1"}})"));
}

std::string masked(const store::Object& object) {
  auto body = std::string(object.body());
  body.replace(body.find(object.columns().uid), object.columns().uid.size(), "UID");
  return body;
}

}  // namespace

TEST_CASE("a binding changes the node and the condition, nothing else of a pod, and prints as if all of it had been printed anew") {
  Cluster cluster;
  const auto pod = bound_plainly(cluster);
  const auto value = parsed(pod);
  const auto kind = cluster.target("v1/pods", "default").kind;
  const auto again = kinds::encode(*kind, value, store::kRevisionSlotBytes);
  CHECK(again.revision_offset == pod->revision_offset());
  CHECK(again.body.substr(again.revision_offset + store::kRevisionSlotBytes) == pod->body().substr(pod->revision_offset() + store::kRevisionSlotBytes));
  CHECK(at(pod, {"spec", "nodeName"}) == "n1");
  CHECK(pod->columns().fields == kinds::selectable_values(*kind, value));
  CHECK(pod->columns().generation == 1);
  CHECK(std::string(pod->body()).find("f:nodeName") == std::string::npos);
  CHECK(auth::list_at(value, {"status", "conditions"})->size() == 1);
  CHECK(at(pod, {"metadata", "annotations", "a"}) == R"(}],"spec":{\)");
}

TEST_CASE("a binding is the same when somebody looks at it") {
  Cluster cluster, watched;
  const auto onlooker = std::make_shared<Onlooker>();
  watched.chains->add(1, onlooker);
  const auto pod = bound_plainly(cluster), seen = bound_plainly(watched);
  CHECK(onlooker->seen == "n1");
  CHECK(masked(*pod) == masked(*seen));
  CHECK(pod->columns().fields == seen->columns().fields);
}

TEST_CASE("a pod behind gates is not bound") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"schedulingGates":[{"name":"wait.example.com/x"}],"containers":[{"name":"c","image":"i"}]}})"));
  CHECK(error_of(cluster.create_at(cluster.target("v1/pods/binding", "default", "p"), R"({"metadata":{"name":"p"},"target":{"kind":"Node","name":"n1"}})")).message.find("has non-empty .spec.schedulingGates") != std::string::npos);
}

TEST_CASE("two bindings at once: one wins, the other hears of it") {
  Cluster cluster;
  cluster.pod("p", "");
  std::vector<int> codes;
  for (const std::string node : {"n1", "n2"})
    cluster.verbs->create(cluster.admin, cluster.target("v1/pods/binding", "default", "p"), {kinds::Media::json, binding(node)}, {}, [&](auto outcome) { codes.push_back(outcome ? 201 : outcome.error().code); });
  cluster.runtime->settle();
  std::sort(codes.begin(), codes.end());
  CHECK(codes == std::vector<int>{201, 409});
}

TEST_CASE("a pod that goes cannot be bound, and a binding needs a node") {
  Cluster cluster;
  CHECK(error_of(cluster.create_at(cluster.target("v1/pods/binding", "default", "gone"), R"({"metadata":{"name":"gone"},"target":{"kind":"Node","name":"n1"}})")).code == 404);
  cluster.pod("p", "", R"(,"finalizers":["x.io/a"])");
  CHECK(error_of(cluster.create_at(cluster.target("v1/pods/binding", "default", "p"), R"({"metadata":{"name":"p"},"target":{"kind":"Node"}})")).code == 422);
  cluster.remove("v1/pods", "default", "p");
  const auto error = error_of(cluster.create_at(cluster.target("v1/pods/binding", "default", "p"), binding("n1")));
  CHECK(error.message == "Operation cannot be fulfilled on pods/binding \"p\": pod p is being deleted, cannot be assigned to a host");
}

TEST_CASE("what is posted about a pod says which, before the pod is looked for") {
  Cluster cluster;
  cluster.pod("p", "");
  for (const std::string_view kind : {"Binding", "Eviction"})
    for (const std::string pod : {"p", "none"}) {
      const auto target = cluster.target(kind == "Binding" ? "v1/pods/binding" : "v1/pods/eviction", "default", pod);
      for (const std::string_view body : {"{}", R"({"metadata":{"name":"other"}})"}) {
        const auto error = error_of(cluster.create_at(target, std::string(body)));
        CHECK(error.code == 400);
        CHECK(error.message == "name in URL does not match name in " + std::string(kind) + " object");
      }
      CHECK(error_of(cluster.create_at(target, R"({"metadata":{"name":")" + pod + R"(","namespace":"other"}})")).message == "the namespace of the provided object does not match the namespace sent on the request");
    }
}

TEST_CASE("who applies a scale owns the replicas under the name of the subresource") {
  Cluster cluster;
  Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment));
  const auto applied = [&](const std::string& spec, bool force = false) {
    WriteOptions options;
    options.force = force;
    return cluster.patch("apps/v1/deployments/scale", "default", "d", R"({"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d","labels":{"not":"kept"}},"spec":)" + spec + "}", kinds::PatchType::apply, options);
  };
  const auto disputed = error_of(applied(R"({"replicas":4})"));
  CHECK(disputed.code == 409);
  CHECK(disputed.message == "Apply failed with 1 conflict: conflict with \"test\" using autoscaling/v1: .spec.replicas");
  CHECK(number(Cluster::must(applied(R"({"replicas":4})", true)), {"spec", "replicas"}) == 4);
  const auto stored = cluster.stored("apps/v1/deployments", "default", "d");
  CHECK(number(stored, {"spec", "replicas"}) == 4);
  CHECK_FALSE(has(stored, {"metadata", "labels", "not"}));
  CHECK(stored->body().find(R"("operation":"Apply")") != std::string_view::npos);
  CHECK(stored->body().find(R"("subresource":"scale")") != std::string_view::npos);
  CHECK(error_of(applied(R"({"replicas":-1})", true)).code == 422);
  CHECK(error_of(cluster.update("apps/v1/deployments/scale", "default", "d", R"({"metadata":{"name":"d","uid":"other"},"spec":{"replicas":1}})")).message.find("UID in precondition: other") != std::string::npos);
}

TEST_CASE("who applies a status owns no metadata that such a write leaves as it is") {
  Cluster cluster;
  Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment));
  const auto applied = Cluster::must(cluster.patch("apps/v1/deployments/status", "default", "d",
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","labels":{"mine":"1"},"annotations":{"p":"q"}},"status":{"replicas":3}})", kinds::PatchType::apply));
  CHECK(applied->body().find("f:mine") == std::string_view::npos);
  CHECK(applied->body().find("f:p\"") != std::string_view::npos);
  CHECK_FALSE(has(applied, {"metadata", "labels", "mine"}));
}

TEST_CASE("a request for a token names its account or none") {
  Cluster cluster;
  const auto told = error_of(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"metadata":{"name":"x"}})"));
  CHECK(told.code == 422);
  CHECK(told.message.find("metadata.name: Invalid value: \"x\": must match the service account name if specified") != std::string::npos);
}

TEST_CASE("zones of CronJobs are known, names of accounts in bindings of roles are names") {
  Cluster cluster;
  const auto job = [](const std::string& zone) {
    return R"({"metadata":{"name":"c"},"spec":{"schedule":"* * * * *","timeZone":")" + zone + R"(","jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}}}})";
  };
  for (const std::string zone : {"Nowhere/Land", "europe/berlin", "Europe/../Europe/Berlin"}) CHECK(error_of(cluster.create("batch/v1/cronjobs", "default", job(zone))).message.find("unknown time zone " + zone) != std::string::npos);
  Cluster::must(cluster.create("batch/v1/cronjobs", "default", job("Europe/Berlin")));
  const auto binding = [](const std::string& name) {
    return R"({"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"Any_One"},{"kind":"ServiceAccount","namespace":"default","name":")" + name + "\"}]}";
  };
  CHECK(error_of(cluster.create("rbac.authorization.k8s.io/v1/rolebindings", "default", binding("Not_A"))).message.find("subjects[1].name: Invalid value: \"Not_A\"") != std::string::npos);
  Cluster::must(cluster.create("rbac.authorization.k8s.io/v1/rolebindings", "default", binding("a")));
}

TEST_CASE("scale shows and sets the replicas of a workload") {
  Cluster cluster;
  const auto made = Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment));
  auto scale = *cluster.get("apps/v1/deployments/scale", "default", "d");
  CHECK(at(scale, {"kind"}) == "Scale");
  CHECK(at(scale, {"apiVersion"}) == "autoscaling/v1");
  CHECK(number(scale, {"spec", "replicas"}) == 2);
  CHECK(number(scale, {"status", "replicas"}) == 0);
  CHECK(at(scale, {"status", "selector"}) == "app=web,t in (x,y)");
  CHECK(at(scale, {"metadata", "uid"}) == made->columns().uid);
  CHECK(at(scale, {"metadata", "resourceVersion"}) == std::to_string(made->revision()));
  scale = Cluster::must(cluster.patch("apps/v1/deployments/scale", "default", "d", R"({"spec":{"replicas":5}})"));
  CHECK(number(scale, {"spec", "replicas"}) == 5);
  CHECK(number(cluster.stored("apps/v1/deployments", "default", "d"), {"spec", "replicas"}) == 5);
  CHECK(number(cluster.stored("apps/v1/deployments", "default", "d"), {"metadata", "generation"}) == 2);
  auto value = parsed(scale);
  value.as_object()["spec"].as_object()["replicas"] = 0;
  scale = Cluster::must(cluster.update("apps/v1/deployments/scale", "default", "d", json::serialize(value)));
  CHECK(number(cluster.stored("apps/v1/deployments", "default", "d"), {"spec", "replicas"}) == 0);
  CHECK(error_of(cluster.update("apps/v1/deployments/scale", "default", "d", json::serialize(value))).code == 409);
  value.as_object()["spec"].as_object()["replicas"] = -1;
  CHECK(error_of(cluster.update("apps/v1/deployments/scale", "default", "d", json::serialize(value))).code == 422);
  CHECK(error_of(cluster.get("v1/configmaps/scale", "default", "x")).code == 404);
}

TEST_CASE("an eviction is a delete") {
  Cluster cluster;
  cluster.pod("p");
  const auto evicted = cluster.create_at(cluster.target("v1/pods/eviction", "default", "p"), R"({"metadata":{"name":"p"},"deleteOptions":{"gracePeriodSeconds":5}})");
  REQUIRE(evicted.has_value());
  CHECK(evicted->created);
  CHECK(number(cluster.stored("v1/pods", "default", "p"), {"metadata", "deletionGracePeriodSeconds"}) == 5);
}

namespace {

/// A budget whose status somebody has written.
struct Guarded : Cluster {
  explicit Guarded(const std::string& spec = R"("minAvailable":2)") {
    REQUIRE(create("policy/v1/poddisruptionbudgets", "default", R"({"metadata":{"name":"b"},"spec":{"selector":{"matchLabels":{"app":"web"}},)" + spec + "}}").has_value());
  }
  void say(const char* resource, const std::string& name, const std::string& status_json) {
    auto status = target(resource, "default", name);
    status.subresource = "status";
    const auto body = R"({"status":)" + status_json + "}";
    REQUIRE(wait<verbs::Written>([&](auto done) { verbs->patch(admin, status, kinds::PatchType::merge, {kinds::Media::json, body}, {}, done); }).has_value());
  }
  void standing(int healthy, int desired, int allowed, int generation = 1) {
    say("policy/v1/poddisruptionbudgets", "b", R"({"observedGeneration":)" + std::to_string(generation) + R"(,"expectedPods":3,"currentHealthy":)" + std::to_string(healthy) + R"(,"desiredHealthy":)" +
                                                   std::to_string(desired) + R"(,"disruptionsAllowed":)" + std::to_string(allowed) + "}");
  }
  void running(const std::string& name, const char* ready = "True") {
    REQUIRE(create("v1/pods", "default", R"({"metadata":{"name":")" + name + R"(","labels":{"app":"web"}},"spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]}})").has_value());
    say("v1/pods", name, R"({"phase":"Running","conditions":[{"type":"Ready","status":")" + std::string(ready) + "\"}]}");
  }
  base::Outcome<Written> evict(const std::string& name, bool dry_run = false) {
    WriteOptions options;
    options.dry_run = dry_run;
    return create_at(target("v1/pods/eviction", "default", name), R"({"metadata":{"name":")" + name + "\"}}", options);
  }
  store::ObjectRef budget() { return stored("policy/v1/poddisruptionbudgets", "default", "b"); }
};

}  // namespace

TEST_CASE("a budget lets go of as many pods as its status says, and notes them in the same commit") {
  Guarded c;
  for (const char* name : {"x", "y", "z"}) c.running(name);
  c.standing(3, 2, 1);
  REQUIRE(c.evict("x", true).has_value());
  CHECK(c.budget()->body().find("disruptedPods") == std::string_view::npos);
  const auto before = c.stored("v1/pods", "default", "x")->revision();
  REQUIRE(c.evict("x").has_value());
  const auto pod = c.stored("v1/pods", "default", "x");
  CHECK(pod->deleting());
  CHECK(pod->revision() > before);
  CHECK(pod->body().find(R"("reason":"EvictionByEvictionAPI")") != std::string_view::npos);
  CHECK(number(c.budget(), {"status", "disruptionsAllowed"}) == 0);
  CHECK(at(c.budget(), {"status", "disruptedPods", "x"}) == base::rfc3339(c.runtime->unix_s()));
  CHECK(c.budget()->body().find(R"("reason":"InsufficientPods")") != std::string_view::npos);
  const auto error = error_of(c.evict("y"));
  CHECK(error.code == 429);
  CHECK(error.message == "Cannot evict pod as it would violate the pod's disruption budget.");
  CHECK(error.causes.at(0).reason == "DisruptionBudget");
  CHECK(error.causes.at(0).message == "The disruption budget b needs 2 healthy pods and has 3 currently");
  CHECK_FALSE(c.stored("v1/pods", "default", "y")->deleting());
}

TEST_CASE("a budget that nobody has looked at since it changed lets nobody go") {
  Guarded c;
  c.running("x");
  const auto error = error_of(c.evict("x"));
  CHECK(error.code == 429);
  CHECK(error.retry_after_s == 10);
  CHECK(error.causes.at(0).message == "The disruption budget b is still being processed by the server.");
  c.standing(3, 2, 1);
  CHECK(c.evict("x", true).has_value());
  c.standing(3, 2, -1);
  CHECK(error_of(c.evict("x")).message == "poddisruptionbudget.policy \"b\" is forbidden: pdb disruptions allowed is negative");
}

TEST_CASE("pods that do nothing for a budget may go, those of two budgets may not") {
  Guarded c;
  c.running("well");
  c.running("ill", "False");
  c.standing(2, 2, 0);
  CHECK(error_of(c.evict("well")).code == 429);
  CHECK(c.evict("ill").has_value());
  CHECK(c.budget()->body().find("disruptedPods") == std::string_view::npos);   // nothing was spent
  c.running("worse", "False");
  c.standing(1, 2, 0);
  CHECK(error_of(c.evict("worse")).code == 429);
  REQUIRE(c.create("v1/pods", "default", R"({"metadata":{"name":"pending","labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}})").has_value());
  CHECK(c.evict("pending").has_value());
  REQUIRE(c.create("policy/v1/poddisruptionbudgets", "default", R"({"metadata":{"name":"two"},"spec":{"selector":{},"minAvailable":0}})").has_value());
  const auto error = error_of(c.evict("well"));
  CHECK(error.code == 500);
  CHECK(error.message == "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
}

TEST_CASE("a pod that is not ready always goes where its budget says so") {
  Guarded c(R"("minAvailable":2,"unhealthyPodEvictionPolicy":"AlwaysAllow")");
  c.running("ill", "False");
  c.standing(1, 2, 0);
  CHECK(c.evict("ill").has_value());
}

TEST_CASE("a token of an account authenticates as it until the account is gone") {
  Cluster cluster;
  const auto answer = Cluster::must(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"spec":{"expirationSeconds":700}})"));
  CHECK(at(answer, {"status", "expirationTimestamp"}) == base::rfc3339(cluster.runtime->unix_s() + 700));
  auth::Credentials credentials;
  credentials.bearer_token = at(answer, {"status", "token"});
  const auto who = cluster.chains->authenticate(credentials);
  REQUIRE(who.has_value());
  CHECK(who->name == "system:serviceaccount:default:default");
  CHECK(who->member_of("system:serviceaccounts:default"));
  CHECK(who->uid == cluster.stored("v1/serviceaccounts", "default", "default")->columns().uid);
  Cluster::must(cluster.remove("v1/serviceaccounts", "default", "default"));
  CHECK(cluster.chains->authenticate(credentials).error().code == 401);
  Cluster::must(cluster.create("v1/serviceaccounts", "default", R"({"metadata":{"name":"default"}})"));
  CHECK(cluster.chains->authenticate(credentials).error().code == 401);
}

TEST_CASE("a binding is of the pod of the uid and the revision that are asked for") {
  Cluster cluster;
  const auto pod = Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})"));
  const auto bind = [&](const std::string& metadata) { return cluster.create_at(cluster.target("v1/pods/binding", "default", "p"), R"({"metadata":{"name":"p",)" + metadata + R"(},"target":{"kind":"Node","name":"n"}})"); };
  const std::string uid(pod->columns().uid), revision = std::to_string(pod->revision());
  const std::string failed = "Operation cannot be fulfilled on pods \"p\": StorageError: invalid object, Code: 4, Key: /registry/pods/default/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ";
  CHECK(error_of(bind(R"("uid":"other")")).message == failed + "UID in precondition: other, UID in object meta: " + uid);
  const auto stale = error_of(bind(R"("resourceVersion":"1")"));
  CHECK(stale.code == 409);
  CHECK(stale.message == failed + "ResourceVersion in precondition: 1, ResourceVersion in object meta: " + revision);
  Cluster::must(bind(R"("uid":")" + uid + R"(","resourceVersion":")" + revision + "\""));
}

TEST_CASE("who judges a token sees whose it is and for whom, though neither was asked for") {
  class Looks final : public auth::AdmissionUnit {
   public:
    std::string_view name() const override { return "Looks"; }
    bool handles(auth::AdmissionRequest::Operation, const kinds::Kind&, std::string_view subresource) const override { return subresource == "token"; }
    void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
      seen = json::serialize(request.object->at("spec").at("audiences")) + " " + std::string(auth::text_at(*request.object, {"metadata", "uid"}));
      done({});
    }
    std::string seen;
  };
  Cluster cluster;
  const auto looks = std::make_shared<Looks>();
  cluster.chains->add(1, looks);
  const std::string uid(cluster.stored("v1/serviceaccounts", "default", "default")->columns().uid);
  const auto ask = [&](const std::string& spec) { Cluster::must(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"spec":)" + spec + "}")); };
  ask("{}");
  CHECK(looks->seen == R"(["https://kubernetes.default.svc"] )" + uid);
  ask(R"({"audiences":["vault"]})");
  CHECK(looks->seen == R"(["vault"] )" + uid);
}

TEST_CASE("a token is of the account of the uid that is asked for, and says which that is") {
  Cluster cluster;
  const std::string uid(cluster.stored("v1/serviceaccounts", "default", "default")->columns().uid);
  const auto ask = [&](const std::string& asked) { return cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"metadata":{"uid":")" + asked + R"("},"spec":{}})"); };
  CHECK(at(Cluster::must(ask("")), {"metadata", "uid"}) == uid);
  const auto answer = parsed(Cluster::must(ask(uid)));
  CHECK(auth::text_at(answer, {"metadata", "uid"}) == uid);
  CHECK(json::serialize(answer.at("spec").at("audiences")) == R"(["https://kubernetes.default.svc"])");
  const auto error = error_of(ask("other"));
  CHECK(error.code == 409);
  CHECK(error.message == "Operation cannot be fulfilled on TokenRequest.authentication.k8s.io \"default\": the UID in the token request (other) does not match the UID of the service account (" + uid + ")");
}

TEST_CASE("a token expires, and is for its audience only") {
  Cluster cluster;
  const auto token = [&](std::string spec) {
    auth::Credentials out;
    out.bearer_token = at(Cluster::must(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"spec":{)" + spec + "}}")), {"status", "token"});
    return out;
  };
  const auto mine = token(""), elsewhere = token(R"("audiences":["vault"])");
  CHECK(cluster.chains->authenticate(mine).has_value());
  CHECK(cluster.chains->authenticate(elsewhere).error().code == 401);
  const auto asked_by = [&](auth::Credentials credentials, std::vector<std::string> audiences) {
    credentials.audiences = std::move(audiences);
    const auto who = cluster.chains->authenticate(credentials);
    return who ? who->audiences : std::vector<std::string>{std::to_string(who.error().code)};
  };
  CHECK(asked_by(elsewhere, {"other", "vault"}) == std::vector<std::string>{"vault"});
  CHECK(asked_by(elsewhere, {"other"}) == std::vector<std::string>{"401"});
  CHECK(asked_by(mine, {"vault"}) == std::vector<std::string>{"401"});
  cluster.sleep_s(3600 + 61);
  CHECK(cluster.chains->authenticate(mine).error().code == 401);
  CHECK(error_of(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"spec":{"expirationSeconds":10}})")).message.find("may not specify a duration less than 10 minutes") !=
        std::string::npos);
}

TEST_CASE("a token bound to a pod goes with the pod") {
  Cluster cluster;
  const auto pod = cluster.pod("p");
  auth::Credentials credentials;
  credentials.bearer_token = at(Cluster::must(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"),
                                                                R"({"spec":{"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"p","uid":")" + std::string(pod->columns().uid) + "\"}}}")),
                                {"status", "token"});
  const auto who = cluster.chains->authenticate(credentials);
  REQUIRE(who.has_value());
  CHECK(who->extra.at("authentication.kubernetes.io/pod-name") == std::vector<std::string>{"p"});
  CHECK(who->extra.at("authentication.kubernetes.io/node-name") == std::vector<std::string>{"n1"});
  DeleteOptions now;
  now.grace_period_s = 0;
  REQUIRE(cluster.remove("v1/pods", "default", "p", now)->gone);
  CHECK(cluster.chains->authenticate(credentials).error().code == 401);
  CHECK(error_of(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"spec":{"boundObjectRef":{"kind":"Pod","name":"gone"}}})")).code == 404);
}

TEST_CASE("a token bound to a secret or a node goes with it") {
  Cluster cluster;
  const auto bound_to = [&](std::string kind, std::string name) {
    auth::Credentials out;
    out.bearer_token = at(Cluster::must(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"),
                                                          R"({"spec":{"boundObjectRef":{"kind":")" + kind + R"(","name":")" + name + "\"}}}")),
                          {"status", "token"});
    return out;
  };
  Cluster::must(cluster.create("v1/secrets", "default", R"({"metadata":{"name":"s"}})"));
  Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":"bound"}})"));
  const auto by_secret = bound_to("Secret", "s"), by_node = bound_to("Node", "bound");
  CHECK(cluster.chains->authenticate(by_secret)->name == "system:serviceaccount:default:default");
  CHECK(cluster.chains->authenticate(by_node)->extra.at("authentication.kubernetes.io/node-name") == std::vector<std::string>{"bound"});
  Cluster::must(cluster.remove("v1/secrets", "default", "s"));
  Cluster::must(cluster.remove("v1/nodes", "", "bound"));
  CHECK(cluster.chains->authenticate(by_secret).error().code == 401);
  CHECK(cluster.chains->authenticate(by_node).error().code == 401);
  CHECK(error_of(cluster.create_at(cluster.target("v1/serviceaccounts/token", "default", "default"), R"({"spec":{"boundObjectRef":{"kind":"ConfigMap","name":"s"}}})")).message ==
        "cannot bind token to object of type ConfigMap");
}

TEST_CASE("a subresource that a kind has not is not found, a verb that it has not is refused") {
  Cluster cluster;
  cluster.pod("p");
  CHECK(error_of(cluster.get("v1/pods/nothing", "default", "p")).message == "the server could not find the requested resource");
  CHECK(error_of(cluster.update("v1/pods/binding", "default", "p", "{}")).code == 405);
}

TEST_CASE("a kind whose plugin is gone answers reads and deletes, and 503 to creates and updates") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})"));
  cluster.registry->set_writable(store::Atom("configmaps"), false);
  CHECK(error_of(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"b"}})")).code == 503);
  CHECK(error_of(cluster.patch("v1/configmaps", "default", "a", "{}")).code == 503);
  CHECK(cluster.get("v1/configmaps", "default", "a").has_value());
  CHECK(cluster.remove("v1/configmaps", "default", "a")->gone);
}

TEST_CASE("a custom resource scales where its definition says") {
  Cluster cluster;
  const auto kinds = kinds::kinds_from_crd(json::parse(R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"sites.demo.io"},"spec":{"group":"demo.io",
    "scope":"Namespaced","names":{"plural":"sites","singular":"site","kind":"Site","listKind":"SiteList"},"versions":[{"name":"v1","served":true,"storage":true,
    "subresources":{"scale":{"specReplicasPath":".spec.size.wanted","statusReplicasPath":".status.have","labelSelectorPath":".status.selector"},"status":{}},
    "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","x-kubernetes-preserve-unknown-fields":true},"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}]}})"));
  REQUIRE(kinds.has_value());
  REQUIRE(cluster.registry->install(kinds->front()).has_value());
  Cluster::must(cluster.create("demo.io/v1/sites", "default", R"({"apiVersion":"demo.io/v1","kind":"Site","metadata":{"name":"s"},"spec":{"size":{"wanted":3}}})"));
  Cluster::must(cluster.patch("demo.io/v1/sites/status", "default", "s", R"({"status":{"have":1,"selector":"app=s"}})"));
  const auto scale = *cluster.get("demo.io/v1/sites/scale", "default", "s");
  CHECK(number(scale, {"spec", "replicas"}) == 3);
  CHECK(number(scale, {"status", "replicas"}) == 1);
  CHECK(at(scale, {"status", "selector"}) == "app=s");
  Cluster::must(cluster.patch("demo.io/v1/sites/scale", "default", "s", R"({"spec":{"replicas":5}})"));
  CHECK(number(cluster.stored("demo.io/v1/sites", "default", "s"), {"spec", "size", "wanted"}) == 5);
  CHECK(number(cluster.stored("demo.io/v1/sites", "default", "s"), {"metadata", "generation"}) == 2);
  // A whole Scale needs no revision, as a whole object would.
  Cluster::must(cluster.update("demo.io/v1/sites/scale", "default", "s", R"({"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"s","namespace":"default"},"spec":{"replicas":7}})"));
  CHECK(number(cluster.stored("demo.io/v1/sites", "default", "s"), {"spec", "size", "wanted"}) == 7);
}
