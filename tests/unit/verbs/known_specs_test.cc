#include "core/kinds/known_specs.hpp"
#include "core/kinds/edit.hpp"

#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

constexpr int kTimes = 5;   // read whole, read and kept, settled, and twice from what is kept

/// Specs as they may be sent: good ones, such as admission changes, and such as are refused or warned of.
const std::vector<std::string>& specs() {
  static const std::vector<std::string> all{
      R"({"containers":[{"name":"c","image":"i"}]})",
      R"({"containers":[{"name":"c","image":"i"}],"automountServiceAccountToken":false,"nodeSelector":{},"tolerations":[]})",
      R"({ "containers" : [ {"name":"c","image":"i:latest","env":[{"name":"A","value":"}\\\"{"},{"name":"B","value":""}],"ports":[{"containerPort":80,"hostPort":0}],"args":[]} ], "hostNetwork":true })",
      R"({"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"1000m","memory":"128Mi"}},"readinessProbe":{"httpGet":{"path":"/","port":80}}}],"serviceAccount":"default","terminationGracePeriodSeconds":-3})",
      R"({"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}]}],"volumes":[{"name":"v","emptyDir":{}},{"name":"w","configMap":{"name":"x","items":[]}}],"schedulingGates":[{"name":"example.com/gate"}]})",
      R"({"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}],"volumes":[{"name":"data","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}}}]})",
      R"({"containers":[{"name":"c","image":"i"}],"securityContext":{"runAsNonRoot":true},"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone"}]}}})",
      R"({"containers":[{"name":"c","image":"i","unknown":1}],"other":{}})",
      R"({"containers":[{"name":"c","name":"d","image":"i"}]})",
      R"({"containers":[{"name":"c","image":"i"}],"nodeSelector":{"beta.kubernetes.io/os":"linux"}})",
      R"({"containers":[{"name":"C!","image":""}]})",
      R"({"containers":[{"name":"c","image":7}]})",
      R"({"containers":[{"name":"c","image":"i"}],"ephemeralContainers":[{"name":"d","image":"i"}]})",
      R"({"containers":[{"name":"c","image":"i"}],"serviceAccountName":"nobody"})",
      R"({})",
  };
  return all;
}

/// `body` with "SPEC" and "NAME" filled in.
std::string filled(std::string body, std::string_view spec, std::string_view name) {
  for (auto at = body.find("NAME"); at != body.npos; at = body.find("NAME")) body.replace(at, 4, name);
  for (auto at = body.find("SPEC"); at != body.npos; at = body.find("SPEC")) body.replace(at, 4, spec);
  return body;
}

/// What a create says, with what is the object's own masked.
std::string told(Cluster& cluster, const std::string& body, WriteOptions options) {
  const auto made = cluster.create("v1/pods", "default", body, options);
  std::string out;
  if (!made) {
    out = std::to_string(made.error().code) + " " + made.error().message;
    for (const auto& cause : made.error().causes) out += "; " + cause.field + ": " + cause.message;
    return out;
  }
  out = made->object->body();
  const auto& columns = made->object->columns();
  const auto mask = [&](const std::string& text) {
    for (auto at = out.find(text); !text.empty() && at != out.npos; at = out.find(text, at)) out.replace(at, text.size(), "*");
  };
  mask("\"resourceVersion\":\"" + std::to_string(made->object->revision()));
  mask(columns.uid);
  mask(base::rfc3339(columns.creation_unix_s));
  for (const auto& field : columns.fields) out += " " + field;
  for (const auto& warning : made->warnings) out += " warning: " + warning;
  return out;
}

}  // namespace

TEST_CASE("a spec that comes again makes what it made the first time: the same objects, refusals and warnings") {
  const std::vector<std::string> bodies{
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"NAME","labels":{"a":"b"}},"spec":SPEC})",
      R"( { "metadata" : { "name" : "NAME", "annotations" : { "x" : "{\"spec\":{}}" , "scheduler.alpha.kubernetes.io/critical-pod" : "" } } , "spec" : SPEC , "status" : { "phase" : "Running" } } )",
      R"({"spec":SPEC,"kind":"Pod","metadata":{"name":"NAME","spec":{"a":1},"managedFields":[]}})",
      R"({"spec":SPEC,"metadata":{"name":"NAME"},"spec":{"containers":[]}})",
      R"({"spec":{"containers":[]},"metadata":{"name":"NAME"},"sp\u0065c":SPEC})",
      R"({"metadata":{"name":"NAME"},"spec":SPEC,})",
      R"({"metadata":{"name":"NAME"},"spec":SPEC)",
      R"({"metadata":{"name":"-NAME"},"spec":SPEC})",
      R"({"metadata":{"name":"NAME"},"spec":null})",
      R"(["spec":SPEC])",
  };
  using Mode = kinds::FieldValidation;
  for (const auto mode : {Mode::warn, Mode::strict, Mode::ignore})
    for (const auto& body : bodies)
      for (const auto& spec : specs()) {
        // Each time under the same name: what is told of one does not stay.
        Cluster cluster;
        WriteOptions options;
        options.validation = mode;
        options.dry_run = true;
        const auto sent = filled(body, spec, "p");
        INFO(sent);
        const auto first = told(cluster, sent, options);
        for (int i = 1; i < kTimes; ++i) REQUIRE(told(cluster, sent, options) == first);
      }
}

TEST_CASE("what is known of a spec by one body is not believed of another") {
  Cluster cluster;
  const auto& spec = specs().front();
  const auto make = [&](const std::string& body, const std::string& name) { return Cluster::must(cluster.create("v1/pods", "default", filled(body, spec, name))); };
  const std::string plain = R"({"metadata":{"name":"NAME"},"spec":SPEC})";
  for (int i = 0; i < kTimes; ++i) make(plain, "a" + std::to_string(i));
  const auto other = make(R"({"metadata":{"name":"NAME","labels":{"a":"b"},"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"u"}]},"spec":SPEC})", "b");
  CHECK(has(other, {"metadata", "ownerReferences"}));
  const auto fields = json::serialize(*auth::find(auth::list_at(parsed(other), {"metadata", "managedFields"})->front(), {"fieldsV1"}));
  CHECK(fields.find("f:ownerReferences") != fields.npos);
  CHECK(fields.find("f:containers") != fields.npos);
  // Another namespace has another account, which brings what its pods pull images with.
  Cluster::must(cluster.patch("v1/serviceaccounts", "other", "default", R"({"imagePullSecrets":[{"name":"registry"}]})"));
  const auto elsewhere = Cluster::must(cluster.create("v1/pods", "other", filled(plain, spec, "a")));
  CHECK(auth::text_at(auth::list_at(parsed(elsewhere), {"spec", "imagePullSecrets"})->front(), {"name"}) == "registry");
  CHECK_FALSE(has(make(plain, "c"), {"spec", "imagePullSecrets"}));
}

TEST_CASE("claims of a pod's own volumes are named after it, so that each pod's name is judged with them") {
  Cluster cluster;
  const auto& spec = specs()[5];
  const auto create = [&](const std::string& name) { return cluster.create("v1/pods", "default", filled(R"({"metadata":{"name":"NAME"},"spec":SPEC})", spec, name)); };
  for (int i = 0; i < kTimes; ++i) Cluster::must(create("a" + std::to_string(i)));
  CHECK(error_of(create(std::string(250, 'a'))).code == 422);
}

TEST_CASE("a spec is kept from the second time on, and only where nothing is to be said of it") {
  const auto pods = kinds::make_registry()->current()->find("", "v1", "pods");
  kinds::KnownSpecs known;
  const auto read = [&](const std::string& spec) {
    std::shared_ptr<kinds::KnownSpec> found;
    const bool decoded = known.decode(*pods, filled(R"({"metadata":{"name":"NAME"},"spec":SPEC})", spec, "a"), kinds::FieldValidation::ignore, {}, found).has_value();
    CHECK(decoded == (found != nullptr));
    return found;
  };
  const auto &good = specs()[0], &unknown = specs()[7], &twice = specs()[8], &wrong = specs()[11];
  CHECK_FALSE(read(good));
  const auto kept = read(good);
  REQUIRE(kept);
  CHECK(read(good) == kept);
  for (const auto& spec : {unknown, twice, wrong})
    for (int i = 0; i < kTimes; ++i) CHECK_FALSE(read(spec));
  const std::string large = R"({"containers":[],"hostname":")" + std::string(kinds::kSpecBytesMax, 'a') + "\"}";
  for (int i = 0; i < kTimes; ++i) CHECK_FALSE(read(large));
  CHECK(read(good) == kept);
}

TEST_CASE("what became of a spec is believed where admission leaves the same, and not looked for where it never does") {
  const auto pods = kinds::make_registry()->current()->find("", "v1", "pods");
  const auto spec = kinds::KnownSpec::read(*pods, specs()[0], 1);
  REQUIRE(spec);
  auto changed = spec->value();
  changed.as_object()["priority"] = 7;
  CHECK_FALSE(spec->settled(spec->value()));
  spec->settle(spec->value(), changed);   // the rules changed it: it is not what admission left
  CHECK_FALSE(spec->settled(spec->value()));
  spec->settle(changed, changed);
  REQUIRE(spec->settled(changed));
  CHECK(spec->settled(changed)->text.find(R"("priority":7)") != std::string::npos);
  CHECK_FALSE(spec->settled(spec->value()));
  for (int i = 0; i < kinds::kSpecChangesMax && spec->may_settle(); ++i) {
    changed.as_object()["priority"] = i;
    spec->settle(changed, changed);
  }
  CHECK_FALSE(spec->may_settle());
  CHECK(spec->settled(changed));
  CHECK(spec->may_settle());
}

TEST_CASE("where a member of what was sent stands is found behind any white space, and not said where it is not plain") {
  const auto found = [](std::string_view object) { return kinds::sent_member(object, "spec"); };
  CHECK(found(R"({"spec":{"a":"}"}})") == R"({"a":"}"})");
  CHECK(found(" \n{ \"a\" : [ {\"spec\":1} , \"\\\"spec\\\":{\" ] ,\t\"b\":1\n, \"spec\" : {\"c\":[{}]} , \"d\":null } ") == R"({"c":[{}]})");
  for (const std::string_view none : {"", "{", "{}", "[]", "{\"", "{\"spec", "{\"spec\"", "{\"spec\":", "{\"spec\":{}", "{\"spec\":{},", R"({"spec":1})", R"({"spec":"{}"})", R"({"specs":{}})",
                                      R"({"a":{"spec":{}}})", R"({"spec":{},"spec":{}})", R"({"spec":{},"sp\u0065c":{}})", R"({"spec" {}})", R"({"spec":{} "a":1})"})
    CHECK(found(none).empty());
  const std::string whole = R"({"a":"\\","spec":{"b":[1,{"c":"]"}]},"d":2})";
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK(found(std::string_view(whole).substr(0, length)).empty());
}
