#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

DeleteOptions grace(std::int64_t seconds) {
  DeleteOptions options;
  options.grace_period_s = seconds;
  return options;
}

DeleteOptions propagation(std::string policy) {
  DeleteOptions options;
  options.propagation = std::move(policy);
  return options;
}

store::ObjectRef config(Cluster& cluster, const std::string& more = "") {
  return Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a")" + more + "}}"));
}

/// Looks at every object that is deleted, as a webhook does.
class Onlooker final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Onlooker"; }
  bool handles(auth::AdmissionRequest::Operation operation, const kinds::Kind&, std::string_view) const override { return operation == auth::AdmissionRequest::Operation::remove; }
  void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (request.old && auth::find(*request.old, {"metadata"})) ++seen;
    done({});
  }
  int seen = 0;
};

/// Two clusters that see the same, in one of which somebody looks at what is deleted.
struct Both {
  Both() { watched.chains->add(1, onlooker); }
  template <class Act>
  void act(Act act) {
    for (Cluster* cluster : {&alone, &watched}) act(*cluster);
  }
  static std::string told(Cluster& cluster, const std::string& what, const std::string& name, const DeleteOptions& options) {
    const auto uid = [&] { return cluster.stored(what, "default", name) ? std::string(cluster.stored(what, "default", name)->columns().uid) : std::string("none"); };
    const auto had = uid();
    const auto removed = cluster.remove(what, "default", name, options);
    const auto left = cluster.stored(what, "default", name);
    auto text = removed ? (removed->gone ? "gone " : "there ") + std::string(removed->object->body()) : std::to_string(removed.error().code) + removed.error().message;
    text += left ? " left " + std::string(left->body()) : " nothing left";
    for (auto at = text.find(had); at != std::string::npos; at = text.find(had, at)) text.replace(at, had.size(), "UID");
    return text + " " + std::to_string(cluster.revision());
  }
  void same(const std::string& what, const std::string& name, const DeleteOptions& options = {}) {
    const auto first = told(alone, what, name, options);
    INFO(what << ' ' << name);
    CHECK(first == told(watched, what, name, options));
  }
  Cluster alone, watched;
  std::shared_ptr<Onlooker> onlooker = std::make_shared<Onlooker>();
};

}  // namespace

TEST_CASE("a delete does the same whether somebody looks at the object or not") {
  Both both;
  DeleteOptions dry = grace(0), other_uid, other_revision, orphan = propagation("Orphan");
  dry.dry_run = true;
  other_uid.uid = "other";
  other_revision.resource_version = "1";
  const std::string maps = "v1/configmaps", pods = "v1/pods";
  const auto made = [&](const std::string& more) { both.act([&](Cluster& cluster) { config(cluster, more); }); };
  const auto bound = [&](const std::string& node, const std::string& more = "") { both.act([&](Cluster& cluster) { cluster.pod("p", node, more); }); };
  made("");
  for (const auto& options : {other_uid, other_revision, dry, DeleteOptions()}) both.same(maps, "a", options);
  both.same(maps, "a");
  made("");
  for (const auto& options : {orphan, propagation("Orphan"), propagation("Foreground")}) both.same(maps, "a", options);
  both.act([](Cluster& cluster) { Cluster::must(cluster.patch("v1/configmaps", "default", "a", R"({"metadata":{"finalizers":null}})")); });
  made(R"(,"finalizers":["orphan"])");
  for (const auto& options : {DeleteOptions(), propagation("Background")}) both.same(maps, "a", options);
  for (const std::string node : {"", "n1"})
    for (const auto& last : {grace(0), DeleteOptions(), grace(-1), grace(5)}) {
      bound(node);
      for (const auto& options : {dry, last, grace(5), grace(7), DeleteOptions(), grace(-3), grace(0), grace(0)}) both.same(pods, "p", options);
    }
  bound("n1", R"(,"finalizers":["x.io/a"])");
  for (const auto& options : {grace(0), grace(0), DeleteOptions()}) both.same(pods, "p", options);
  both.act([](Cluster& cluster) { Cluster::must(cluster.patch("v1/pods", "default", "p", R"({"metadata":{"finalizers":null}})")); });
  bound("n1");
  both.act([](Cluster& cluster) { Cluster::must(cluster.patch("v1/pods/status", "default", "p", R"({"status":{"phase":"Succeeded"}})")); });
  both.same(pods, "p");
  CHECK(both.onlooker->seen > 20);
}

TEST_CASE("a delete takes the object out under a revision of its own") {
  Cluster cluster;
  const auto made = config(cluster);
  const auto written = cluster.remove("v1/configmaps", "default", "a");
  REQUIRE(written.has_value());
  CHECK(written->gone);
  CHECK(written->object->revision() > made->revision());
  CHECK(at(written->object, {"metadata", "resourceVersion"}) == std::to_string(written->object->revision()));
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "a"));
  CHECK(error_of(cluster.remove("v1/configmaps", "default", "a")).message == "configmaps \"a\" not found");
}

TEST_CASE("preconditions of a delete are checked in upstream's words") {
  Cluster cluster;
  const auto made = config(cluster);
  DeleteOptions options;
  options.uid = "other";
  auto error = error_of(cluster.remove("v1/configmaps", "default", "a", options));
  CHECK(error.code == 409);
  CHECK(error.message == "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (other) does not match the UID in record (" + std::string(made->columns().uid) +
                             "). The object might have been deleted and then recreated");
  options.uid = made->columns().uid;
  options.resource_version = "1";
  error = error_of(cluster.remove("v1/configmaps", "default", "a", options));
  CHECK(error.code == 409);
  CHECK(error.message.find("the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (" + std::to_string(made->revision()) + ")") != std::string::npos);
  options.resource_version = std::to_string(made->revision());
  CHECK(cluster.remove("v1/configmaps", "default", "a", options)->gone);
}

TEST_CASE("a bad propagation policy is refused") {
  Cluster cluster;
  config(cluster);
  auto error = error_of(cluster.remove("v1/configmaps", "default", "a", propagation("Sideways")));
  CHECK(error.code == 422);
  CHECK(error.message ==
        "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Sideways\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"");
  auto both = propagation("Orphan");
  both.orphan_dependents = true;
  CHECK(error_of(cluster.remove("v1/configmaps", "default", "a", both)).code == 422);
}

TEST_CASE("finalizers hold an object back until the write that empties them") {
  Cluster cluster;
  config(cluster, R"(,"finalizers":["x.io/a","x.io/b"])");
  const auto marked = cluster.remove("v1/configmaps", "default", "a");
  REQUIRE(marked.has_value());
  CHECK_FALSE(marked->gone);
  CHECK(has(marked->object, {"metadata", "deletionTimestamp"}));
  CHECK(number(marked->object, {"metadata", "deletionGracePeriodSeconds"}) == 0);
  const auto revision = cluster.revision();
  CHECK_FALSE(cluster.remove("v1/configmaps", "default", "a")->gone);
  CHECK(cluster.revision() == revision);
  CHECK_FALSE(cluster.patch("v1/configmaps", "default", "a", R"({"metadata":{"finalizers":["x.io/b"]}})")->gone);
  const auto last = cluster.patch("v1/configmaps", "default", "a", R"({"metadata":{"finalizers":null}})");
  REQUIRE(last.has_value());
  CHECK(last->gone);
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "a"));
}

TEST_CASE("what is being deleted can be freed of a finalizer although its kind's plugin is gone") {
  Cluster cluster;
  config(cluster, R"(,"finalizers":["x.io/a"])");
  cluster.registry->set_writable(store::Atom("configmaps"), false);
  const char* const freeing = R"({"metadata":{"finalizers":null}})";
  CHECK(error_of(cluster.patch("v1/configmaps", "default", "a", freeing)).code == 503);
  cluster.remove("v1/configmaps", "default", "a");
  CHECK(cluster.patch("v1/configmaps", "default", "a", freeing)->gone);
}

TEST_CASE("no new finalizer is added to what is being deleted") {
  Cluster cluster;
  config(cluster, R"(,"finalizers":["x.io/a"])");
  cluster.remove("v1/configmaps", "default", "a");
  const auto error = error_of(cluster.patch("v1/configmaps", "default", "a", R"({"metadata":{"finalizers":["x.io/a","x.io/new"]}})"));
  CHECK(error.code == 422);
  CHECK(error.message.find("no new finalizers can be added if the object is being deleted") != std::string::npos);
}

TEST_CASE("propagation becomes a finalizer for the garbage collector") {
  Cluster cluster;
  config(cluster);
  auto object = cluster.remove("v1/configmaps", "default", "a", propagation("Foreground"))->object;
  CHECK(object->columns().finalizers == std::vector<std::string>{"foregroundDeletion"});
  CHECK(object->deleting());
  // Asked for otherwise later, the later word counts.
  object = cluster.remove("v1/configmaps", "default", "a", propagation("Orphan"))->object;
  CHECK(object->columns().finalizers == std::vector<std::string>{"orphan"});
  CHECK(cluster.remove("v1/configmaps", "default", "a", propagation("Background"))->gone);
}

TEST_CASE("orphanDependents and a kind's own default decide when no policy is given") {
  Cluster cluster;
  config(cluster);
  DeleteOptions orphan;
  orphan.orphan_dependents = true;
  CHECK(cluster.remove("v1/configmaps", "default", "a", orphan)->object->columns().finalizers == std::vector<std::string>{"orphan"});
  Cluster::must(cluster.create("batch/v1/jobs", "default", R"({"metadata":{"name":"j"},"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}})"));
  CHECK(cluster.remove("batch/v1/jobs", "default", "j")->object->columns().finalizers == std::vector<std::string>{"orphan"});
}

TEST_CASE("a bound pod is deleted with its grace, an unbound or finished one at once") {
  Cluster cluster;
  cluster.pod("unbound", "");
  CHECK(cluster.remove("v1/pods", "default", "unbound")->gone);
  cluster.pod("done");
  Cluster::must(cluster.patch("v1/pods/status", "default", "done", R"({"status":{"phase":"Succeeded"}})"));
  CHECK(cluster.remove("v1/pods", "default", "done")->gone);
  const auto bound = cluster.pod("bound");
  const auto generation = number(bound, {"metadata", "generation"});
  const auto now = cluster.runtime->unix_s();
  const auto marked = cluster.remove("v1/pods", "default", "bound");
  CHECK_FALSE(marked->gone);
  CHECK(number(marked->object, {"metadata", "deletionGracePeriodSeconds"}) == 30);
  CHECK(at(marked->object, {"metadata", "deletionTimestamp"}) == base::rfc3339(now + 30));
  CHECK(marked->object->columns().deletion_unix_s == now + 30);
  CHECK(number(marked->object, {"metadata", "generation"}) == generation + 1);
}

TEST_CASE("a second delete of a pod may only shorten its grace") {
  Cluster cluster;
  cluster.pod("p");
  const auto start = cluster.runtime->unix_s();
  const auto first = cluster.remove("v1/pods", "default", "p", grace(60))->object;
  const auto generation = number(first, {"metadata", "generation"});
  CHECK(cluster.remove("v1/pods", "default", "p")->object == first);
  CHECK(cluster.remove("v1/pods", "default", "p", grace(120))->object == first);
  cluster.sleep_s(3);
  const auto shorter = cluster.remove("v1/pods", "default", "p", grace(10))->object;
  CHECK(number(shorter, {"metadata", "deletionGracePeriodSeconds"}) == 10);
  CHECK(at(shorter, {"metadata", "deletionTimestamp"}) == base::rfc3339(start + 10));
  CHECK(number(shorter, {"metadata", "generation"}) == generation);
  CHECK(cluster.remove("v1/pods", "default", "p", grace(0))->gone);
}

TEST_CASE("the grace of a pod comes from the option, then its spec, and negative means one second") {
  Cluster cluster;
  cluster.pod("a");
  CHECK(number(cluster.remove("v1/pods", "default", "a", grace(-5))->object, {"metadata", "deletionGracePeriodSeconds"}) == 1);
  Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"b"},"spec":{"nodeName":"n","terminationGracePeriodSeconds":7,"containers":[{"name":"c","image":"i"}]}})"));
  CHECK(number(cluster.remove("v1/pods", "default", "b")->object, {"metadata", "deletionGracePeriodSeconds"}) == 7);
}

TEST_CASE("a pod with finalizers stays until they are gone and its grace is over") {
  Cluster cluster;
  cluster.pod("p", "n1", R"(,"finalizers":["x.io/a"])");
  CHECK_FALSE(cluster.remove("v1/pods", "default", "p")->gone);
  CHECK_FALSE(cluster.patch("v1/pods", "default", "p", R"({"metadata":{"finalizers":null}})")->gone);
  DeleteOptions done = grace(0);
  done.uid = cluster.stored("v1/pods", "default", "p")->columns().uid;
  CHECK(cluster.remove("v1/pods", "default", "p", done)->gone);
  cluster.pod("q", "n1", R"(,"finalizers":["x.io/a"])");
  CHECK_FALSE(cluster.remove("v1/pods", "default", "q", grace(0))->gone);
  CHECK(cluster.patch("v1/pods", "default", "q", R"({"metadata":{"finalizers":null}})")->gone);
}

TEST_CASE("a namespace becomes Terminating and goes only when its finalizers are empty") {
  Cluster cluster;
  CHECK(auth::list_at(parsed(cluster.stored("v1/namespaces", "", "other")), {"spec", "finalizers"})->size() == 1);
  const auto marked = cluster.remove("v1/namespaces", "", "other");
  CHECK_FALSE(marked->gone);
  CHECK(at(marked->object, {"status", "phase"}) == "Terminating");
  CHECK(marked->object->deleting());
  CHECK(cluster.remove("v1/namespaces", "", "other")->object == marked->object);
  CHECK_FALSE(cluster.patch("v1/namespaces", "", "other", R"({"spec":{"finalizers":[]}})")->gone);
  auto value = parsed(cluster.stored("v1/namespaces", "", "other"));
  value.as_object()["spec"].as_object()["finalizers"] = json::array();
  const auto finalized = cluster.update("v1/namespaces/finalize", "", "other", json::serialize(value));
  REQUIRE(finalized.has_value());
  CHECK(finalized->gone);
  CHECK_FALSE(cluster.stored("v1/namespaces", "", "other"));
}

TEST_CASE("default, kube-system and kube-public may not be deleted") {
  Cluster cluster;
  const auto error = error_of(cluster.remove("v1/namespaces", "", "default"));
  CHECK(error.code == 403);
  CHECK(error.message == "namespaces \"default\" is forbidden: this namespace may not be deleted");
  CHECK(error_of(cluster.remove("v1/namespaces", "", "kube-system")).code == 403);
}

TEST_CASE("a dry run of delete leaves everything where it is") {
  Cluster cluster;
  const auto made = config(cluster);
  DeleteOptions options;
  options.dry_run = true;
  CHECK(cluster.remove("v1/configmaps", "default", "a", options)->gone);
  CHECK(cluster.stored("v1/configmaps", "default", "a") == made);
}

TEST_CASE("deletecollection deletes what its selector names, each gracefully, and answers with them") {
  Cluster cluster;
  for (int i = 0; i < 100; ++i)
    Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"c)" + std::to_string(i) + R"(","labels":{"half":")" + (i % 2 ? "a" : "b") + "\"}}}"));
  verbs::ListOptions which;
  which.selector = *watch::parse_selector(*cluster.target("v1/configmaps", "default").kind, "half=a", "");
  const auto deleted = cluster.wait<verbs::Listed>([&](auto done) { cluster.verbs->remove_collection(cluster.admin, cluster.target("v1/configmaps", "default"), which, {}, done); });
  REQUIRE(deleted.has_value());
  CHECK(deleted->objects.size() == 50);
  CHECK(cluster.list("v1/configmaps", "default")->objects.size() == 50);
  DeleteOptions dry;
  dry.dry_run = true;
  CHECK(cluster.wait<verbs::Listed>([&](auto done) { cluster.verbs->remove_collection(cluster.admin, cluster.target("v1/configmaps", "default"), {}, dry, done); })->objects.size() == 50);
  CHECK(cluster.list("v1/configmaps", "default")->objects.size() == 50);
}
