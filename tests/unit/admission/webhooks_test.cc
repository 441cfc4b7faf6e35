#include <atomic>

#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

HttpsReply allow(const HttpsRequest& request) { return answered(request, {{"allowed", true}}); }

std::string data_of(const store::ObjectRef& object, std::string_view key) { return std::string(auth::text_at(json::parse(object->body()), {"data", key})); }

}  // namespace

TEST_CASE("a validating webhook sees the request as upstream shows it, and its refusal is the answer") {
  json::value seen;
  HttpsServer server([&](const HttpsRequest& request) {
    seen = asked(request);
    return answered(request, {{"allowed", false}, {"status", {{"code", 418}, {"message", "no teapots"}, {"reason", "Teapot"}}}, {"warnings", json::array{"mind the pot"}}});
  });
  Cluster cluster;
  cluster.webhook(kValidating, "teapot", server);
  const auto outcome = cluster.create("v1/configmaps", "default", config_map("a"));
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().message == R"(configmaps "a" is forbidden: admission webhook "teapot.example.com" denied the request: no teapots)");
  CHECK(outcome.error().code == 418);
  CHECK(outcome.error().reason == "Teapot");
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "a"));
  const auto& request = *auth::find(seen, {"request"});
  CHECK(auth::text_at(request, {"kind", "kind"}) == "ConfigMap");
  CHECK(auth::text_at(request, {"resource", "resource"}) == "configmaps");
  CHECK(auth::text_at(request, {"operation"}) == "CREATE");
  CHECK(auth::text_at(request, {"namespace"}) == "default");
  CHECK(auth::text_at(request, {"name"}) == "a");
  CHECK(auth::text_at(request, {"userInfo", "username"}) == "admin");
  CHECK(auth::text_at(request, {"userInfo", "uid"}) == "u-1");
  CHECK(auth::text_at(request, {"object", "metadata", "name"}) == "a");
  CHECK(auth::text_at(request, {"object", "kind"}) == "ConfigMap");
  CHECK(auth::find(request, {"oldObject"})->is_null());
  CHECK(auth::text_at(request, {"options", "kind"}) == "CreateOptions");
  CHECK(auth::text_at(request, {"options", "fieldManager"}) == "test");
  const auto metrics = cluster.metrics->prometheus_text();
  CHECK(holds(metrics, R"(apiserver_admission_webhook_rejection_count{error_type="no_error",name="teapot.example.com",operation="CREATE",rejection_code="418",type="validating"} 1)"));
  CHECK(holds(metrics, "apiserver_admission_webhook_admission_duration_seconds_count"));
}

TEST_CASE("warnings and audit annotations of an allowing webhook reach the caller") {
  HttpsServer server([](const HttpsRequest& request) { return answered(request, {{"allowed", true}, {"warnings", json::array{"careful"}}, {"auditAnnotations", {{"why", "because"}}}}); });
  Cluster cluster;
  cluster.webhook(kValidating, "warn", server);
  const auto outcome = cluster.create("v1/configmaps", "default", config_map("a"));
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->warnings.size() == 1);
  CHECK(outcome->warnings[0] == "careful");
  REQUIRE(outcome->annotations.size() == 1);
  CHECK(outcome->annotations[0] == std::pair<std::string, std::string>("warn.example.com/why", "because"));
}

TEST_CASE("a delete shows the stored object, and a refusal keeps it") {
  std::atomic<bool> refuse{false};
  json::value seen;
  HttpsServer server([&](const HttpsRequest& request) {
    seen = asked(request);
    return answered(request, {{"allowed", !refuse}});
  });
  Cluster cluster;
  cluster.webhook(kValidating, "keep", server);
  Cluster::must(cluster.create("v1/configmaps", "default", config_map("a")));
  refuse = true;
  CHECK(cluster.message(cluster.remove("v1/configmaps", "default", "a")) == R"(configmaps "a" is forbidden: admission webhook "keep.example.com" denied the request without explanation)");
  CHECK(auth::text_at(seen, {"request", "operation"}) == "DELETE");
  CHECK(auth::find(seen, {"request", "object"})->is_null());
  CHECK(auth::text_at(seen, {"request", "oldObject", "metadata", "name"}) == "a");
  CHECK(cluster.stored("v1/configmaps", "default", "a"));
}

TEST_CASE("an update shows what is stored beside what is to be, of nodes as of everything else") {
  json::value seen;
  HttpsServer server([&](const HttpsRequest& request) {
    seen = asked(request);
    return patched(request, R"([{"op":"add","path":"/metadata/labels/by","value":"webhook"}])");
  });
  HttpsServer judge([&](const HttpsRequest& request) {
    seen = asked(request);
    return allow(request);
  });
  Cluster cluster;
  const std::string nodes = R"({"rules":[{"operations":["UPDATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["nodes","nodes/status"]}]})";
  Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":"n","labels":{"was":"there"}},"spec":{"unschedulable":true}})"));
  cluster.webhook(kMutating, "nodes", server, nodes);
  cluster.webhook(kValidating, "nodes", judge, nodes);
  for (const std::string what : {"v1/nodes", "v1/nodes/status"}) {
    INFO(what);
    const auto before = json::parse(cluster.stored("v1/nodes", "", "n")->body());
    Cluster::must(cluster.patch(what, "", "n", R"({"metadata":{"labels":{"step":")" + std::string(what.substr(3) == "nodes" ? "one" : "two") + R"("}},"spec":{"unschedulable":null},"status":{"phase":"Running"}})"));
    const auto& old = *auth::find(seen, {"request", "oldObject"});
    CHECK(old.at("metadata").at("labels") == before.at("metadata").at("labels"));
    CHECK(auth::flag_at(old, {"spec", "unschedulable"}) == auth::flag_at(before, {"spec", "unschedulable"}));
    CHECK(auth::text_at(seen, {"request", "object", "metadata", "labels", "by"}) == "webhook");
  }
}

TEST_CASE("whatever a webhook does wrong is told as upstream tells it, in bounded time") {
  struct Row { std::string name; HttpsServer::Answer answer; std::string expected; };
  const std::string begin = R"(Internal error occurred: failed calling webhook "bad.example.com": )";
  const std::vector<Row> rows = {
      {"hangs", [](const HttpsRequest&) { return HttpsReply{.hang = true}; }, "context deadline exceeded"},
      {"crashes", [](const HttpsRequest&) { return HttpsReply{.crash = true}; }, ": EOF"},
      {"answers 500", [](const HttpsRequest&) { return HttpsReply{.status = 500, .body = "secret"}; }, R"(failed to call webhook: an error on the server ("") has prevented the request from succeeding)"},
      {"answers 404", [](const HttpsRequest&) { return HttpsReply{.status = 404}; }, "failed to call webhook: the server could not find the requested resource"},
      {"answers garbage", [](const HttpsRequest&) { return HttpsReply{.body = "no json"}; }, "failed to call webhook: couldn't get version/kind; json parse error: "},
      {"answers another kind", [](const HttpsRequest&) { return HttpsReply{.body = R"({"kind":"Pod","apiVersion":"v1"})"}; },
       "received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /v1, Kind=Pod"},
      {"answers another request", [](const HttpsRequest& request) { auto reply = allow(request); reply.body.replace(reply.body.find("\"uid\":\"") + 7, 1, "!"); return reply; },
       "received invalid webhook response: expected response.uid="},
      {"answers nothing", [](const HttpsRequest&) { return HttpsReply{.body = R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"})"}; }, "received invalid webhook response: webhook response was absent"},
      {"patches though it validates", [](const HttpsRequest& request) { return patched(request, "[]"); }, "received invalid webhook response: validating webhook may not return response.patch"},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    HttpsServer server(row.answer);
    Cluster cluster;
    cluster.webhook(kValidating, "bad", server, R"({"timeoutSeconds":1})");
    const auto before = cluster.runtime->monotonic_ns();
    const auto outcome = cluster.create("v1/configmaps", "default", config_map("a"));
    CHECK((cluster.runtime->monotonic_ns() - before) / base::kNanosPerMs < 3'000);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == 500);
    CHECK(outcome.error().reason == "InternalError");
    CHECK(holds(outcome.error().message, begin));
    CHECK(holds(outcome.error().message, row.expected));
    CHECK(outcome.error().message.find("secret") == std::string::npos);
    CHECK(cluster.create("v1/secrets", "default", R"({"metadata":{"name":"not-matched"}})").has_value());
    // The same with failurePolicy Ignore passes.
    Cluster tolerant;
    tolerant.webhook(kValidating, "bad", server, R"({"timeoutSeconds":1,"failurePolicy":"Ignore"})");
    CHECK(tolerant.create("v1/configmaps", "default", config_map("a")).has_value());
    CHECK(holds(tolerant.metrics->prometheus_text(), R"(apiserver_admission_webhook_fail_open_count{name="bad.example.com",type="validating"} 1)"));
  }
}

TEST_CASE("a service that does not exist is told by name") {
  HttpsServer server(allow);
  Cluster cluster;
  cluster.webhook(kValidating, "lost", server, R"({"clientConfig":{"service":{"namespace":"default","name":"gone","path":"/x"}}})");
  CHECK(cluster.message(cluster.create("v1/configmaps", "default", config_map("a"))) ==
        R"(Internal error occurred: failed calling webhook "lost.example.com": failed to call webhook: Post "https://gone.default.svc:443/x?timeout=5s": service "gone" not found)");
}

TEST_CASE("a service is called under its own name") {
  HttpsServer server(allow, {"hook.default.svc"});
  Cluster cluster;
  Cluster::must(cluster.create("v1/services", "default", R"({"metadata":{"name":"hook"},"spec":{"type":"ExternalName","externalName":"localhost"}})"));
  cluster.webhook(kValidating, "svc", server, R"({"clientConfig":{"service":{"namespace":"default","name":"hook","port":)" + std::to_string(server.port) + R"(},"caBundle":")" + base::base64_encode(server.ca.certificate_pem) + "\"}}");
  CHECK(cluster.message(cluster.create("v1/configmaps", "default", config_map("a"))) == "no failure");
  CHECK(server.requests == 1);
}

TEST_CASE("selectors, rules, scope and match conditions decide who is asked") {
  HttpsServer server(allow);
  Cluster cluster;
  cluster.webhook(kValidating, "picky", server, R"x({"namespaceSelector":{"matchLabels":{"watched":"yes"}},"objectSelector":{"matchExpressions":[{"key":"skip","operator":"DoesNotExist"}]},
    "matchConditions":[{"name":"not-me","expression":"request.userInfo.username != 'nobody' && object.metadata.name != 'exempt' && authorizer.requestResource.check('get').allowed()"}]})x");
  Cluster::must(cluster.create("v1/namespaces", "", R"({"metadata":{"name":"watched","labels":{"watched":"yes"}}})"));
  const auto asked_for = [&](const std::string& ns, const std::string& body) {
    const int before = server.requests;
    Cluster::must(cluster.create("v1/configmaps", ns, body));
    return server.requests - before;
  };
  CHECK(asked_for("default", config_map("a")) == 0);
  CHECK(asked_for("watched", config_map("a")) == 1);
  CHECK(asked_for("watched", config_map("b", R"(,"labels":{"skip":"1"})")) == 0);
  CHECK(asked_for("watched", config_map("exempt")) == 0);
  CHECK(holds(cluster.metrics->prometheus_text(), "apiserver_admission_match_condition_exclusions_total{"));
}

TEST_CASE("a webhook for another version of a kind sees and patches that version, what is stored keeps its own") {
  json::value seen;
  HttpsServer server([&](const HttpsRequest& request) {
    seen = asked(request);
    return patched(request, R"([{"op":"replace","path":"/spec/targetCPUUtilizationPercentage","value":70}])");
  });
  Cluster cluster;
  cluster.webhook(kMutating, "old", server, R"({"rules":[{"operations":["CREATE"],"apiGroups":["autoscaling"],"apiVersions":["v1"],"resources":["horizontalpodautoscalers"]}]})");
  const auto stored = Cluster::must(cluster.create("autoscaling/v2/horizontalpodautoscalers", "default", R"({"metadata":{"name":"h"},"spec":{"maxReplicas":3,
    "scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},
    "metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}]}})"));
  CHECK(auth::text_at(seen, {"request", "object", "apiVersion"}) == "autoscaling/v1");
  CHECK(auth::integer_at(seen, {"request", "object", "spec", "targetCPUUtilizationPercentage"}) == 50);
  CHECK_FALSE(auth::find(seen, {"request", "object", "spec", "metrics"}));
  const auto body = json::parse(stored->body());
  CHECK(auth::text_at(body, {"apiVersion"}) == "autoscaling/v2");
  const auto* metrics = auth::list_at(body, {"spec", "metrics"});
  REQUIRE(metrics);
  CHECK(auth::integer_at(metrics->front(), {"resource", "target", "averageUtilization"}) == 70);
}

TEST_CASE("a match condition that cannot be evaluated refuses, or passes by under Ignore") {
  HttpsServer server(allow);
  Cluster cluster;
  cluster.webhook(kValidating, "odd", server, R"({"matchConditions":[{"name":"c","expression":"object.metadata.labels['nope'] == 'x'"}]})");
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("a"))), R"(configmaps "a" is forbidden: expression 'object.metadata.labels['nope'] == 'x'' resulted in error: )"));
  Cluster tolerant;
  tolerant.webhook(kValidating, "odd", server, R"({"failurePolicy":"Ignore","matchConditions":[{"name":"c","expression":"object.metadata.labels['nope'] == 'x'"}]})");
  CHECK(tolerant.create("v1/configmaps", "default", config_map("a")).has_value());
  CHECK(server.requests == 0);
}

TEST_CASE("dry runs reach only webhooks without side effects") {
  HttpsServer server(allow);
  Cluster cluster;
  WriteOptions dry;
  dry.dry_run = true;
  cluster.webhook(kValidating, "quiet", server);
  CHECK(cluster.create("v1/configmaps", "default", config_map("a"), dry).has_value());
  CHECK(server.requests == 1);
  // It was stored when that was let in still.
  cluster.webhook(kValidating, "loud", server);
  cluster.store_as_it_was("admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "", "loud", [](json::object& body) { body["webhooks"].at(0).at("sideEffects") = "Some"; });
  const auto outcome = cluster.create("v1/configmaps", "default", config_map("a"), dry);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == 400);
  CHECK(outcome.error().message == R"(admission webhook "loud.example.com" does not support dry run)");
}

TEST_CASE("mutating webhooks change the object one after another by name, and defaults fill what they left out") {
  HttpsServer server([](const HttpsRequest& request) {
    const auto review = asked(request);
    const std::string before(auth::text_at(review, {"request", "object", "data", "order"}));
    const std::string self = request.target.substr(1, request.target.find('?') - 1);
    return patched(request, R"([{"op":"add","path":"/data","value":{"order":")" + before + self + "\"}}]");
  });
  Cluster cluster;
  cluster.webhook(kMutating, "b", server);
  cluster.webhook(kMutating, "a", server);
  cluster.webhook(kMutating, "c", server);
  const auto made = Cluster::must(cluster.create("v1/configmaps", "default", config_map("x")));
  CHECK(data_of(made, "order") == "abc");
}

TEST_CASE("a webhook that asks for it is asked again when a later one changed the object") {
  std::atomic<int> first{0}, second{0};
  HttpsServer server([&](const HttpsRequest& request) {
    if (request.target.starts_with("/first")) {
      ++first;
      const bool there = auth::find(asked(request), {"request", "object", "data", "second"}) != nullptr;
      return there ? patched(request, R"([{"op":"add","path":"/data/first","value":"saw it"}])") : allow(request);
    }
    ++second;
    return patched(request, R"([{"op":"add","path":"/data","value":{"second":"was here"}}])");
  });
  Cluster cluster;
  cluster.webhook(kMutating, "first", server, R"({"reinvocationPolicy":"IfNeeded"})");
  cluster.webhook(kMutating, "second", server);
  const auto made = Cluster::must(cluster.create("v1/configmaps", "default", config_map("x")));
  CHECK(data_of(made, "first") == "saw it");
  CHECK(first == 2);
  CHECK(second == 1);
}

TEST_CASE("units of the core see what a webhook has added to a pod") {
  HttpsServer server([](const HttpsRequest& request) {
    return patched(request, R"([{"op":"add","path":"/spec/containers/-","value":{"name":"side","image":"car"}}])");
  });
  Cluster cluster;
  cluster.webhook(kMutating, "inject", server, R"({"rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"]}]})");
  const auto made = Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"main","image":"i"}]}})"));
  const auto body = json::parse(made->body());
  const auto& containers = *auth::list_at(body, {"spec", "containers"});
  REQUIRE(containers.size() == 2);
  // Its token was mounted, and its fields have their defaults.
  REQUIRE(auth::list_at(containers[1], {"volumeMounts"}));
  CHECK(auth::text_at(containers[1], {"volumeMounts"}).empty());
  CHECK(auth::list_at(containers[1], {"volumeMounts"})->size() == 1);
  CHECK(auth::text_at(containers[1], {"terminationMessagePath"}) == "/dev/termination-log");
}

TEST_CASE("a patch that does not fit, or changes which object it is, is an error and stores nothing") {
  std::string operations;
  HttpsServer server([&](const HttpsRequest& request) { return patched(request, operations); });
  Cluster cluster;
  cluster.webhook(kMutating, "m", server, R"({"rules":[{"operations":["*"],"apiGroups":["*"],"apiVersions":["*"],"resources":["configmaps"]}]})");
  operations = R"([{"op":"replace","path":"/data/missing/deep","value":1}])";
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("a"))), "Internal error occurred: "));
  operations = R"([{"op":"replace","path":"/metadata/namespace","value":"kube-system"}])";
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("a"))), "attempted to change metadata.namespace"));
  operations = "no list";
  CHECK(holds(cluster.message(cluster.create("v1/configmaps", "default", config_map("a"))), "received undecodable patch in webhook response: "));
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "a"));
  operations = R"([{"op":"add","path":"/immutable","value":true}])";
  CHECK(cluster.create("v1/configmaps", "default", config_map("a")).has_value());
  CHECK(holds(cluster.message(cluster.remove("v1/configmaps", "default", "a")), R"(admission webhook "m.example.com" attempted to modify the object, which is not supported for this operation)"));
}

TEST_CASE("webhooks cannot keep their own configurations from being repaired") {
  HttpsServer server([](const HttpsRequest& request) { return answered(request, {{"allowed", false}}); });
  Cluster cluster;
  const std::string all = R"({"rules":[{"operations":["*"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*/*"]}]})";
  cluster.webhook(kValidating, "all", server, all);
  cluster.webhook(kMutating, "all", server, all);
  CHECK_FALSE(cluster.create("v1/configmaps", "default", config_map("a")).has_value());
  CHECK(cluster.remove("admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "", "all").has_value());
  CHECK(cluster.remove("admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", "", "all").has_value());
  CHECK(cluster.create("v1/configmaps", "default", config_map("a")).has_value());
  CHECK(server.requests > 0);
}

TEST_CASE("the request's deadline ends a chain of webhooks that are all slow") {
  HttpsServer server([](const HttpsRequest&) { return HttpsReply{.hang = true}; });
  Cluster cluster;
  for (const std::string name : {"a", "b", "c"}) cluster.webhook(kMutating, name, server, R"({"failurePolicy":"Ignore","timeoutSeconds":30})");
  cluster.admin.deadline = cluster.runtime->in_ms(3'000);   // enough for the first to be asked on a busy machine
  const auto before = cluster.runtime->monotonic_ns();
  const auto outcome = cluster.create("v1/configmaps", "default", config_map("a"));
  CHECK((cluster.runtime->monotonic_ns() - before) / base::kNanosPerMs < 20'000);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == 504);
  CHECK(server.requests == 1);
}

TEST_CASE("a webhook that is given a pause is told as an event about its configuration, and so is its return") {
  std::atomic<bool> broken{true};
  HttpsServer server([&](const HttpsRequest& request) { return broken ? HttpsReply{.crash = true} : allow(request); });
  Cluster cluster;
  cluster.webhook(kValidating, "flaky", server, R"({"failurePolicy":"Ignore"})");
  const auto told = [&](const std::string& reason) -> json::value {
    json::value found;
    cluster.store->snapshot().scan(base::Atom("events"), "default", nullptr, [&](const store::ObjectRef& event) {
      auto body = json::parse(event->body());
      if (auth::text_at(body, {"reason"}) == reason) found = std::move(body);
      return true;
    });
    return found;
  };
  const auto makes = [&](const std::string& name) { return cluster.create("v1/configmaps", "default", config_map(name)).has_value(); };
  for (int i = 0; i < webhook::kFailuresToOpen; ++i) CHECK(makes("before-" + std::to_string(i)));
  REQUIRE(cluster.eventually([&] { return told("WebhookPaused").is_object(); }));
  const auto paused = told("WebhookPaused");
  CHECK(auth::text_at(paused, {"type"}) == "Warning");
  CHECK(auth::text_at(paused, {"involvedObject", "kind"}) == "ValidatingWebhookConfiguration");
  CHECK(auth::text_at(paused, {"involvedObject", "name"}) == "flaky");
  CHECK(auth::text_at(paused, {"involvedObject", "uid"}) == cluster.stored(std::string("admissionregistration.k8s.io/v1/") + kValidating, "", "flaky")->columns().uid);
  CHECK(holds(std::string(auth::text_at(paused, {"message"})), "failed 5 times in a row and is given a pause, its failure policy counts meanwhile: EOF"));
  CHECK(holds(cluster.admission->paused_webhooks(), "is given a pause: EOF"));
  CHECK(told("WebhookResumed").is_null());
  const auto returns = [&](const std::string& name, std::int64_t times) {
    broken = false;
    int i = 0;
    REQUIRE(cluster.eventually([&] { return makes(name + std::to_string(i++)) && cluster.admission->paused_webhooks().empty(); }));
    REQUIRE(cluster.eventually([&] { return auth::integer_at(told("WebhookResumed"), {"count"}) == times; }));
  };
  returns("after-", 1);
  CHECK(auth::text_at(told("WebhookResumed"), {"type"}) == "Normal");
  broken = true;
  for (int i = 0; i < webhook::kFailuresToOpen; ++i) CHECK(makes("again-" + std::to_string(i)));
  REQUIRE(cluster.eventually([&] { return auth::integer_at(told("WebhookPaused"), {"count"}) == 2; }));
  returns("at-last-", 2);
}
