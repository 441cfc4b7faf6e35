#include "core/kinds/default_rules_more.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

std::string_view text_in(const json::object& object, std::string_view name) { return text_of(object.if_contains(name)); }

}  // namespace

void default_custom_resource_definition(const DefaultContext&, json::object& definition) {
  auto& spec = make_object(definition, "spec");
  auto& names = make_object(spec, "names");
  std::string kind(text_in(names, "kind"));
  if (text_in(names, "listKind").empty() && !kind.empty()) names["listKind"] = kind + "List";
  std::transform(kind.begin(), kind.end(), kind.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text_in(names, "singular").empty() && !kind.empty()) names["singular"] = kind;
  if (!as_object(spec.if_contains("conversion"))) make_object(spec, "conversion")["strategy"] = "None";
  auto& status = make_object(definition, "status");
  const auto* versions = as_array(spec.if_contains("versions"));
  if (!versions || length_of(status.if_contains("storedVersions")) != 0) return;
  json::array stored(definition.storage());
  for (const auto& version : *versions)
    if (truth_of(member(&version, "storage")))
      if (const auto* name = member(&version, "name")) stored.push_back(*name);
  if (!stored.empty()) status["storedVersions"] = std::move(stored);
}

void default_ingress_class(const DefaultContext&, json::object& spec) {
  auto* parameters = as_object(spec.if_contains("parameters"));
  if (parameters && !parameters->contains("scope")) (*parameters)["scope"] = "Cluster";
}

void default_network_policy(const DefaultContext&, json::object& spec) {
  if (length_of(spec.if_contains("policyTypes")) != 0) return;
  json::array types(spec.storage());
  types.push_back("Ingress");
  if (length_of(spec.if_contains("egress")) != 0) types.push_back("Egress");
  spec["policyTypes"] = std::move(types);
}

void default_device_request(const DefaultContext&, json::object& request) {
  if (text_in(request, "allocationMode") == "ExactCount" && integer_of(request.if_contains("count")) == 0) request["count"] = 1;
}

void default_subject(const DefaultContext&, json::object& subject) {
  if (!text_in(subject, "apiGroup").empty()) return;
  const auto kind = text_in(subject, "kind");
  if (kind == "User" || kind == "Group") subject["apiGroup"] = "rbac.authorization.k8s.io";
}

}  // namespace keelson::kinds
