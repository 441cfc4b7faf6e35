#include "core/aggregation/services.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "core/auth/json_access.hpp"

using namespace keelson;
using namespace keelson::aggregation;
namespace json = boost::json;

namespace {

Service service(const std::string& text, store::Revision revision = 1) { return {json::parse(text), revision}; }

const std::string kRemote = R"({"metadata":{"name":"v1.demo.io"},"spec":{"group":"demo.io","version":"v1","groupPriorityMinimum":100,"versionPriority":10,
  "service":{"namespace":"default","name":"demo","port":8443},"caBundle":"Y2E="}})";

}  // namespace

TEST_CASE("an APIService with a service is a backend, one without is served here") {
  const auto remote = service(kRemote), local = service(R"({"metadata":{"name":"v1.apps"},"spec":{"group":"apps","version":"v1"}})");
  CHECK_FALSE(remote.local());
  CHECK(local.local());
  CHECK(service(R"({"spec":{"service":null}})").local());
  CHECK(service("[]").local());
  const auto backend = backend_of("v1.demo.io", remote);
  CHECK(backend.group == "demo.io");
  CHECK(backend.version == "v1");
  CHECK(backend.verify);
  CHECK(backend.group_priority == 100);
  CHECK_FALSE(backend.available);
  CHECK(service_namespace(backend) == "default");
  auto careless = remote;
  careless.object.as_object()["spec"].as_object()["insecureSkipTLSVerify"] = true;
  CHECK_FALSE(backend_of("v1.demo.io", careless).verify);
}

TEST_CASE("at a start every group and version that is served shows as a local APIService; later only those of definitions come back") {
  const auto registry = kinds::make_registry();
  const auto all = local_changes(*registry->current(), {}, true);
  CHECK(all.size() > 20);
  Services stored;
  for (const auto& change : all) {
    CHECK(change.what == LocalChange::What::create);
    stored.emplace(change.name, Service{change.object, 1});
  }
  CHECK(stored.contains("v1."));
  CHECK(local_changes(*registry->current(), stored, true).empty());
  stored.erase("v1.apps");
  CHECK(local_changes(*registry->current(), stored, false).empty());
  CHECK(local_changes(*registry->current(), stored, true).size() == 1);
}

TEST_CASE("a local APIService that somebody changed is made right, one of a group that is gone goes, others' stay") {
  const auto registry = kinds::make_registry();
  Services stored;
  for (const auto& change : local_changes(*registry->current(), {}, true)) stored.emplace(change.name, Service{change.object, 1});
  stored.at("v1.apps").object.as_object()["spec"].as_object()["versionPriority"] = 7;
  stored.emplace("v1.gone.io", service(R"({"metadata":{"name":"v1.gone.io","labels":{"kube-aggregator.kubernetes.io/automanaged":"true"}},"spec":{"group":"gone.io","version":"v1"}})"));
  stored.emplace("v1.demo.io", service(kRemote));
  const auto changes = local_changes(*registry->current(), stored, true);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].name == "v1.apps");
  CHECK(changes[0].what == LocalChange::What::replace_spec);
  CHECK(changes[1].name == "v1.gone.io");
  CHECK(changes[1].what == LocalChange::What::remove);
}

TEST_CASE("a condition keeps its time until its status changes, and other conditions stay") {
  auto before = service(R"({"status":{"conditions":[{"type":"Other","status":"True"},{"type":"Available","status":"False","reason":"a","message":"b","lastTransitionTime":"2026-01-01T00:00:00Z"}]}})", 42);
  CHECK(before.stored() == Availability{"False", "a", "b"});
  const auto conditions = [&](const Availability& wanted) { return status_patch(before, wanted, 1'800'000'000).at("status").at("conditions").as_array(); };
  const auto same = conditions({"False", "c", "d"}), changed = conditions({"True", "Passed", "all checks passed"});
  REQUIRE(same.size() == 2);
  CHECK(auth::text_at(same[0], {"type"}) == "Other");
  CHECK(auth::text_at(same[1], {"lastTransitionTime"}) == "2026-01-01T00:00:00Z");
  CHECK(auth::text_at(changed[1], {"lastTransitionTime"}) == "2027-01-15T08:00:00Z");
  CHECK(auth::text_at(status_patch(before, {"True", "", ""}, 0), {"metadata", "resourceVersion"}) == "42");
}

TEST_CASE("who asks is said in headers, and what would break out of one is refused") {
  auth::Identity user;
  user.name = "ann";
  user.uid = "u-1";
  user.groups = {"a", "system:authenticated"};
  user.extra = {{"Dev.io/te%am", {"x", "y"}}};
  const auto headers = identity_headers(user);
  REQUIRE(headers.has_value());
  const webhook::HeaderList wanted{{"X-Remote-User", "ann"}, {"X-Remote-Uid", "u-1"}, {"X-Remote-Group", "a"}, {"X-Remote-Group", "system:authenticated"},
                                   {"X-Remote-Extra-Dev.io%2Fte%25am", "x"}, {"X-Remote-Extra-Dev.io%2Fte%25am", "y"}};
  CHECK(*headers == wanted);
  for (const auto& odd : std::vector<std::string>{"a\r\nX-Remote-Group: system:masters", "a\nb", std::string("a\0b", 3), "a\x7f"}) {
    auto bad = user;
    bad.name = odd;
    CHECK_FALSE(identity_headers(bad).has_value());
    bad = user;
    bad.groups.push_back(odd);
    CHECK_FALSE(identity_headers(bad).has_value());
    bad = user;
    bad.extra["k"] = {odd};
    CHECK_FALSE(identity_headers(bad).has_value());
  }
}

TEST_CASE("headers of that form are known in any case of letters") {
  for (const std::string name : {"X-Remote-User", "x-remote-group", "X-REMOTE-EXTRA-a", "x-Remote-", "X-Remote-Anything"}) CHECK(claims_identity(name));
  for (const std::string name : {"X-Remote", "Remote-User", "X-RemoteUser", "", "XX-Remote-User"}) CHECK_FALSE(claims_identity(name));
}

TEST_CASE("local groups stand where upstream has them, others behind all") {
  CHECK(local_priority("", "v1").group > local_priority("apps", "v1").group);
  CHECK(local_priority("apps", "v1").group > local_priority("demo.io", "v1").group);
  CHECK(local_priority("autoscaling", "v2").version > local_priority("autoscaling", "v1").version);
  CHECK(local_priority("storage.k8s.io", "v1").version > local_priority("storage.k8s.io", "v1beta1").version);
  CHECK(local_priority("storage.k8s.io", "v1beta1").version > local_priority("storage.k8s.io", "v1alpha1").version);
}
