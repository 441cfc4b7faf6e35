#include <catch2/catch.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include <keelson/kinds.hpp>

using namespace keelson;

namespace {

std::string pod_text() {
  std::ifstream file(KEELSON_TEST_DATA "/sdk_kinds/pod.json");
  std::stringstream text;
  text << file.rdbuf();
  REQUIRE(text.str().size() > 3000);
  return text.str();
}

template <class T>
std::string failure(std::string_view text) {
  try {
    (void)decode<T>(text);
    return "no failure";
  } catch (const DecodeError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("a big Pod survives decoding and encoding") {
  const auto text = pod_text();
  const auto pod = decode<Pod>(text);
  auto expected = boost::json::parse(text);
  expected.at_pointer("/status/conditions/0").as_object().erase("lastProbeTime");   // null: unset
  CHECK(boost::json::parse(encode(pod)) == expected);
  CHECK(decode<Pod>(encode(pod)) == pod);
}

TEST_CASE("the members of a decoded Pod are what the text says") {
  const auto pod = decode<Pod>(pod_text());
  CHECK(pod.meta.annotation("note") == "a \"quoted\" line\nand another \xc3\xa9");
  CHECK(pod.meta.ownerReferences.at(0).controller == true);
  CHECK(pod.meta.creationTimestamp.unix_s == 1767323045);
  CHECK_FALSE(pod.meta.deletionTimestamp);
  CHECK(pod.meta.managedFields.at(0).fieldsV1.text.starts_with(R"({"f:metadata")"));
  const auto& web = pod.spec.containers.at(0);
  CHECK(web.resources.limits.at("memory").value() == 128 << 20);
  CHECK(web.livenessProbe->httpGet->port == IntOrString("http"));
  CHECK(web.readinessProbe->tcpSocket->port.number() == 8080);
  CHECK(web.env.at(1).valueFrom->secretKeyRef->name == "db");
  CHECK(web.securityContext->runAsUser == 0);
  CHECK(web.securityContext->readOnlyRootFilesystem == false);
  CHECK_FALSE(web.securityContext->privileged);
  CHECK(pod.spec.volumes.at(1).configMap->name == "web");
  CHECK(pod.spec.securityContext);
  CHECK_FALSE(pod.spec.affinity);
  CHECK(pod.status.containerStatuses.at(0).lastState.terminated->reason == "Completed");
  CHECK(pod.status.containerStatuses.at(0).started == true);
}

TEST_CASE("unknown fields are skipped and null keeps the default") {
  const auto deployment = decode<Deployment>(R"( {"spec": {"new": {"a": [1, "]", {"b": "\"}"}]}, "replicas": null, "paused": true, "minReadySeconds": 3.0}, "x": -1e9 } )");
  CHECK_FALSE(deployment.spec.replicas);
  CHECK(deployment.spec.paused);
  CHECK(deployment.spec.minReadySeconds == 3);
}

TEST_CASE("what is empty is left out, what is always written stays") {
  CHECK(encode(Deployment{}) == R"({"kind":"Deployment","apiVersion":"apps/v1","spec":{"selector":null,"template":{"spec":{"containers":[]}}}})");
  Pod pod;
  pod.spec.containers.emplace_back().name = "c";
  pod.spec.securityContext.emplace();
  pod.spec.terminationGracePeriodSeconds = 0;
  CHECK(encode(pod) == R"({"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"name":"c"}],"terminationGracePeriodSeconds":0,"securityContext":{}}})");
  ConfigMap map;
  map.data["a"] = "\x01\xc3\xa9\"";
  map.binaryData["b"] = std::string("\0\xff\x10", 3);
  CHECK(encode(map) == "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"data\":{\"a\":\"\\u0001\xc3\xa9\\\"\"},\"binaryData\":{\"b\":\"AP8Q\"}}");
  CHECK(decode<ConfigMap>(encode(map)) == map);
}

TEST_CASE("a wrong value is named with its path") {
  CHECK(failure<Pod>(R"({"spec":{"containers":[{},{"ports":[{"containerPort":"x"}]}]}})") == "spec.containers[1].ports[0].containerPort: expected a number at byte 53");
  CHECK_THAT(failure<Pod>(R"({"metadata":{"labels":{"a":1}}})"), Catch::Matchers::StartsWith("metadata.labels.a: expected a string"));
  CHECK_THAT(failure<Pod>(R"({"spec":{"priority":3000000000}})"), Catch::Matchers::StartsWith("spec.priority: expected a whole number"));
  CHECK_THAT(failure<Secret>(R"({"data":{"k":"a*b="}})"), Catch::Matchers::StartsWith("data.k: wrong base64"));
  for (const auto* text : {"", "[]", "{", "{\"metadata\":{}", "{}}", "{\"metadata\":{\"name\":\"a}", "{\"x\":[1,2}", "nul", "{\"x\":}"}) {
    INFO(text);
    CHECK(failure<Pod>(text) != "no failure");
  }
}

TEST_CASE("text that is cut off anywhere is refused, never read past its end") {
  const auto text = pod_text().substr(0, 1500);
  for (std::size_t length = 0; length < text.size(); length += 7) {
    const std::string exact(text, 0, length);
    CHECK_THROWS_AS(decode<Pod>(exact), DecodeError);
  }
}

TEST_CASE("Deployment::running says the least that a Deployment needs") {
  const auto deployment = Deployment::running("web", "nginx", 2);
  CHECK(deployment.spec.selector->matchLabels == deployment.spec.template_.meta.labels);
  CHECK(deployment.spec.replicas == 2);
  CHECK(deployment.spec.template_.spec.containers.at(0).image == "nginx");
}
