#include <catch2/catch.hpp>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

TEST_CASE("A pod goes through decode, defaults and encode and comes back the same") {
  const auto pod = builtin("v1", "Pod");
  REQUIRE(pod);
  auto first = defaulted(*pod, kPod);
  const auto body = stored(*pod, first);
  const auto again = defaulted(*pod, body);
  CHECK(stored(*pod, again) == body);
  CHECK(equal_for_commit(parse(Media::json, body, {}).value(), again));
}

TEST_CASE("Unknown fields are refused, warned about or dropped, as asked for") {
  const auto pod = builtin("v1", "Pod");
  const std::string body = R"({"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","imagee":"x"}],"replicas":1},"METADATA":{}})";
  CHECK(refusal(*pod, body) ==
        R"(Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers[0].imagee", unknown field "spec.replicas", unknown field "METADATA")");
  const auto warned = decoded(*pod, body, FieldValidation::warn).value();
  CHECK(warned.warnings == std::vector<std::string>{R"(unknown field "spec.containers[0].imagee")", R"(unknown field "spec.replicas")", R"(unknown field "METADATA")"});
  const auto ignored = decoded(*pod, body, FieldValidation::ignore).value();
  CHECK(ignored.warnings.empty());
  CHECK(shown(ignored.object, "spec.replicas") == "absent");
  CHECK(shown(ignored.object, "METADATA") == "absent");
}

TEST_CASE("Of duplicate fields the last one counts, and strict decoding refuses them") {
  const auto map = builtin("v1", "ConfigMap");
  const std::string body = R"({"metadata":{"name":"a"},"data":{"k":"1","k":"2"}})";
  CHECK(refusal(*map, body) == R"(ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.k")");
  CHECK(shown(decoded(*map, body, FieldValidation::ignore).value().object, "data.k") == "\"2\"");
}

TEST_CASE("Unknown fields of a built-in kind are told before duplicate ones, of YAML after them") {
  const auto deployment = builtin("apps/v1", "Deployment");
  CHECK(refusal(*deployment, R"({"spec":{"replicas":2,"replicas":3,"unknownField":"foo"}})") ==
        R"(Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas")");
  const auto yaml = decode(*deployment, Media::yaml, "spec:\n  foo: 1\n  replicas: 2\n  replicas: 3\n", FieldValidation::strict, {});
  REQUIRE_FALSE(yaml.has_value());
  CHECK(yaml.error().message.find("already set in map, unknown field \"spec.foo\"") != std::string::npos);
}

TEST_CASE("Wrong types are refused in the words of Go's decoder") {
  const auto deployment = builtin("apps/v1", "Deployment");
  const std::string start = R"(Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal )";
  CHECK(refusal(*deployment, R"({"spec":{"replicas":"3"}})") == start + "string into Go struct field DeploymentSpec.spec.replicas of type int32");
  CHECK(refusal(*deployment, R"({"spec":{"replicas":3000000000}})") == start + "number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32");
  CHECK(refusal(*deployment, R"({"metadata":{"labels":{"a":1}}})") == start + "number into Go struct field ObjectMeta.metadata.labels of type string");
  CHECK(refusal(*deployment, R"({"spec":{"template":{"spec":{"containers":[{"image":7}]}}}})") ==
        start + "number into Go struct field Container.spec.template.spec.containers.image of type string");
  CHECK(refusal(*deployment, R"({"spec":[]})") == start + "array into Go struct field Deployment.spec of type v1.DeploymentSpec");
}

TEST_CASE("A wrong type is refused by the name that Go has for the right one, at the path that Go's decoder took") {
  struct Row {
    std::string_view version, kind, body, text;
  };
  const Row rows[] = {
      {"v1", "Service", R"({"spec":{"type":1}})", "number into Go struct field ServiceSpec.spec.type of type v1.ServiceType"},
      {"v1", "Service", R"({"spec":{"ipFamilyPolicy":[]}})", "array into Go struct field ServiceSpec.spec.ipFamilyPolicy of type v1.IPFamilyPolicy"},
      {"v1", "Service", R"({"spec":{"ipFamilies":"IPv4"}})", "string into Go struct field ServiceSpec.spec.ipFamilies of type []v1.IPFamily"},
      {"v1", "Service", R"({"spec":{"ipFamilies":[4]}})", "number into Go struct field ServiceSpec.spec.ipFamilies of type v1.IPFamily"},
      {"v1", "ResourceQuota", R"({"spec":{"hard":"all"}})", "string into Go struct field ResourceQuotaSpec.spec.hard of type v1.ResourceList"},
      {"v1", "PersistentVolumeClaim", R"({"status":{"allocatedResourceStatuses":[]}})",
       "array into Go struct field PersistentVolumeClaimStatus.status.allocatedResourceStatuses of type map[v1.ResourceName]v1.ClaimResourceStatus"},
      {"v1", "PersistentVolumeClaim", R"({"status":{"allocatedResourceStatuses":{"storage":1}}})",
       "number into Go struct field PersistentVolumeClaimStatus.status.allocatedResourceStatuses of type v1.ClaimResourceStatus"},
      {"certificates.k8s.io/v1", "CertificateSigningRequest", R"({"spec":{"extra":1}})",
       "number into Go struct field CertificateSigningRequestSpec.spec.extra of type map[string]v1.ExtraValue"},
      {"certificates.k8s.io/v1", "CertificateSigningRequest", R"({"spec":{"extra":{"a":1}}})",
       "number into Go struct field CertificateSigningRequestSpec.spec.extra of type v1.ExtraValue"},
      {"certificates.k8s.io/v1", "CertificateSigningRequest", R"({"spec":{"extra":{"a":[1]}}})",
       "number into Go struct field CertificateSigningRequestSpec.spec.extra of type string"},
      {"v1", "Pod", R"({"spec":{"volumes":[{"hostPath":{"type":1}}]}})",
       "number into Go struct field HostPathVolumeSource.spec.volumes.VolumeSource.hostPath.type of type v1.HostPathType"},
      {"admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", R"({"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":""}]}}})",
       "string into Go struct field NamedRuleWithOperations.spec.matchConstraints.resourceRules.RuleWithOperations.Rule.apiGroups of type []string"},
      {"apiextensions.k8s.io/v1", "CustomResourceDefinition", R"({"spec":{"versions":[{"schema":{"openAPIV3Schema":{"properties":{"spec":{"type":1}}}}}]}})",
       "number into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema.properties.type of type string"},
      {"apiextensions.k8s.io/v1", "CustomResourceDefinition", R"({"spec":{"versions":[{"schema":{"openAPIV3Schema":{"x-kubernetes-validations":{}}}}]}})",
       "object into Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema.x-kubernetes-validations of type v1.ValidationRules"},
      {"apps/v1", "Deployment", R"({"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}})",
       "bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32"},
      {"v1", "Pod", R"({"metadata":{"creationTimestamp":1}})", "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string"},
  };
  for (const auto& row : rows) {
    const auto text = refusal(*builtin(row.version, row.kind), row.body);
    constexpr std::string_view verb = "json: cannot unmarshal ";
    const auto at = text.find(verb);
    INFO(text);
    REQUIRE(at != std::string::npos);
    CHECK(text.substr(at + verb.size()) == row.text);
  }
}

TEST_CASE("Bad quantities, times and base64 are refused") {
  const auto pod = builtin("v1", "Pod");
  CHECK(refusal(*pod, R"({"spec":{"containers":[{"resources":{"limits":{"cpu":"1x"}}}]}})").find("quantities must match the regular expression") != std::string::npos);
  CHECK(refusal(*pod, R"({"metadata":{"creationTimestamp":"yesterday"}})").find(R"(parsing time "yesterday" as "2006-01-02T15:04:05Z07:00")") != std::string::npos);
  CHECK(refusal(*builtin("v1", "Secret"), R"({"data":{"a":"!!!"}})").find("illegal base64 data at input byte 0") != std::string::npos);
}

TEST_CASE("Kind and apiVersion are filled in for built-in kinds and must fit") {
  const auto pod = builtin("v1", "Pod");
  CHECK(shown(decoded(*pod, "{}").value().object, "kind") == "\"Pod\"");
  CHECK(shown(decoded(*pod, "{}").value().object, "apiVersion") == "\"v1\"");
  CHECK(refusal(*pod, R"({"kind":"Service","apiVersion":"v1"})").starts_with(R"(Service in version "v1" cannot be handled as a Pod: )"));
  CHECK(refusal(*pod, R"({"kind":"Pod","apiVersion":"v2"})") == R"(Pod in version "v2" cannot be handled as a Pod: no kind "Pod" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111")");
  Kind custom = *pod;
  custom.strategy.custom_resource = true;
  CHECK(refusal(custom, R"({"apiVersion":"v1"})").find("Object 'Kind' is missing in '{\"apiVersion\":\"v1\"}'") != std::string::npos);
}

TEST_CASE("What is no JSON is refused with 400") {
  const auto pod = builtin("v1", "Pod");
  for (const std::string_view body : {"", "  ", "hello", "{", "{\"a\":1e999}", "[]", "nul", "{\"a\":\"\xff\"}", "{\"a\":1}x"}) {
    const auto result = decoded(*pod, body);
    INFO(body);
    REQUIRE(!result);
    CHECK(result.error().code == 400);
    CHECK(result.error().reason == "BadRequest");
  }
  CHECK(refusal(*pod, "").find("Object 'Kind' is missing in ''") != std::string::npos);
  CHECK(refusal(*pod, "hello").find("invalid character 'h' looking for beginning of value") != std::string::npos);
  CHECK(refusal(*pod, std::string(10'001, '[')).find("exceeded max depth") != std::string::npos);
  std::string nested;
  for (int i = 0; i < 20'000; ++i) nested += "{\"a\":";
  CHECK(refusal(*pod, nested).find("exceeded max depth") != std::string::npos);
  CHECK(decoded(*pod, std::string(kBodyBytesMax + 1, ' ')).error().code == 413);
}

TEST_CASE("Null is the same as absent") {
  const auto object = decoded(*builtin("v1", "Pod"), R"({"metadata":null,"spec":{"nodeName":null,"containers":null}})").value().object;
  CHECK(shown(object, "metadata") == "absent");
  CHECK(shown(object, "spec") == "{}");
}

TEST_CASE("Times come out in UTC with whole seconds, micro times with six digits") {
  const auto object = decoded(*builtin("coordination.k8s.io/v1", "Lease"),
                              R"({"metadata":{"creationTimestamp":"2024-05-01T12:00:00.75+02:00"},"spec":{"renewTime":"2024-05-01T12:00:00.1234567Z"}})").value().object;
  CHECK(shown(object, "metadata.creationTimestamp") == "\"2024-05-01T10:00:00Z\"");
  CHECK(shown(object, "spec.renewTime") == "\"2024-05-01T12:00:00.123456Z\"");
}

TEST_CASE("A body that is nowhere is an empty one") {
  CHECK_FALSE(parse(Media::json, std::string_view(), {}).has_value());
  CHECK(parse(Media::json, std::string_view(), {}).error().message == parse(Media::json, "", {}).error().message);
}
