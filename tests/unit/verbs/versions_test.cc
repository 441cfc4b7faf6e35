// Several versions of a resource in one store: of definitions, and of built-in kinds.
#include "core/verbs/definitions.hpp"
#include "fixture.hpp"

namespace {

using namespace keelson;
using namespace keelson::verbs_test;

constexpr const char* kCrds = "apiextensions.k8s.io/v1/customresourcedefinitions";

std::string version(const std::string& name, bool storage, const std::string& fields) {
  return R"({"name":")" + name + R"(","served":true,"storage":)" + (storage ? "true" : "false") + R"(,"selectableFields":[{"jsonPath":".spec.size"}],"schema":{"openAPIV3Schema":{"type":"object","properties":{
    "spec":{"type":"object","properties":{"size":{"type":"string"})" + fields + "}}}}}}";
}

std::string sites(const std::string& old_fields, const std::string& new_fields) {
  return R"({"metadata":{"name":"sites.demo.io"},"spec":{"group":"demo.io","scope":"Namespaced","names":{"plural":"sites","kind":"Site"},"versions":[)" +
         version("v1alpha1", false, old_fields) + "," + version("v1", true, new_fields) + "]}}";
}

struct WithVersions : Cluster {
  ~WithVersions() { definitions->stop(); }
  void define(const std::string& old_fields = "", const std::string& new_fields = "") {
    must(create(kCrds, "", sites(old_fields, new_fields)));
    REQUIRE(until([&] { return registry->current()->find("demo.io", "v1alpha1", "sites") != nullptr; }));
  }
  bool until(const std::function<bool()>& holds) {
    for (int i = 0; i < 100 && !holds(); ++i) runtime->advance(50 * base::kNanosPerMs);
    return holds();
  }
  std::string text(std::string_view what, const std::string& name, auth::Path path) {
    auto found = get(what, "default", name);
    return found ? at(*found, path) : found.error().message;
  }
  std::size_t count(std::string_view what, std::string_view fields) {
    verbs::ListOptions options;
    options.selector = *watch::parse_selector(*target(what, "default").kind, "", fields);
    return list(what, "default", options)->objects.size();
  }
  std::unique_ptr<verbs::Definitions> definitions = verbs::make_definitions(*store, *verbs, *registry, *runtime);
};

std::string site(const std::string& version, const std::string& name, const std::string& spec) {
  return R"({"apiVersion":"demo.io/)" + version + R"(","kind":"Site","metadata":{"name":")" + name + R"("},"spec":)" + spec + "}";
}

}  // namespace

TEST_CASE("an object is read in the version that was asked for, whichever it was written in") {
  WithVersions c;
  c.define();
  const auto made = c.must(c.create("demo.io/v1alpha1/sites", "default", site("v1alpha1", "a", R"({"size":"big"})")));
  CHECK(at(made, {"apiVersion"}) == "demo.io/v1alpha1");
  CHECK(at(c.stored("demo.io/v1/sites", "default", "a"), {"apiVersion"}) == "demo.io/v1");
  CHECK(c.text("demo.io/v1/sites", "a", {"apiVersion"}) == "demo.io/v1");
  CHECK(c.text("demo.io/v1alpha1/sites", "a", {"apiVersion"}) == "demo.io/v1alpha1");
  CHECK(c.text("demo.io/v1alpha1/sites", "a", {"metadata", "resourceVersion"}) == std::to_string(made->revision()));
  const auto listed = c.list("demo.io/v1alpha1/sites", "default");
  REQUIRE(listed->objects.size() == 1);
  CHECK(at(listed->objects[0], {"apiVersion"}) == "demo.io/v1alpha1");
  CHECK(c.count("demo.io/v1alpha1/sites", "spec.size=big") == 1);
  CHECK(c.count("demo.io/v1alpha1/sites", "spec.size=small") == 0);
  CHECK(at(c.must(c.patch("demo.io/v1alpha1/sites", "default", "a", R"({"spec":{"size":"small"}})")), {"apiVersion"}) == "demo.io/v1alpha1");
  CHECK(c.text("demo.io/v1/sites", "a", {"spec", "size"}) == "small");
}

TEST_CASE("each version judges and prunes by its own schema") {
  WithVersions c;
  c.define(R"(,"color":{"type":"string","maxLength":3},"old":{"type":"string"})", R"(,"color":{"type":"string"})");
  const auto refused = c.create("demo.io/v1alpha1/sites", "default", site("v1alpha1", "a", R"({"color":"green"})"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().causes.at(0).field == "spec.color");
  c.must(c.create("demo.io/v1/sites", "default", site("v1", "a", R"({"color":"green"})")));
  c.must(c.create("demo.io/v1alpha1/sites", "default", site("v1alpha1", "b", R"({"color":"red","old":"x"})")));
  CHECK(c.text("demo.io/v1/sites", "b", {"spec", "old"}) == "");
}

TEST_CASE("what is stored is defaulted and pruned by the schema of today when it is read") {
  WithVersions c;
  c.define(R"(,"old":{"type":"string"})", R"(,"gone":{"type":"string"})");
  const auto made = c.must(c.create("demo.io/v1/sites", "default", site("v1", "a", R"({"size":"big","gone":"x"})")));
  c.must(c.patch(kCrds, "", "sites.demo.io", R"({"spec":)" + json::serialize(json::parse(sites("", R"(,"door":{"type":"string","default":"oak"})")).at("spec")) + "}"));
  REQUIRE(c.until([&] { return c.text("demo.io/v1/sites", "a", {"spec", "door"}) == "oak"; }));
  CHECK(c.text("demo.io/v1/sites", "a", {"spec", "gone"}) == "");
  CHECK(c.text("demo.io/v1/sites", "a", {"metadata", "resourceVersion"}) == std::to_string(made->revision()));
  CHECK(at(c.list("demo.io/v1/sites", "default")->objects.at(0), {"spec", "door"}) == "oak");
}

TEST_CASE("events are one store behind two groups") {
  Cluster c;
  const std::string core = "v1/events", fresh = "events.k8s.io/v1/events";
  c.must(c.create(core, "default", R"({"metadata":{"name":"a"},"involvedObject":{"kind":"Pod","namespace":"default","name":"p"},"message":"hi","reason":"R","count":3,"source":{"component":"k"}})"));
  const auto seen = *c.get(fresh, "default", "a");
  CHECK(at(seen, {"apiVersion"}) == "events.k8s.io/v1");
  CHECK(at(seen, {"regarding", "name"}) == "p");
  CHECK(at(seen, {"note"}) == "hi");
  CHECK(number(seen, {"deprecatedCount"}) == 3);
  CHECK(at(seen, {"deprecatedSource", "component"}) == "k");
  const std::string made = R"({"metadata":{"name":"b"},"eventTime":"2026-01-01T00:00:00.000000Z","regarding":{"kind":"Pod","namespace":"default","name":"q"},"note":"yo","reason":"R","action":"A","type":"Normal","reportingController":"x.io/c","reportingInstance":"i"})";
  c.must(c.create(fresh, "default", made));
  CHECK(at(*c.get(core, "default", "b"), {"message"}) == "yo");
  CHECK(at(*c.get(core, "default", "b"), {"reportingComponent"}) == "x.io/c");
  verbs::ListOptions options;
  options.selector = *watch::parse_selector(*c.target(fresh, "default").kind, "", "regarding.name=q");
  CHECK(c.list(fresh, "default", options)->objects.size() == 1);
  CHECK(c.list(core, "default")->objects.size() == 2);
  const auto refused = c.create(fresh, "default", R"({"metadata":{"name":"c"},"regarding":{"namespace":"default"}})");
  REQUIRE_FALSE(refused.has_value());   // the newer group asks for more
  CHECK(c.create(core, "default", R"({"metadata":{"name":"c"},"involvedObject":{"namespace":"default"}})").has_value());
  c.must(c.patch(fresh, "default", "b", R"({"note":"changed"})"));
  CHECK(at(*c.get(core, "default", "b"), {"message"}) == "changed");
  REQUIRE(c.remove(fresh, "default", "a").has_value());
  CHECK_FALSE(c.get(core, "default", "a").has_value());
}

TEST_CASE("autoscalers of v1 are those of v2 with one metric, the rest in annotations") {
  Cluster c;
  const std::string v1 = "autoscaling/v1/horizontalpodautoscalers", v2 = "autoscaling/v2/horizontalpodautoscalers";
  c.must(c.create(v1, "default", R"({"metadata":{"name":"a"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"maxReplicas":5,"targetCPUUtilizationPercentage":60}})"));
  const auto seen = parsed(*c.get(v2, "default", "a"));
  CHECK(json::serialize(seen.at("spec").at("metrics")) == R"([{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":60}}}])");
  c.must(c.patch(v1, "default", "a", R"({"spec":{"targetCPUUtilizationPercentage":70}})"));
  CHECK(parsed(*c.get(v2, "default", "a")).at("spec").at("metrics").at(0).at("resource").at("target").at("averageUtilization").as_int64() == 70);
  c.must(c.create(v2, "default", R"({"metadata":{"name":"b"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"maxReplicas":5,"metrics":[
    {"type":"Pods","pods":{"metric":{"name":"m"},"target":{"type":"AverageValue","averageValue":"5"}}},{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}]}})"));
  const auto old = parsed(*c.get(v1, "default", "b"));
  CHECK(old.at("spec").at("targetCPUUtilizationPercentage").as_int64() == 50);
  CHECK(old.at("metadata").at("annotations").at("autoscaling.alpha.kubernetes.io/metrics").as_string() == R"([{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}}])");
  c.must(c.patch(v1, "default", "b", R"({"spec":{"maxReplicas":6}})"));   // nothing of v2 is lost on the way
  const auto after = parsed(*c.get(v2, "default", "b")).at("spec");
  CHECK(after.at("maxReplicas").as_int64() == 6);
  REQUIRE(after.at("metrics").as_array().size() == 2);
  CHECK(after.at("metrics").at(1).at("pods").at("metric").at("name").as_string() == "m");
  CHECK_FALSE(has(*c.get(v2, "default", "b"), {"metadata", "annotations"}));
}
