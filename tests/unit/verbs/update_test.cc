#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

const std::string kDeployment =
    R"({"metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";

std::string with(const store::ObjectRef& object, const std::function<void(json::value&)>& edit) {
  auto value = parsed(object);
  edit(value);
  return json::serialize(value);
}

json::object& metadata(json::value& value) { return value.as_object()["metadata"].as_object(); }

}  // namespace

TEST_CASE("an update with a stale resourceVersion is a conflict in upstream's words") {
  Cluster cluster;
  const auto first = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"},"data":{"k":"1"}})"));
  Cluster::must(cluster.patch("v1/configmaps", "default", "a", R"({"data":{"k":"2"}})"));
  const auto error = error_of(cluster.update("v1/configmaps", "default", "a", std::string(first->body())));
  CHECK(error.code == 409);
  CHECK(error.reason == "Conflict");
  CHECK(error.message == "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again");
}

TEST_CASE("an update without resourceVersion is unconditional where the kind allows it") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"},"data":{"k":"1"}})"));
  const auto object = Cluster::must(cluster.update("v1/configmaps", "default", "a", R"({"metadata":{"name":"a"},"data":{"k":"2"}})"));
  CHECK(at(object, {"data", "k"}) == "2");
  Cluster::must(cluster.create("storage.k8s.io/v1/csidrivers", "", R"({"metadata":{"name":"d"},"spec":{}})"));
  const auto error = error_of(cluster.update("storage.k8s.io/v1/csidrivers", "", "d", R"({"metadata":{"name":"d"},"spec":{}})"));
  CHECK(error.code == 422);
  CHECK(error.message.find("metadata.resourceVersion: Invalid value: 0") != std::string::npos);
  CHECK(error.message.find("must be specified for an update") != std::string::npos);
}

TEST_CASE("an update of what is missing creates only kinds that allow it") {
  Cluster cluster;
  CHECK(error_of(cluster.update("v1/configmaps", "default", "a", R"({"metadata":{"name":"a"}})")).message == "configmaps \"a\" not found");
  const auto written = cluster.update("coordination.k8s.io/v1/leases", "default", "l", R"({"metadata":{"name":"l"},"spec":{"holderIdentity":"x"}})");
  Cluster::must(written);
  CHECK(written->created);
}

TEST_CASE("a Service is made by its status too, like any other, and by no patch of it") {
  Cluster cluster;
  const std::string body = R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80}]},"status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}})";
  const auto written = cluster.update("v1/services/status", "default", "s", body);
  const auto object = Cluster::must(written);
  CHECK(written->created);
  CHECK_FALSE(has(object, {"status", "loadBalancer", "ingress"}));
  CHECK(object->body().find("\"subresource\"") == std::string_view::npos);
  for (const auto type : {kinds::PatchType::merge, kinds::PatchType::apply}) CHECK(error_of(cluster.patch("v1/services/status", "default", "none", R"({"metadata":{"name":"none"}})", type)).code == 404);
  CHECK(error_of(cluster.update("v1/pods/status", "default", "s", R"({"metadata":{"name":"s"}})")).code == 404);
}

TEST_CASE("where a Service is reached from outside is told of balanced ones alone, and has to be an address") {
  Cluster cluster;
  const auto service = [](std::string_view type, std::string_view point) {
    return R"({"metadata":{"name":"s"},"spec":{"type":")" + std::string(type) + R"(","ports":[{"port":80}]},"status":{"loadBalancer":{"ingress":[)" + std::string(point) + "]}}}";
  };
  for (const std::string_view type : {"ClusterIP", "LoadBalancer"}) Cluster::must(cluster.update("v1/services", "default", "s", service(type, "")));
  const auto refused = [&](std::string_view point) { return error_of(cluster.update("v1/services/status", "default", "s", service("LoadBalancer", point))).message; };
  Cluster::must(cluster.update("v1/services/status", "default", "s", service("LoadBalancer", R"({"ip":"1.2.3.4"})")));
  CHECK(refused(R"({"ip":"1.2.3"})").find("status.loadBalancer.ingress[0].ip: Invalid value: \"1.2.3\"") != std::string::npos);
  CHECK(refused(R"({"hostname":"1.2.3.4"})").find("must be a DNS name, not an IP address") != std::string::npos);
  CHECK(refused(R"({"hostname":"a","ipMode":"VIP"})").find("may not be specified when `ip` is not set") != std::string::npos);
  CHECK(refused(R"({"ip":"1.2.3.4","ipMode":"x"})").find("supported values: \"Proxy\", \"VIP\"") != std::string::npos);
  Cluster::must(cluster.create("v1/services", "default", R"({"metadata":{"name":"inner"},"spec":{"ports":[{"port":80}]}})"));
  const auto told = error_of(cluster.update("v1/services/status", "default", "inner", R"({"metadata":{"name":"inner"},"status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}}})"));
  CHECK(told.message.find("may only be used when `spec.type` is 'LoadBalancer'") != std::string::npos);
}

TEST_CASE("what is wrong with an update is told even where nothing is there to update") {
  Cluster cluster;
  const auto told = [&](std::string_view resource, std::string_view body) { return error_of(cluster.update(resource, "default", "a", std::string(body))).message; };
  CHECK(told("v1/configmaps", "[]").find("the object provided is unrecognized") != std::string::npos);
  CHECK(told("v1/configmaps", R"({"metadata":{"name":"b"}})") == "the name of the object (b) does not match the name on the URL (a)");
  CHECK(told("v1/configmaps", R"({"metadata":{"namespace":"x"}})") == "the namespace of the object (x) does not match the namespace on the request (default)");
  CHECK(told("v1/configmaps", R"({"metadata":{"name":"a","uid":"u"}})").find("Precondition failed: UID in precondition: u, UID in object meta: ") != std::string::npos);
  CHECK(told("v1/pods/status", R"({"metadata":{"name":"b"}})") == "the name of the object (b) does not match the name on the URL (a)");
  CHECK(told("apps/v1/deployments/scale", R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"}})").find("cannot be handled as a Scale") != std::string::npos);
  CHECK(told("apps/v1/deployments/scale", R"({"metadata":{"name":"a"}})") == "deployments.apps \"a\" not found");
  CHECK(told("v1/services", R"({"metadata":{"name":"a","uid":"u"},"spec":{"ports":[{"port":80}]}})").find("Key: /registry/services/specs/default/a,") != std::string::npos);
}

TEST_CASE("a write whose result equals what is stored commits nothing") {
  Cluster cluster;
  const auto first = Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment));
  cluster.sleep_s(5);
  const auto before = cluster.revision();
  CHECK(Cluster::must(cluster.update("apps/v1/deployments", "default", "d", std::string(first->body()))) == first);
  CHECK(Cluster::must(cluster.update("apps/v1/deployments", "default", "d", kDeployment)) == first);
  CHECK(Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"spec":{"replicas":2}})")) == first);
  CHECK(Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"spec":{"replicas":2}})", kinds::PatchType::strategic)) == first);
  CHECK(Cluster::must(cluster.patch("apps/v1/deployments/scale", "default", "d", R"({"spec":{"replicas":2}})"))->revision() == first->revision());
  CHECK(cluster.revision() == before);
}

TEST_CASE("an apply that repeats itself commits nothing") {
  Cluster cluster;
  const std::string body = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}})";
  const auto first = cluster.patch("v1/configmaps", "default", "a", body, kinds::PatchType::apply);
  Cluster::must(first);
  CHECK(first->created);
  cluster.sleep_s(5);
  const auto again = cluster.patch("v1/configmaps", "default", "a", body, kinds::PatchType::apply);
  CHECK(Cluster::must(again) == first->object);
  CHECK_FALSE(again->created);
}

TEST_CASE("generation grows with the spec and with nothing else") {
  Cluster cluster;
  CHECK(number(Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment)), {"metadata", "generation"}) == 1);
  CHECK(number(Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"metadata":{"labels":{"x":"y"}}})")), {"metadata", "generation"}) == 1);
  CHECK(number(Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"spec":{"replicas":3}})")), {"metadata", "generation"}) == 2);
  CHECK(number(Cluster::must(cluster.patch("apps/v1/deployments/status", "default", "d", R"({"status":{"replicas":3}})")), {"metadata", "generation"}) == 2);
  CHECK(number(Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"metadata":{"generation":9},"spec":{"replicas":4}})")), {"metadata", "generation"}) == 3);
}

TEST_CASE("a main write keeps status and a status write keeps the spec") {
  Cluster cluster;
  Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment));
  auto object = Cluster::must(cluster.patch("apps/v1/deployments/status", "default", "d", R"({"spec":{"replicas":9},"status":{"replicas":2}})"));
  CHECK(number(object, {"spec", "replicas"}) == 2);
  CHECK(number(object, {"status", "replicas"}) == 2);
  object = Cluster::must(cluster.update("apps/v1/deployments", "default", "d", kDeployment));
  CHECK(number(object, {"status", "replicas"}) == 2);
  object = Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"spec":{"replicas":5},"status":{"replicas":7}})"));
  CHECK(number(object, {"spec", "replicas"}) == 5);
  CHECK(number(object, {"status", "replicas"}) == 2);
}

TEST_CASE("names of body and URL have to agree") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})"));
  CHECK(error_of(cluster.update("v1/configmaps", "default", "a", R"({"metadata":{"name":"b"}})")).message ==
        "the name of the object (b) does not match the name on the URL (a)");
  CHECK(error_of(cluster.update("v1/configmaps", "default", "a", R"({"metadata":{"name":"a","namespace":"other"}})")).message ==
        "the namespace of the object (other) does not match the namespace on the request (default)");
}

TEST_CASE("what only the server writes cannot be changed") {
  Cluster cluster;
  const auto first = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})"));
  CHECK(error_of(cluster.update("v1/configmaps", "default", "a", with(first, [](auto& v) { metadata(v)["uid"] = "other"; }))).code == 409);
  CHECK(error_of(cluster.update("v1/configmaps", "default", "a", with(first, [](auto& v) { metadata(v)["deletionTimestamp"] = "2020-01-01T00:00:00Z"; }))).code == 422);
  const auto object = Cluster::must(cluster.update("v1/configmaps", "default", "a", with(first, [](auto& v) {
                                      metadata(v).erase("uid");
                                      metadata(v).erase("creationTimestamp");
                                      v.as_object()["data"] = {{"k", "v"}};
                                    })));
  CHECK(object->columns().uid == first->columns().uid);
  CHECK(object->columns().creation_unix_s == first->columns().creation_unix_s);
}

TEST_CASE("all patch types change what they say") {
  Cluster cluster;
  Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment));
  CHECK(number(Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"([{"op":"replace","path":"/spec/replicas","value":7}])", kinds::PatchType::json)), {"spec", "replicas"}) == 7);
  CHECK(number(Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"spec":{"replicas":8}})", kinds::PatchType::merge)), {"spec", "replicas"}) == 8);
  const auto object = Cluster::must(cluster.patch("apps/v1/deployments", "default", "d", R"({"spec":{"template":{"spec":{"containers":[{"name":"side","image":"s"}]}}}})", kinds::PatchType::strategic));
  CHECK(auth::list_at(parsed(object), {"spec", "template", "spec", "containers"})->size() == 2);
}

TEST_CASE("broken patches are refused as upstream does") {
  Cluster cluster;
  Cluster::must(cluster.create("apps/v1/deployments", "default", kDeployment));
  const auto patch = [&](std::string body, kinds::PatchType type) { return error_of(cluster.patch("apps/v1/deployments", "default", "d", std::move(body), type)); };
  CHECK(patch("nonsense", kinds::PatchType::json).code == 400);
  auto error = patch(R"([{"op":"test","path":"/spec/replicas","value":99}])", kinds::PatchType::json);
  CHECK(error.code == 422);
  CHECK(error.message.find("the server rejected our request due to an error in our request") == 0);
  error = patch(R"({"spec":{"replicas":"many"}})", kinds::PatchType::merge);
  CHECK(error.code == 422);
  REQUIRE_FALSE(error.causes.empty());
  CHECK(error.causes[0].field == "patch");
  WriteOptions force;
  force.force = true;
  CHECK(error_of(cluster.patch("apps/v1/deployments", "default", "d", "{}", kinds::PatchType::merge, force)).message.find("force: Forbidden: may not be specified for non-apply patch") != std::string::npos);
  CHECK(error_of(cluster.patch("apps/v1/deployments", "default", "gone", "{}")).code == 404);
}

TEST_CASE("a patch that names a stale revision is a conflict, one that names none is tried again") {
  Cluster cluster;
  const auto first = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})"));
  Cluster::must(cluster.patch("v1/configmaps", "default", "a", R"({"data":{"k":"1"}})"));
  CHECK(error_of(cluster.patch("v1/configmaps", "default", "a", R"({"metadata":{"resourceVersion":")" + std::to_string(first->revision()) + R"("},"data":{"k":"2"}})")).code == 409);
  int good = 0;
  for (int i = 0; i < 20; ++i)
    cluster.verbs->patch(cluster.admin, cluster.target("v1/configmaps", "default", "a"), kinds::PatchType::merge, {kinds::Media::json, R"({"data":{"n)" + std::to_string(i) + R"(":"x"}})"}, {},
                         [&](auto outcome) { good += outcome.has_value(); });
  cluster.runtime->settle();
  CHECK(good == 20);
  CHECK(auth::find(parsed(cluster.stored("v1/configmaps", "default", "a")), {"data"})->as_object().size() == 21);
}

TEST_CASE("apply needs a manager and meets conflicts unless forced") {
  Cluster cluster;
  Cluster::must(cluster.patch("v1/configmaps", "default", "a", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1"}})", kinds::PatchType::apply));
  const std::string mine = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"2"}})";
  cluster.admin.field_manager = "someone-else";
  const auto error = error_of(cluster.patch("v1/configmaps", "default", "a", mine, kinds::PatchType::apply));
  CHECK(error.code == 409);
  CHECK(error.causes.at(0).reason == "FieldManagerConflict");
  WriteOptions force;
  force.force = true;
  CHECK(at(Cluster::must(cluster.patch("v1/configmaps", "default", "a", mine, kinds::PatchType::apply, force)), {"data", "k"}) == "2");
  cluster.admin.field_manager.clear();
  CHECK(error_of(cluster.patch("v1/configmaps", "default", "a", mine, kinds::PatchType::apply)).message.find("fieldManager: Required value: is required for apply patch") != std::string::npos);
}

TEST_CASE("a dry run of an update stores nothing") {
  Cluster cluster;
  const auto first = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"},"data":{"k":"1"}})"));
  WriteOptions options;
  options.dry_run = true;
  const auto shown = Cluster::must(cluster.patch("v1/configmaps", "default", "a", R"({"data":{"k":"2"}})", kinds::PatchType::merge, options));
  CHECK(at(shown, {"data", "k"}) == "2");
  CHECK(shown->revision() == first->revision());
  CHECK(cluster.stored("v1/configmaps", "default", "a") == first);
}

TEST_CASE("an unconditional update that is overtaken is done again on the newer state") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"a"}})"));
  std::vector<int> codes;
  for (int i = 0; i < 5; ++i)
    cluster.verbs->update(cluster.admin, cluster.target("v1/configmaps", "default", "a"), {kinds::Media::json, R"({"metadata":{"name":"a"},"data":{"k":")" + std::to_string(i) + "\"}}"}, {},
                          [&](auto outcome) { codes.push_back(outcome ? 200 : outcome.error().code); });
  cluster.runtime->settle();
  CHECK(codes == std::vector<int>(5, 200));
}
