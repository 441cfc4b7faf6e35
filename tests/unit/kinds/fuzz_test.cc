#include <catch2/catch.hpp>

#include <random>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

std::string mutated(std::string text, std::mt19937& random) {
  const auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  constexpr std::string_view pieces[] = {"null", "{}", "[]", "\"\"", "-1", "1e308", "99999999999999999999", "true", "\"x\"", "[[[", "\xff", "\\u0000", ":", ",", "\"spec\":", "{\"name\":"};
  for (std::size_t i = 0, n = 1 + pick(4); i < n && !text.empty(); ++i) switch (pick(5)) {
      case 0: text[pick(text.size())] = static_cast<char>(pick(256)); break;
      case 1: text.erase(pick(text.size()), 1 + pick(8)); break;
      case 2: text.insert(pick(text.size()), pieces[pick(std::size(pieces))]); break;
      case 3: text.insert(pick(text.size()), text.substr(pick(text.size()), pick(40))); break;
      default: {
        // A whole scalar for another.
        const auto from = text.find(':', pick(text.size()));
        if (from == std::string::npos) break;
        const auto to = text.find_first_of(",}]", from);
        if (to != std::string::npos) text.replace(from + 1, to - from - 1, pieces[pick(std::size(pieces))]);
      }
    }
  return text;
}

// All that happens to a body on its way in and out; the answers do not matter, only that there are some.
void run_through(const Kind& kind, std::string_view body, Media media) {
  auto result = decoded(kind, body, FieldValidation::warn, media);
  if (!result) {
    CHECK(result.error().code >= 400);
    return;
  }
  auto& object = result.value().object;
  apply_defaults(kind, object);
  const auto old = object;
  prepare(kind, object, nullptr, "");
  validate(kind, object, nullptr, "");
  validate(kind, object, &old, "");
  validate(kind, object, &old, "status");
  for (const auto subresource : {"", "status", "ephemeralcontainers", "resize", "finalize"}) {
    auto copy = object;
    merge_for_write(kind, copy, old, subresource);
  }
  generation_changes(kind, old, object);
  selectable_values(kind, object);
  const auto row = table_row(kind, object, 1'714'557'600);
  CHECK_NOTHROW(json::parse(row.cells_json));
  const auto encoded = encode(kind, object, kSlot);
  CHECK(decoded(kind, encoded.body).has_value());
}

}  // namespace

TEST_CASE("Mutated bodies never crash the engine") {
  std::mt19937 random(20'240'501);
  const auto pod = builtin("v1", "Pod"), deployment = builtin("apps/v1", "Deployment"), service = builtin("v1", "Service");
  const std::string rich =
      R"({"metadata":{"name":"web","namespace":"default","labels":{"app":"web"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"1","controller":true}]},)"
      R"("spec":{"hostNetwork":true,"volumes":[{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"t"}},{"downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"metadata.name"}}]}}]}}],)"
      R"("containers":[{"name":"c","image":"nginx","ports":[{"containerPort":80}],"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"m","key":"k"}}}],)"
      R"("resources":{"limits":{"cpu":"0.5","memory":"1024Mi"}},"livenessProbe":{"httpGet":{"port":"http"}},"volumeMounts":[{"name":"v","mountPath":"/v"}]}],)"
      R"("tolerations":[{"key":"a","operator":"Exists"}],"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"k","operator":"In","values":["v"]}]}]}}}},)"
      R"("status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":1}},"restartCount":2}]}})";
  for (int i = 0; i < 3'000; ++i) {
    run_through(*pod, mutated(rich, random), Media::json);
    run_through(*deployment, mutated(std::string(kDeployment), random), i % 4 == 0 ? Media::yaml : Media::json);
    run_through(*service, mutated(R"({"metadata":{"name":"s","namespace":"d"},"spec":{"type":"LoadBalancer","ports":[{"port":80,"targetPort":"http"}],"clusterIPs":["10.0.0.1"]}})", random), Media::json);
  }
}

TEST_CASE("Every kind survives a body of wrong types") {
  const auto registry = make_registry();
  for (const auto& kind : registry->current()->all())
    for (const std::string_view body : {R"({"metadata":{"name":"a"},"spec":[1],"status":"x"})", R"({"metadata":[]})", R"({"spec":{"a":{"b":null}},"data":5})", "null", "5", "{\"items\":[null]}"}) {
      INFO(kind->kind);
      run_through(*kind, body, Media::json);
      run_through(*kind, body, Media::yaml);
    }
}
