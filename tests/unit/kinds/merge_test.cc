#include <catch2/catch.hpp>

#include "core/kinds/qos.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

json::value prepared(std::string_view api, std::string_view kind, std::string_view body) {
  const auto k = builtin(api, kind);
  auto object = defaulted(*k, body);
  prepare(*k, object, nullptr, "");
  return object;
}

json::value merged(const Kind& kind, std::string_view object, std::string_view old, std::string_view subresource) {
  auto value = json::parse(json::string_view(object.data(), object.size()));
  merge_for_write(kind, value, json::parse(json::string_view(old.data(), old.size())), subresource);
  return value;
}

}  // namespace

TEST_CASE("New pods are pending, have a QoS class and generation 1") {
  const auto pod = prepared("v1", "Pod", R"({"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running","podIP":"1.2.3.4"}})");
  CHECK(shown(pod, "status") == R"({"phase":"Pending","qosClass":"BestEffort"})");
  CHECK(shown(pod, "metadata.generation") == "1");
  const auto gated = prepared("v1", "Pod", R"({"spec":{"schedulingGates":[{"name":"g"}]}})");
  CHECK(shown(gated, "status.conditions.0.reason") == "\"SchedulingGated\"");
}

TEST_CASE("The QoS class follows requests and limits") {
  const auto qos = [](std::string_view containers) {
    const auto pod = defaulted(*builtin("v1", "Pod"), R"({"spec":{"containers":)" + std::string(containers) + "}}");
    return std::string(qos_class(pod.at("spec").as_object()));
  };
  CHECK(qos(R"([{}])") == "BestEffort");
  CHECK(qos(R"([{"resources":{"requests":{"cpu":"1"}}}])") == "Burstable");
  CHECK(qos(R"([{"resources":{"limits":{"cpu":"1","memory":"1Gi"}}}])") == "Guaranteed");
  CHECK(qos(R"([{"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1000m","memory":"1024Mi"}}}])") == "Guaranteed");
  CHECK(qos(R"([{"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m"}}}])") == "Burstable");
  CHECK(qos(R"([{"resources":{"limits":{"cpu":"1","memory":"1Gi"}}},{}])") == "Burstable");
}

TEST_CASE("Status is dropped where the strategy says so and kept elsewhere") {
  CHECK(shown(prepared("apps/v1", "Deployment", R"({"status":{"replicas":3}})"), "status") == "{}");
  CHECK(shown(prepared("v1", "Node", R"({"status":{"phase":"x","capacity":{"cpu":"1"}}})"), "status.capacity.cpu") == "\"1\"");
  const auto ns = prepared("v1", "Namespace", R"({"metadata":{"name":"a"},"status":{"phase":"Terminating"}})");
  CHECK(shown(ns, "status") == R"({"phase":"Active"})");
  CHECK(shown(ns, "spec.finalizers") == R"(["kubernetes"])");
}

TEST_CASE("Main writes keep the status, status writes keep the rest") {
  const auto deployment = builtin("apps/v1", "Deployment");
  const std::string old = R"({"metadata":{"labels":{"a":"1"},"annotations":{"x":"1"}},"spec":{"replicas":1},"status":{"replicas":1}})";
  const std::string written = R"({"metadata":{"labels":{"a":"2"},"annotations":{"x":"2"}},"spec":{"replicas":2},"status":{"replicas":2}})";
  const auto main = merged(*deployment, written, old, "");
  CHECK(shown(main, "spec.replicas") == "2");
  CHECK(shown(main, "status.replicas") == "1");
  const auto status = merged(*deployment, written, old, "status");
  CHECK(shown(status, "spec.replicas") == "1");
  CHECK(shown(status, "status.replicas") == "2");
  CHECK(shown(status, "metadata.labels.a") == "\"1\"");
  CHECK(shown(status, "metadata.annotations.x") == "\"2\"");
}

TEST_CASE("Status writes of pods cannot touch owners, those of custom resources no metadata") {
  const auto pod = builtin("v1", "Pod");
  const auto written = merged(*pod, R"({"metadata":{"labels":{"a":"2"},"ownerReferences":[{"uid":"x"}]},"status":{"phase":"Running"}})",
                              R"({"metadata":{"labels":{"a":"1"}},"status":{"phase":"Pending","qosClass":"Burstable"}})", "status");
  CHECK(shown(written, "metadata") == R"({"labels":{"a":"2"}})");
  CHECK(shown(written, "status.qosClass") == "\"Burstable\"");
  Kind custom = *pod;
  custom.strategy.custom_resource = true;
  const auto own = merged(custom, R"({"metadata":{"labels":{"a":"2"},"managedFields":[1]},"spec":1,"status":{"s":2}})",
                          R"({"metadata":{"labels":{"a":"1"}},"spec":0,"status":{"s":1}})", "status");
  CHECK(shown(own, "metadata") == R"({"labels":{"a":"1"},"managedFields":[1]})");
  CHECK(shown(own, "spec") == "0");
  CHECK(shown(own, "status.s") == "2");
}

TEST_CASE("Only finalize may change a namespace's finalizers") {
  const auto ns = builtin("v1", "Namespace");
  const std::string old = R"({"metadata":{"labels":{}},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}})";
  CHECK(shown(merged(*ns, R"({"spec":{"finalizers":[]}})", old, ""), "spec.finalizers") == R"(["kubernetes"])");
  CHECK(shown(merged(*ns, R"({"spec":{"finalizers":[]}})", old, "finalize"), "spec.finalizers") == "[]");
}

TEST_CASE("The generation rises with the spec only, for deployments with annotations too") {
  const auto changes = [](const Kind& kind, std::string_view a, std::string_view b) {
    return generation_changes(kind, json::parse(json::string_view(a.data(), a.size())), json::parse(json::string_view(b.data(), b.size())));
  };
  const auto deployment = builtin("apps/v1", "Deployment");
  CHECK(changes(*deployment, R"({"spec":{"a":1}})", R"({"spec":{"a":2}})"));
  CHECK_FALSE(changes(*deployment, R"({"spec":{"a":1},"status":{"b":1}})", R"({"spec":{"a":1},"status":{"b":2}})"));
  CHECK(changes(*deployment, R"({"metadata":{"annotations":{"a":"1"}}})", R"({"metadata":{"annotations":{"a":"2"}}})"));
  CHECK_FALSE(changes(*deployment, R"({"metadata":{"labels":{"a":"1"}}})", R"({"metadata":{"labels":{"a":"2"}}})"));
  CHECK_FALSE(changes(*builtin("v1", "ConfigMap"), R"({"data":{"a":"1"}})", R"({"data":{"a":"2"}})"));
  Kind custom = *deployment;
  custom.strategy = {};
  custom.strategy.custom_resource = true;
  CHECK(changes(custom, R"({"other":1})", R"({"other":2})"));
  CHECK(changes(custom, R"({"status":1})", R"({"status":2})"));
  custom.strategy.has_status = true;
  CHECK_FALSE(changes(custom, R"({"status":1,"metadata":1})", R"({"status":2,"metadata":2})"));
}

TEST_CASE("Writes through a running pod's subresources change what they are for and no metadata") {
  const auto pod = builtin("v1", "Pod");
  const std::string old = R"({"metadata":{"name":"a","labels":{"a":"1"}},"spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]},"status":{"phase":"Running"}})";
  const std::string written = R"({"metadata":{"name":"a","labels":{"a":"2"}},"spec":{"containers":[{"name":"c","image":"j","resources":{"requests":{"cpu":"1"}}}],"ephemeralContainers":[{"name":"e"}]},"status":{}})";
  for (const std::string_view subresource : {"ephemeralcontainers", "resize"}) {
    const auto now = merged(*pod, written, old, subresource);
    const bool resized = subresource == "resize";
    CHECK(shown(now, "metadata.labels.a") == "\"1\"");
    CHECK(shown(now, "status.phase") == "\"Running\"");
    CHECK(shown(now, "spec.nodeName") == "\"n\"");
    CHECK(shown(now, "spec.containers") == (resized ? R"([{"name":"c","image":"i","resources":{"requests":{"cpu":"1"}}}])" : R"([{"name":"c","image":"i"}])"));
    CHECK(shown(now, "spec.ephemeralContainers") == (resized ? "absent" : R"([{"name":"e"}])"));
  }
  const auto renamed = merged(*pod, R"({"metadata":{"name":"a"},"spec":{"containers":[{"name":"d"}]}})", old, "resize");
  CHECK(shown(renamed, "spec.containers.0.name") == "\"d\"");   // for validation to refuse
}
