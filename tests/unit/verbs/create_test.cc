#include <set>

#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

/// Looks at who manages what is created, as a webhook does.
class Onlooker final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Onlooker"; }
  bool handles(auth::AdmissionRequest::Operation, const kinds::Kind&, std::string_view) const override { return true; }
  void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (request.object && auth::list_at(*request.object, {"metadata", "managedFields"})) ++seen;
    done({});
  }
  int seen = 0;
};

std::string masked(const store::ObjectRef& object) {
  auto body = std::string(object->body());
  body.replace(body.find(object->columns().uid), object->columns().uid.size(), "UID");
  return body;
}

}  // namespace

TEST_CASE("a create stamps uid, creation time, namespace and resourceVersion") {
  Cluster cluster;
  const auto object = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"},"data":{"k":"v"}})"));
  CHECK(at(object, {"metadata", "uid"}).size() == 36);
  CHECK(at(object, {"metadata", "namespace"}) == "default");
  CHECK(at(object, {"metadata", "creationTimestamp"}) == base::rfc3339(cluster.runtime->unix_s()));
  CHECK(at(object, {"metadata", "resourceVersion"}) == std::to_string(object->revision()));
  CHECK(at(object, {"kind"}) == "ConfigMap");
  CHECK(object->columns().uid == at(object, {"metadata", "uid"}));
  CHECK(cluster.stored("v1/configmaps", "default", "a") == object);
}

TEST_CASE("a create records its manager") {
  Cluster cluster;
  const auto object = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"},"data":{"k":"v"}})"));
  const auto value = parsed(object);
  const auto* managed = auth::list_at(value, {"metadata", "managedFields"});
  REQUIRE(managed);
  REQUIRE(managed->size() == 1);
  CHECK(auth::text_at(managed->front(), {"manager"}) == "test");
  CHECK(auth::text_at(managed->front(), {"operation"}) == "Update");
  CHECK(auth::find(managed->front(), {"fieldsV1", "f:data", "f:k"}));
}

TEST_CASE("what exists is not created again") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})"));
  const auto error = error_of(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})"));
  CHECK(error.code == 409);
  CHECK(error.reason == "AlreadyExists");
  CHECK(error.message == "configmaps \"a\" already exists");
}

TEST_CASE("generateName makes a name of its base and five letters") {
  Cluster cluster;
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) {
    const auto object = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"generateName":"a-"}})"));
    const auto& name = object->key().name;
    CHECK(name.size() == 7);
    CHECK(name.substr(0, 2) == "a-");
    CHECK(name.find_first_not_of("bcdfghjklmnpqrstvwxz2456789", 2) == std::string::npos);
    names.insert(name);
  }
  CHECK(names.size() == 20);
  const std::string base_name(80, 'a');
  const auto cut = cluster.create("v1/configmaps", "default", R"({"metadata":{"generateName":")" + base_name + "\"}}");
  CHECK(Cluster::must(cut)->key().name.size() == 63);
}

TEST_CASE("when every name that is tried is taken, 409 says so and when to come back") {
  // Equal seeds draw equal names: each turn takes the one that the last turn was given.
  std::vector<store::ObjectRef> taken;
  const auto ask = [&] {
    Cluster cluster;
    store::Commit commit;
    for (const auto& object : taken) commit.writes.push_back({store::Operation::create, object->key(), store::Draft(*object, object->body()), store::Durability::synced});
    cluster.store->commit(std::move(commit), [](const store::CommitOutcome&) {});
    return cluster.create("v1/configmaps", "default", R"({"metadata":{"generateName":"a-"}})");
  };
  for (int i = 0; i < verbs::kGenerateNameTriesMax; ++i) taken.push_back(Cluster::must(ask()));
  const auto error = error_of(ask());
  CHECK(error.code == 409);
  CHECK(error.reason == "AlreadyExists");
  CHECK(error.message == "configmaps \"" + taken.back()->key().name + "\" already exists, the server was not able to generate a unique name for the object");
  CHECK(error.retry_after_s == 1);
}

TEST_CASE("a name that is missing or in the wrong namespace is refused") {
  Cluster cluster;
  auto error = error_of(cluster.create("v1/configmaps", "default", R"({"metadata":{}})"));
  CHECK(error.code == 422);
  CHECK(error.message.find("name or generateName is required") != std::string::npos);
  error = error_of(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a","namespace":"other"}})"));
  CHECK(error.code == 400);
  CHECK(error.message == "the namespace of the provided object does not match the namespace sent on the request");
}

TEST_CASE("a resourceVersion on create is upstream's plain 500") {
  Cluster cluster;
  const auto error = error_of(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a","resourceVersion":"5"}})"));
  CHECK(error.code == 500);
  CHECK(error.reason.empty());
  CHECK(error.message == "resourceVersion should not be set on objects to be created");
}

TEST_CASE("an invalid object is refused with its causes") {
  Cluster cluster;
  const auto error = error_of(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"A_b"}})"));
  CHECK(error.code == 422);
  CHECK(error.reason == "Invalid");
  REQUIRE_FALSE(error.causes.empty());
  CHECK(error.causes[0].field == "metadata.name");
  CHECK(error.causes[0].reason == "FieldValueInvalid");
}

TEST_CASE("nothing is created in a namespace that is missing or goes") {
  Cluster cluster;
  auto error = error_of(cluster.create("v1/configmaps", "nowhere", R"({"metadata":{"name":"a"}})"));
  CHECK(error.code == 404);
  CHECK(error.message == "namespaces \"nowhere\" not found");
  Cluster::must(cluster.remove("v1/namespaces", "", "other"));
  error = error_of(cluster.create("v1/configmaps", "other", R"({"metadata":{"name":"a"}})"));
  CHECK(error.code == 403);
  CHECK(error.reason == "Forbidden");
  CHECK(error.message == "configmaps \"a\" is forbidden: unable to create new content in namespace other because it is being terminated");
  REQUIRE(error.causes.size() == 1);
  CHECK(error.causes[0].reason == "NamespaceTerminating");
  CHECK(error.causes[0].field == "metadata.namespace");
}

TEST_CASE("a create that loses against its namespace's deletion is decided again") {
  Cluster cluster;
  // Both are under way at once: whichever the store takes first, nothing new appears after Terminating.
  std::optional<base::Outcome<Written>> created, removed;
  cluster.verbs->remove(cluster.admin, cluster.target("v1/namespaces", "", "other"), {}, [&](auto outcome) { removed.emplace(std::move(outcome)); });
  cluster.verbs->create(cluster.admin, cluster.target("v1/configmaps", "other"), {kinds::Media::json, R"({"metadata":{"name":"a"}})"}, {}, [&](auto outcome) { created.emplace(std::move(outcome)); });
  cluster.runtime->settle();
  REQUIRE(created.has_value());
  REQUIRE(removed.has_value());
  REQUIRE(removed->has_value());
  CHECK(error_of(*created).causes.at(0).reason == "NamespaceTerminating");
}

TEST_CASE("a dry run of create stores nothing and shows what would be") {
  Cluster cluster;
  const auto before = cluster.revision();
  WriteOptions options;
  options.dry_run = true;
  const auto written = cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"},"data":{"k":"v"}})", options);
  const auto object = Cluster::must(written);
  CHECK(written->created);
  CHECK(at(object, {"data", "k"}) == "v");
  CHECK(at(object, {"metadata", "uid"}).size() == 36);
  CHECK(cluster.revision() == before);
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "a"));
}

TEST_CASE("unknown fields are warned of, refused or passed over as asked") {
  Cluster cluster;
  const std::string body = R"({"metadata":{"name":"a"},"nonsense":1})";
  WriteOptions options;
  options.dry_run = true;
  options.validation = kinds::FieldValidation::strict;
  const auto error = error_of(cluster.create("v1/configmaps", "default", body, options));
  CHECK(error.code == 400);
  CHECK(error.message.find("strict decoding error: unknown field \"nonsense\"") != std::string::npos);
  options.validation = kinds::FieldValidation::warn;
  CHECK(cluster.create("v1/configmaps", "default", body, options)->warnings.size() == 1);
  options.validation = kinds::FieldValidation::ignore;
  CHECK(cluster.create("v1/configmaps", "default", body, options)->warnings.empty());
}

TEST_CASE("who may not is refused, also for what does not exist") {
  Cluster cluster;
  cluster.admin.user.name = "u";
  cluster.admin.user.groups = {"system:authenticated"};
  CHECK(error_of(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})")).code == 403);
  CHECK(error_of(cluster.get("v1/configmaps", "default", "gone")).message ==
        "configmaps \"gone\" is forbidden: User \"u\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"default\"");
  CHECK(error_of(cluster.list("v1/pods", "n")).message == "pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" in the namespace \"n\"");
  CHECK(error_of(cluster.remove("v1/pods", "n", "x")).code == 403);
  CHECK(error_of(cluster.patch("v1/pods", "n", "x", "{}")).code == 403);
}

TEST_CASE("a pod gets account, token volume, tolerations and priority by admission") {
  Cluster cluster;
  const auto pod = parsed(cluster.pod("web", ""));
  CHECK(auth::text_at(pod, {"spec", "serviceAccountName"}) == "default");
  CHECK(auth::text_at(pod, {"spec", "serviceAccount"}) == "default");
  CHECK(auth::integer_at(pod, {"spec", "priority"}, -1) == 0);
  CHECK(auth::text_at(pod, {"spec", "preemptionPolicy"}) == "PreemptLowerPriority");
  CHECK(auth::list_at(pod, {"spec", "tolerations"})->size() == 2);
  CHECK(auth::text_at(pod, {"status", "phase"}) == "Pending");
  const auto& volume = auth::list_at(pod, {"spec", "volumes"})->front();
  CHECK(auth::text_at(volume, {"name"}).substr(0, 16) == "kube-api-access-");
  CHECK(auth::list_at(volume, {"projected", "sources"})->size() == 3);
  const auto& mount = auth::list_at(auth::list_at(pod, {"spec", "containers"})->front(), {"volumeMounts"})->front();
  CHECK(auth::text_at(mount, {"name"}) == auth::text_at(volume, {"name"}));
  CHECK(auth::text_at(mount, {"mountPath"}) == "/var/run/secrets/kubernetes.io/serviceaccount");
}

TEST_CASE("a pod of an account that is missing is refused") {
  Cluster cluster;
  const auto error = error_of(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"serviceAccountName":"nobody","containers":[{"name":"c","image":"i"}]}})"));
  CHECK(error.code == 403);
  CHECK(error.message == "pods \"p\" is forbidden: error looking up service account default/nobody: serviceaccount \"nobody\" not found");
}

TEST_CASE("priority classes count, known ones without being objects") {
  Cluster cluster;
  const auto with = [&](std::string name, std::string spec) {
    return cluster.create("v1/pods", "default", R"({"metadata":{"name":")" + name + R"("},"spec":{)" + spec + R"(,"containers":[{"name":"c","image":"i"}]}})");
  };
  CHECK(number(Cluster::must(with("a", R"("priorityClassName":"system-node-critical")")), {"spec", "priority"}) == 2000001000);
  CHECK(error_of(with("b", R"("priorityClassName":"none")")).message == "pods \"b\" is forbidden: no PriorityClass with name none was found");
  Cluster::must(cluster.create("scheduling.k8s.io/v1/priorityclasses", "", R"({"metadata":{"name":"high"},"value":1000})"));
  CHECK(number(Cluster::must(with("c", R"("priorityClassName":"high")")), {"spec", "priority"}) == 1000);
  CHECK(error_of(with("d", R"("priorityClassName":"high","priority":5)")).code == 403);
}

TEST_CASE("a node begins with the not-ready taint") {
  Cluster cluster;
  const auto node = parsed(Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":"n1"}})")));
  const auto* taints = auth::list_at(node, {"spec", "taints"});
  REQUIRE(taints);
  CHECK(auth::text_at(taints->front(), {"key"}) == "node.kubernetes.io/not-ready");
}

TEST_CASE("an object is stored alike whether somebody looks at who manages it or not") {
  Cluster alone, watched;
  const auto onlooker = std::make_shared<Onlooker>();
  watched.chains->add(1, onlooker);
  const std::string metadata = R"("metadata":{"labels":{"app":"x"},"annotations":{"a":""},"name":")";
  const std::vector<std::pair<std::string, std::string>> made = {
      {"v1/configmaps", R"(a"},"data":{"k":"v"}})"},
      {"v1/configmaps", R"(b"},"data":{"k":"w"}})"},
      {"v1/configmaps", R"(c","managedFields":[{"manager":"own","operation":"Apply","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:k":{}}}}]},"data":{"k":"w"}})"},
      {"v1/configmaps", R"(d","managedFields":[]}})"},
      {"v1/pods", R"(a"},"spec":{"containers":[{"name":"c","image":"i","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80}]}]}})"},
      {"v1/pods", R"(b"},"spec":{"containers":[{"name":"c","image":"j","env":[{"name":"A","value":"2"}],"ports":[{"containerPort":80}]}]}})"},
      {"v1/pods", R"(c"},"spec":{"containers":[{"name":"c","image":"j","env":[{"name":"A"}],"ports":[{"containerPort":81}]}]},"status":{"phase":"Running"}})"},
      {"v1/services", R"(a"},"spec":{"ports":[{"port":80}]}})"},
      {"apps/v1/deployments", R"(a"},"spec":{"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})"},
      {"coordination.k8s.io/v1/leases", R"(a"},"spec":{"holderIdentity":"h","leaseDurationSeconds":40}})"}};
  for (const auto& [what, rest] : made) {
    const auto first = Cluster::must(alone.create(what, "default", "{" + metadata + rest)), second = Cluster::must(watched.create(what, "default", "{" + metadata + rest));
    INFO(first->body());
    CHECK(masked(first) == masked(second));
    CHECK(has(first, {"metadata", "managedFields"}));
  }
  CHECK(onlooker->seen == static_cast<int>(made.size()));
}

TEST_CASE("durability follows kind and namespace") {
  Cluster cluster;
  const auto kind = [&](std::string_view what) { return cluster.target(what, "").kind; };
  CHECK(verbs::durability_of(*kind("v1/pods"), "default") == store::Durability::synced);
  CHECK(verbs::durability_of(*kind("v1/events"), "default") == store::Durability::relaxed);
  CHECK(verbs::durability_of(*kind("coordination.k8s.io/v1/leases"), "kube-node-lease") == store::Durability::volatile_);
  CHECK(verbs::durability_of(*kind("coordination.k8s.io/v1/leases"), "kube-system") == store::Durability::synced);
}
