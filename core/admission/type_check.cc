#include "core/admission/type_check.hpp"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <map>
#include <tuple>

#include "core/admission/matching.hpp"
#include "core/cel/authorizer.hpp"
#include "core/cel/json_schema.hpp"
#include "core/cel/program.hpp"
#include "core/kinds/type_schema.hpp"

namespace keelson::admission {
namespace {

// What expressions may name of a request and of its namespace.
constexpr std::string_view kRequestSchema = R"({"type": "object", "properties": {
  "kind": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "kind": {"type": "string"}}},
  "resource": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "resource": {"type": "string"}}},
  "subResource": {"type": "string"},
  "requestKind": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "kind": {"type": "string"}}},
  "requestResource": {"type": "object", "properties": {"group": {"type": "string"}, "version": {"type": "string"}, "resource": {"type": "string"}}},
  "requestSubResource": {"type": "string"},
  "name": {"type": "string"}, "namespace": {"type": "string"}, "operation": {"type": "string"}, "dryRun": {"type": "boolean"},
  "userInfo": {"type": "object", "properties": {"username": {"type": "string"}, "uid": {"type": "string"}, "groups": {"type": "array", "items": {"type": "string"}},
    "extra": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}}},
  "options": {"x-kubernetes-int-or-string": true}}})";
constexpr std::string_view kNamespaceSchema = R"({"type": "object", "properties": {
  "metadata": {"type": "object", "properties": {
    "name": {"type": "string"}, "generateName": {"type": "string"}, "namespace": {"type": "string"}, "uid": {"type": "string"}, "resourceVersion": {"type": "string"},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}}, "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    "creationTimestamp": {"type": "string", "format": "date-time"}, "deletionTimestamp": {"type": "string", "format": "date-time"},
    "deletionGracePeriodSeconds": {"type": "integer"}, "generation": {"type": "integer"}, "finalizers": {"type": "array", "items": {"type": "string"}}}},
  "spec": {"type": "object", "properties": {"finalizers": {"type": "array", "items": {"type": "string"}}}},
  "status": {"type": "object", "properties": {"phase": {"type": "string"}, "conditions": {"type": "array", "items": {"type": "object", "properties": {
    "status": {"type": "string"}, "type": {"type": "string"}, "lastTransitionTime": {"type": "string", "format": "date-time"},
    "message": {"type": "string"}, "reason": {"type": "string"}}}}}}}})";

const json::value& parsed(std::string_view text) {
  static const std::map<std::string_view, json::value> schemas{{kRequestSchema, json::parse(kRequestSchema)}, {kNamespaceSchema, json::parse(kNamespaceSchema)}};
  return schemas.at(text);
}

/// The schema of what an expression of this type makes, for those that name it: simple types and lists and maps of them.
json::value schema_of(std::string_view type) {
  static const std::map<std::string_view, json::value> simple{
      {"bool", {{"type", "boolean"}}}, {"int", {{"type", "integer"}}}, {"double", {{"type", "number"}}}, {"string", {{"type", "string"}}},
      {"bytes", {{"type", "string"}, {"format", "byte"}}},
      {"timestamp", {{"type", "string"}, {"format", "date-time"}}}, {"google.protobuf.Timestamp", {{"type", "string"}, {"format", "date-time"}}},
      {"duration", {{"type", "string"}, {"format", "duration"}}}, {"google.protobuf.Duration", {{"type", "string"}, {"format", "duration"}}}};
  if (const auto found = simple.find(type); found != simple.end()) return found->second;
  constexpr std::string_view kList = "list(", kMap = "map(string, ";
  for (const auto prefix : {kList, kMap})
    if (type.starts_with(prefix) && type.ends_with(')')) {
      auto element = schema_of(type.substr(prefix.size(), type.size() - prefix.size() - 1));
      return prefix == kList ? json::value{{"type", "array"}, {"items", std::move(element)}} : json::value{{"type", "object"}, {"additionalProperties", std::move(element)}};
    }
  return {{"x-kubernetes-int-or-string", true}};   // dyn
}

/// Empty when one of them is a pattern.
std::vector<std::string> exact(const json::value& rule, std::string_view list) {
  auto out = texts_at(rule, {list});
  for (const auto& one : out)
    if (one.find('*') != std::string::npos) return {};
  std::sort(out.begin(), out.end());
  return out;
}

using KindsByName = std::map<std::tuple<std::string, std::string, std::string>, kinds::KindRef>;

void add_kinds(const json::value& rule, const kinds::Catalog& catalog, KindsByName& out) {
  auto resources = texts_at(rule, {"resources"});
  std::sort(resources.begin(), resources.end());
  for (const auto& group : exact(rule, "apiGroups"))
    for (const auto& version : exact(rule, "apiVersions"))
      for (const auto& resource : resources) {
        if (out.size() == kCheckedTypesMax) return;
        const auto kind = catalog.find(group, version, resource);
        if (kind && kind->type) out.try_emplace({group, version, kind->kind}, kind);
      }
}

/// Compiles against one kind, over and over.
class Check {
 public:
  Check(const json::value& spec, const kinds::Type& object, const kinds::Type* params) : variables_(json::object{{"type", "object"}, {"properties", json::object()}}) {
    const auto node = schema_.node(object);
    environment_.with("object", node).with("oldObject", node);
    environment_.with("request", request_.node(parsed(kRequestSchema))).with("namespaceObject", namespace_.node(parsed(kNamespaceSchema)));
    environment_.with("authorizer", std::string(cel::kAuthorizerType)).with("authorizer.requestResource", "kubernetes.authorization.ResourceCheck");
    if (params) environment_.with("params", schema_.node(*params));
    environment_.with("variables", variables_schema_.node(variables_));
    // Each sees those before it. One that is wrong is of any type: it is told where it is used.
    const auto* list = list_at(spec, {"variables"});
    if (!list) return;
    auto& fields = variables_.as_object()["properties"].as_object();
    for (const auto& variable : *list) fields[text_at(variable, {"name"})] = schema_of(cel::compile(environment_, text_at(variable, {"expression"})).output);
  }
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  /// Empty: nothing is wrong.
  std::string operator()(std::string_view expression) const {
    const auto compiled = cel::compile(environment_, expression);
    return compiled.fault == cel::Fault::compile ? compiled.error : std::string();
  }

 private:
  const kinds::TypeSchema schema_;
  const cel::JsonSchema request_{nullptr}, namespace_{nullptr}, variables_schema_{nullptr};
  json::value variables_;
  cel::Environment environment_;
};

kinds::KindRef params_kind(const json::value& spec, const kinds::Catalog& catalog) {
  const auto api_version = text_at(spec, {"paramKind", "apiVersion"}), kind = text_at(spec, {"paramKind", "kind"});
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? catalog.by_kind("", api_version, kind) : catalog.by_kind(api_version.substr(0, slash), api_version.substr(slash + 1), kind);
}

constexpr std::array<std::string_view, 2> kParts{"expression", "messageExpression"};

}  // namespace

std::vector<ExpressionWarning> check_types(const json::value& spec, const kinds::Catalog& catalog) {
  const auto* validations = list_at(spec, {"validations"});
  if (!validations) return {};
  KindsByName kinds;
  if (const auto* rules = list_at(spec, {"matchConstraints", "resourceRules"}))
    for (const auto& rule : *rules) add_kinds(rule, catalog, kinds);
  const auto params = params_kind(spec, catalog);
  std::vector<std::array<std::string, kParts.size()>> found(validations->size());
  for (const auto& [name, kind] : kinds) {
    const Check check(spec, *kind->type, params ? params->type.get() : nullptr);
    const auto shown = std::get<0>(name) + "/" + std::get<1>(name) + ", Kind=" + kind->kind + ": ";
    for (std::size_t i = 0; i < found.size(); ++i)
      for (std::size_t part = 0; part < kParts.size(); ++part) {
        const auto text = text_at((*validations)[i], {kParts[part]});
        const auto wrong = text.empty() ? std::string() : check(text);
        auto& all = found[i][part];
        if (!wrong.empty()) all += (all.empty() ? "" : "\n") + shown + wrong + "\n";
      }
  }
  std::vector<ExpressionWarning> out;
  for (std::size_t i = 0; i < found.size(); ++i)
    for (std::size_t part = 0; part < kParts.size(); ++part)
      if (!found[i][part].empty()) out.push_back({"spec.validations[" + std::to_string(i) + "]." + std::string(kParts[part]), std::move(found[i][part])});
  return out;
}

}  // namespace keelson::admission
