#include <catch2/catch.hpp>

#include <chrono>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

TEST_CASE("Fields are printed in the schema's order, with what Go prints and without what it leaves out") {
  const auto pod = builtin("v1", "Pod");
  const auto object = defaulted(*pod, R"({"spec":{"hostNetwork":false,"containers":[{"image":"a:1","name":"c"}]},"metadata":{"labels":{"b":"2","a":"1"},"name":"x"}})");
  const std::string slot = "\"resourceVersion\":\"0\"" + std::string(19, ' ');
  CHECK(stored(*pod, object) ==
        R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"x",)" + slot + R"(,"labels":{"a":"1","b":"2"}},"spec":{"containers":[{"name":"c","image":"a:1","resources":{},)"
        R"("terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}],"restartPolicy":"Always",)"
        R"("terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler","enableServiceLinks":true},"status":{}})");
}

TEST_CASE("The revision slot is where the offset says, also without metadata and inside no template") {
  for (const auto& [api, kind] : {std::pair{"v1", "Pod"}, {"apps/v1", "Deployment"}, {"v1", "ConfigMap"}}) {
    const auto k = builtin(api, kind);
    const auto encoded = encode(*k, defaulted(*k, R"({"spec":{"template":{}}})"), kSlot);
    const std::string before = "\"resourceVersion\":\"";
    CHECK(encoded.body.find(before) + before.size() == encoded.revision_offset);
    CHECK(encoded.body.find(before, encoded.revision_offset) == std::string::npos);
    CHECK(encoded.body.substr(encoded.revision_offset, kSlot) == "0\"" + std::string(kSlot - 2, ' '));
  }
}

TEST_CASE("Times without value print null, required zero values print") {
  const auto pod = builtin("v1", "Pod");
  const auto object = defaulted(*pod, R"({"status":{"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"name":"c"}]}})");
  const auto body = stored(*pod, object);
  CHECK(body.find(R"("conditions":[{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":null}])") != std::string::npos);
  CHECK(body.find(R"("containerStatuses":[{"name":"c","state":{},"lastState":{},"ready":false,"restartCount":0,"image":"","imageID":""}])") != std::string::npos);
  CHECK(body.find("\"containers\":null") != std::string::npos);
}

TEST_CASE("Custom resources keep their fields, apiVersion and kind come first") {
  Kind custom = *builtin("v1", "ConfigMap");
  custom.strategy.custom_resource = true;
  custom.type = nullptr;
  const auto object = json::parse(R"({"spec":{"b":0,"a":null},"kind":"Thing","metadata":{"name":"t","generation":0},"apiVersion":"x.io/v1"})");
  CHECK(stored(custom, object) == R"({"apiVersion":"x.io/v1","kind":"Thing","metadata":{"name":"t","resourceVersion":"0")" + std::string(19, ' ') + R"(},"spec":{"b":0,"a":null}})");
}

TEST_CASE("Texts are escaped and numbers printed as JSON needs") {
  const auto map = builtin("v1", "ConfigMap");
  const std::string body = R"({"metadata":{"name":"a"},"data":{"k":"a\"b\\c\n\t\u0001é<&>"}})";
  CHECK(stored(*map, defaulted(*map, body)).find(R"("data":{"k":"a\"b\\c\n\t\u0001é<&>"})") != std::string::npos);
}

TEST_CASE("Selectable fields read as upstream prints them") {
  const auto pod = builtin("v1", "Pod");
  const auto object = defaulted(*pod, R"({"spec":{"nodeName":"n1"},"status":{"phase":"Running"}})");
  const auto values = selectable_values(*pod, object);
  REQUIRE(values.size() == pod->selectable_fields.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& field = pod->selectable_fields[i];
    if (field == "spec.nodeName") CHECK(values[i] == "n1");
    if (field == "status.phase") CHECK(values[i] == "Running");
    if (field == "spec.hostNetwork") CHECK(values[i] == "false");
    if (field == "spec.restartPolicy") CHECK(values[i] == "Always");
  }
}
