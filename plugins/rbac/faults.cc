// What a role and a binding have to look like.
#include "escalation.hpp"

namespace rbac {
namespace {

std::string at(std::string_view list, std::size_t index) { return std::string(list) + "[" + std::to_string(index) + "]"; }

Fault required(std::string field, const std::string& message) { return {"FieldValueRequired", std::move(field), message.empty() ? "Required value" : "Required value: " + message}; }

Fault not_supported(std::string field, std::string_view value, const std::vector<std::string>& supported) {
  std::string list;
  for (const auto& one : supported) list += (list.empty() ? "" : ", ") + quoted(one);
  return {"FieldValueNotSupported", std::move(field), "Unsupported value: " + quoted(value) + ": supported values: " + list};
}

/// What is part of a path can be no name.
std::string bad_segment(std::string_view name) {
  if (name == "." || name == "..") return "may not be '" + std::string(name) + "'";
  for (const char c : {'/', '%'})
    if (name.find(c) != std::string_view::npos) return std::string("may not contain '") + c + "'";
  return {};
}

void check_subject(const Subject& subject, const std::string& field, bool namespaced, std::vector<Fault>& faults) {
  if (subject.name.empty()) faults.push_back(required(field + ".name", ""));
  if (subject.kind == "ServiceAccount") {
    if (!subject.apiGroup.empty()) faults.push_back(not_supported(field + ".apiGroup", subject.apiGroup, {""}));
    if (!namespaced && subject.namespace_.empty()) faults.push_back(required(field + ".namespace", ""));
  } else if (subject.kind == "User" || subject.kind == "Group") {
    if (subject.apiGroup != kGroup) faults.push_back(not_supported(field + ".apiGroup", subject.apiGroup, {std::string(kGroup)}));
  } else {
    faults.push_back(not_supported(field + ".kind", subject.kind, {"ServiceAccount", "User", "Group"}));
  }
}

void check_rule(const PolicyRule& rule, const std::string& field, bool namespaced, std::vector<Fault>& faults) {
  if (rule.verbs.empty()) faults.push_back(required(field + ".verbs", "verbs must contain at least one value"));
  if (!rule.nonResourceURLs.empty()) {
    std::string urls;
    for (const auto& url : rule.nonResourceURLs) urls += (urls.empty() ? "" : ",") + quoted(url);
    const auto wrong = [&](const char* why) { faults.push_back({"FieldValueInvalid", field + ".nonResourceURLs", "Invalid value: [" + urls + "]: " + why}); };
    if (namespaced) wrong("namespaced rules cannot apply to non-resource URLs");
    if (!rule.apiGroups.empty() || !rule.resources.empty() || !rule.resourceNames.empty()) wrong("rules cannot apply to both regular resources and non-resource URLs");
    return;
  }
  if (rule.apiGroups.empty()) faults.push_back(required(field + ".apiGroups", "resource rules must supply at least one api group"));
  if (rule.resources.empty()) faults.push_back(required(field + ".resources", "resource rules must supply at least one resource"));
}

}  // namespace

std::vector<Fault> role_faults(const std::vector<PolicyRule>& rules, bool namespaced) {
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < rules.size(); ++i) check_rule(rules[i], at("rules", i), namespaced, faults);
  return faults;
}

std::vector<Fault> binding_faults(const RoleRef& role, const std::vector<Subject>& subjects, bool namespaced) {
  std::vector<Fault> faults;
  if (role.apiGroup != kGroup) faults.push_back(not_supported("roleRef.apiGroup", role.apiGroup, {std::string(kGroup)}));
  if (role.kind != "ClusterRole" && !(namespaced && role.kind == "Role"))
    faults.push_back(not_supported("roleRef.kind", role.kind, namespaced ? std::vector<std::string>{"Role", "ClusterRole"} : std::vector<std::string>{"ClusterRole"}));
  if (role.name.empty()) faults.push_back(required("roleRef.name", ""));
  else if (const auto why = bad_segment(role.name); !why.empty()) faults.push_back({"FieldValueInvalid", "roleRef.name", "Invalid value: " + quoted(role.name) + ": " + why});
  for (std::size_t i = 0; i < subjects.size(); ++i) check_subject(subjects[i], at("subjects", i), namespaced, faults);
  return faults;
}

}  // namespace rbac
