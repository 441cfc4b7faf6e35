// What server-side apply says of a configuration that is not of its kind's type.
#include <catch2/catch.hpp>

#include "core/kinds/managed/typed.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

std::string applied(const Kind& kind, const std::string& yaml, FieldValidation mode = FieldValidation::ignore) {
  const auto decoded = decode_applied(kind, Media::yaml, yaml, mode, {});
  if (!decoded) return std::to_string(decoded.error().code) + " " + decoded.error().reason + " " + decoded.error().message;
  std::string text = "taken";
  for (const auto& warning : decoded->warnings) text += " " + warning;
  return text;
}

const std::string kHead = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: ns}\n";
const std::string kRefused = "500  failed to create typed patch object (ns/d; apps/v1, Kind=Deployment): ";

Kind custom(const std::string& spec_schema) {
  const auto crd = parse(Media::yaml, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: ws.x.io}\nspec:\n  group: x.io\n  scope: Namespaced\n"
                         "  names: {plural: ws, singular: w, kind: W, listKind: WList}\n  versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: " + spec_schema + "}}}}\n", {});
  REQUIRE(crd.has_value());
  auto kinds = kinds_from_crd(*crd);
  REQUIRE(kinds.has_value());
  return kinds->front();
}

const std::string kCustom = "apiVersion: x.io/v1\nkind: W\nmetadata: {name: d, namespace: ns}\n";

}  // namespace

TEST_CASE("an applied field that nobody declared is refused by its path, whatever fieldValidation says") {
  const auto deployment = builtin("apps/v1", "Deployment");
  for (const auto mode : {FieldValidation::ignore, FieldValidation::warn, FieldValidation::strict}) {
    CHECK(applied(*deployment, kHead + "spec: {replicas: 1, foo: 2}\n", mode) == kRefused + ".spec.foo: field not declared in schema");
    CHECK(applied(*deployment, kHead + "spec: {replicas: 1}\n", mode) == "taken");
  }
  CHECK(applied(*deployment, kHead + "foo: 1\nspec: {template: {spec: {containers: [{name: c, imagee: x}, {name: e, ports: [{containerPort: 80, porto: 1}]}]}}}\n") ==
        kRefused + "errors:\n  .spec.template.spec.containers[name=\"c\"].imagee: field not declared in schema\n"
                   "  .spec.template.spec.containers[name=\"e\"].ports[containerPort=80,protocol=\"TCP\"].porto: field not declared in schema\n  .foo: field not declared in schema");
  CHECK(applied(*deployment, kHead + "foo: 1\nspec: {bar: 1, baz: 2, replicas: x, qux: 3}\nlast: 1\n") ==
        kRefused + "errors:\n  .spec.replicas: expected numeric (int or float), got string\n  .spec.bar: field not declared in schema\n  .foo: field not declared in schema");
  CHECK(applied(*builtin("v1", "ConfigMap"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nfoo: 1\n") ==
        "500  failed to create typed patch object (/c; /v1, Kind=ConfigMap): .foo: field not declared in schema");
}

TEST_CASE("an applied value of the wrong type is refused as structured-merge-diff says it") {
  const auto deployment = builtin("apps/v1", "Deployment");
  const auto container = [&](const std::string& fields) { return applied(*deployment, kHead + "spec: {template: {spec: {containers: [{name: c, " + fields + "}]}}}\n"); };
  const auto at = kRefused + ".spec.template.spec.containers[name=\"c\"]";
  CHECK(applied(*deployment, kHead + "spec: {replicas: two}\n") == kRefused + ".spec.replicas: expected numeric (int or float), got string");
  CHECK(container("env: [{name: E, value: true}]") == at + ".env[name=\"E\"].value: expected string, got &value.valueUnstructured{Value:true}");
  CHECK(container("env: [{name: E, value: 5}]") == at + ".env[name=\"E\"].value: expected string, got &value.valueUnstructured{Value:5}");
  CHECK(container("tty: maybe") == at + ".tty: expected boolean, got &{maybe}");
  CHECK(container("args: {b: 1, a: [x, z]}") == at + ".args: expected list, got &{map[a:[x z] b:1]}");
  CHECK(container("resources: [x]") == at + ".resources: expected map, got &{[x]}");
  CHECK(container("resources: {limits: {cpu: 1, memory: 1Gi}}, ports: [{containerPort: 80}], livenessProbe: {httpGet: {port: web}}, args: null") == "taken");
}

TEST_CASE("custom resources: undeclared fields are refused unless the schema keeps unknown ones") {
  const auto closed = custom("{type: object, properties: {a: {type: string}, num: {type: integer}, either: {x-kubernetes-int-or-string: true}}}");
  const std::string refused = "500  failed to create typed patch object (ns/d; x.io/v1, Kind=W): ";
  CHECK(applied(closed, kCustom + "unknownField: u\nspec: {a: x}\n") == refused + ".unknownField: field not declared in schema");
  CHECK(applied(closed, kCustom + "spec: {a: 1, b: 2}\n") == refused + "errors:\n  .spec.a: expected string, got &value.valueUnstructured{Value:1}\n  .spec.b: field not declared in schema");
  CHECK(applied(closed, kCustom + "spec: {a: x, num: 1, either: e}\n") == "taken");
  CHECK(applied(closed, kCustom + "spec: {either: 1, num: null}\n") == "taken");
  const auto open = custom("{type: object, x-kubernetes-preserve-unknown-fields: true, properties: {t: {type: object, x-kubernetes-embedded-resource: true, properties: {metadata: {type: object, properties: {name: {type: string}}}, spec: {type: object}}}}}");
  CHECK(applied(open, kCustom + "spec: {b: 2, deep: {c: [1]}}\n") == "taken");
  const auto metadata = applied(open, kCustom + "metadata: {name: d, namespace: ns, unknownMeta: u}\nspec: {t: {apiVersion: f/v1, kind: S, metadata: {unknownSubMeta: u, name: s}}}\n");
  CHECK(metadata.find(".spec.t.metadata.unknownSubMeta: field not declared in schema") != std::string::npos);
  CHECK(metadata.find(".metadata.unknownMeta: field not declared in schema") != std::string::npos);
}

TEST_CASE("keys that occur twice in an applied configuration are told by their line") {
  const auto open = custom("{type: object, x-kubernetes-preserve-unknown-fields: true}");
  const auto body = kCustom + "spec:\n  foo: a\n  foo: b\n  bar: a\n  bar: c\n";
  const std::string lines = "error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key \"foo\" already set in map\n  line 8: key \"bar\" already set in map";
  CHECK(applied(open, body, FieldValidation::strict) == "taken " + lines);   // the write refuses them when nothing else is wrong
  CHECK(applied(open, body, FieldValidation::warn) == "taken " + lines);
  CHECK(applied(open, body, FieldValidation::ignore) == "taken");
}

TEST_CASE("an element without its keys is refused with their names") {
  const auto deployment = builtin("apps/v1", "Deployment");
  const auto live = parse(Media::json, "{}", {}).value();
  const auto applied_value = decode_applied(*deployment, Media::yaml, kHead + "spec: {template: {spec: {containers: [{image: x}]}}}\n", FieldValidation::ignore, {}).value().object;
  const auto result = apply(*deployment, nullptr, applied_value, {"m", "", 0}, false, {});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message == kRefused.substr(5) + ".spec.template.spec.containers: element 0: associative list with keys has an element that omits all key fields [\"name\"] (and doesn't have default values for any key fields)");
}
