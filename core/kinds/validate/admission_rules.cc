// What webhooks and policies are about: rules over resources and operations, and the parameters of policies.
#include <algorithm>
#include <cctype>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/admission.hpp"

namespace keelson::kinds {
namespace {

bool lists(const json::value* list, std::string_view text) {
  const auto* elements = as_array(list);
  return elements && std::any_of(elements->begin(), elements->end(), [&](const json::value& one) { return text_of(&one) == text; });
}

/// There, and a `*` stands alone.
void validate_wildcards(const json::value* list, const Path& path, std::string_view of_what, FieldErrors& errors) {
  if (length_of(list) == 0) errors.required(path);
  if (length_of(list) > 1 && lists(list, "*")) errors.invalid(path, list, "if '*' is present, must not specify other " + std::string(of_what));
}

/// Resources and their subresources: "pods", "pods/status", "pods/*", "*/scale", "*/*", "*".
void validate_resource_patterns(const json::value* list, const Path& path, FieldErrors& errors) {
  if (length_of(list) == 0) errors.required(path);
  std::set<std::string_view> all_below, everywhere;
  bool plain = false;
  each_element(list, path, [&](const json::value& one, const Path& at) {
    const auto text = text_of(&one);
    if (text.empty()) return errors.required(at);
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
      plain = text != "*";
      return;
    }
    const auto resource = text.substr(0, slash), below = text.substr(slash + 1);
    const auto covered = [&](const std::string& by) { errors.invalid(at, text, "if '" + by + "' is present, must not specify " + std::string(text)); };
    if (all_below.contains(resource)) covered(std::string(resource) + "/*");
    if (everywhere.contains(below)) covered("*/" + std::string(below));
    if (below == "*") all_below.insert(resource);
    if (resource == "*") everywhere.insert(below);
  });
  if (length_of(list) > 1 && lists(list, "*/*")) errors.invalid(path, list, "if '*/*' is present, must not specify other resources");
  if (lists(list, "*") && plain) errors.invalid(path, list, "if '*' is present, must not specify other resources without subresources");
}

void validate_named_rule(const json::value& rule, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> names;
  const auto at_names = path.child("resourceNames");
  each_element(member(&rule, "resourceNames"), at_names, [&](const json::value& one, const Path& at) {
    const auto name = text_of(&one);
    errors.invalid_each(at, name, check_path_segment(name));
    if (!names.insert(name).second) errors.duplicate(at, name);
  });
  validate_rule_with_operations(rule, path, errors);
}

std::string joined(const Complaints& complaints) {
  std::string all;
  for (const auto& one : complaints) all += (all.empty() ? "" : ",") + one;
  return all;
}

void validate_param_version(std::string_view version, const Path& path, FieldErrors& errors) {
  if (version.empty()) return errors.required(path);
  if (std::count(version.begin(), version.end(), '/') > 1) return errors.invalid(path, version, "unexpected GroupVersion string: " + std::string(version));
  const auto slash = version.find('/');
  const auto group = slash == std::string_view::npos ? std::string_view() : version.substr(0, slash);
  const auto name = slash == std::string_view::npos ? version : version.substr(slash + 1);
  if (!group.empty())
    if (const auto wrong = check_subdomain_1123(group); !wrong.empty()) errors.invalid(path, group, joined(wrong));
  if (name.empty()) errors.invalid(path, version, "version must be specified");
  else if (const auto wrong = check_label_1035(name); !wrong.empty()) errors.invalid(path, name, joined(wrong));
}

}  // namespace

void validate_rule_with_operations(const json::value& rule, const Path& path, FieldErrors& errors) {
  const auto operations = path.child("operations"), versions = path.child("apiVersions");
  validate_wildcards(member(&rule, "operations"), operations, "operations", errors);
  each_element(member(&rule, "operations"), operations, [&](const json::value& one, const Path& at) { errors.one_of(at, text_of(&one), {"*", "CONNECT", "CREATE", "DELETE", "UPDATE"}); });
  validate_wildcards(member(&rule, "apiGroups"), path.child("apiGroups"), "API groups", errors);
  validate_wildcards(member(&rule, "apiVersions"), versions, "API versions", errors);
  each_element(member(&rule, "apiVersions"), versions, [&](const json::value& one, const Path& at) {
    if (text_of(&one).empty()) errors.required(at);
  });
  validate_resource_patterns(member(&rule, "resources"), path.child("resources"), errors);
  if (const auto* scope = member(&rule, "scope")) errors.one_of(path.child("scope"), text_of(scope), {"*", "Cluster", "Namespaced"});
}

void validate_match_resources(const json::value* resources, const Path& path, FieldErrors& errors) {
  if (!resources) return;
  if (const auto* policy = member(resources, "matchPolicy")) errors.one_of(path.child("matchPolicy"), text_of(policy), {"Equivalent", "Exact"});
  else errors.required(path.child("matchPolicy"));
  for (const std::string_view name : {"namespaceSelector", "objectSelector"}) {
    if (const auto* selector = member(resources, name)) validate_label_selector(selector, path.child(name), errors);
    else errors.required(path.child(name));
  }
  for (const std::string_view name : {"resourceRules", "excludeResourceRules"}) {
    const auto rules = path.child(name);
    each_element(member(resources, name), rules, [&](const json::value& rule, const Path& at) { validate_named_rule(rule, at, errors); });
  }
}

void validate_param_kind(const json::value& kind, const Path& path, FieldErrors& errors) {
  validate_param_version(text_of(member(&kind, "apiVersion")), path.child("apiVersion"), errors);
  const auto name = text_of(member(&kind, "kind"));
  if (name.empty()) return errors.required(path.child("kind"));
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (const auto wrong = check_label_1035(lower); !wrong.empty()) errors.invalid(path.child("kind"), name, "may have mixed case, but should otherwise match: " + joined(wrong));
}

void validate_param_ref(const json::value* reference, const Path& path, FieldErrors& errors) {
  if (!reference) return;
  constexpr std::string_view kOneOfThem = "name and selector are mutually exclusive";
  const auto name = text_of(member(reference, "name"));
  const auto* selector = member(reference, "selector");
  errors.invalid_each(path.child("name"), name, check_path_segment(name));
  if (!name.empty() && selector) errors.forbidden(path.child("name"), kOneOfThem);
  if (selector) validate_label_selector(selector, path.child("selector"), errors);
  if (!name.empty() && selector) errors.forbidden(path.child("selector"), kOneOfThem);
  if (name.empty() && !selector) errors.required(path, "one of name or selector must be specified");
  const auto action = text_of(member(reference, "parameterNotFoundAction"));
  if (action.empty()) errors.required(path.child("parameterNotFoundAction"));
  else errors.one_of(path.child("parameterNotFoundAction"), action, {"Deny", "Allow"});
}

}  // namespace keelson::kinds
