#include "core/admission/matching.hpp"

#include <algorithm>

#include "core/base/json_value.hpp"
#include "core/kinds/convert/convert.hpp"

namespace keelson::admission {
namespace {

bool has(const std::vector<std::string>& list, std::string_view wanted) {
  return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return entry == "*" || entry == wanted; });
}

bool resource_matches(const std::string& pattern, std::string_view resource, std::string_view subresource) {
  const auto slash = pattern.find('/');
  const auto wanted = std::string_view(pattern).substr(0, slash);
  const auto sub = slash == std::string::npos ? std::string_view() : std::string_view(pattern).substr(slash + 1);
  return (wanted == "*" || wanted == resource) && (sub == "*" || sub == subresource);
}

bool is_namespaces(const kinds::Kind& kind) { return kind.storage_key.text() == "namespaces"; }

const json::object* labels_of(const json::value* object) {
  const auto* labels = object ? find(*object, {"metadata", "labels"}) : nullptr;
  return labels ? labels->if_object() : nullptr;
}

json::object labels_of(const store::Object& object) {
  json::object out;
  for (const auto& [key, value] : object.columns().labels) out[key.text()] = value;
  return out;
}

}  // namespace

std::string_view operation_name(AdmissionRequest::Operation operation) {
  constexpr std::string_view kNames[] = {"CREATE", "UPDATE", "DELETE", "CONNECT"};
  return kNames[static_cast<std::size_t>(operation)];
}

std::vector<std::string> texts_at(const json::value& value, auth::Path path) {
  std::vector<std::string> out;
  if (const auto* list = list_at(value, path))
    for (const auto& entry : *list)
      if (const auto* text = entry.if_string()) out.emplace_back(*text);
  return out;
}

json::value body_of(const store::Object& object, json::storage_ptr memory) {
  boost::system::error_code fault;
  auto value = base::json_of(object.body(), fault, std::move(memory));
  return fault ? json::value() : value;
}

std::string namespace_of(const AdmissionRequest& request) {
  if (is_namespaces(*request.kind)) return request.name;
  return request.kind->namespaced ? request.ns : std::string();
}

json::value in_form_of(const kinds::Kind& kind, const json::value& object) {
  json::value out = object;
  kinds::convert(kind, out);
  auth::object_at(out, {})["kind"] = kind.kind;
  return out;
}

const kinds::Kind& form_of(const AdmissionRequest& request, const kinds::Kind& as) { return request.form ? *request.form : as; }

// What is connected to has options for an object, of a kind that nobody reads.
json::value shown(const AdmissionRequest& request, const kinds::Kind& as, const json::value& object) {
  return request.operation == AdmissionRequest::Operation::connect ? object : in_form_of(form_of(request, as), object);
}

// --- labels ----------------------------------------------------------------------------------------------------------

LabelSelector LabelSelector::of(const json::value* selector) {
  LabelSelector out;
  if (!selector) return out;
  if (const auto* labels = find(*selector, {"matchLabels"}); labels && labels->is_object())
    for (const auto& [key, value] : labels->get_object())
      if (const auto* text = value.if_string()) out.requirements_.push_back({std::string(key), "In", {std::string(*text)}});
  if (const auto* expressions = list_at(*selector, {"matchExpressions"}))
    for (const auto& entry : *expressions)
      out.requirements_.push_back({std::string(text_at(entry, {"key"})), std::string(text_at(entry, {"operator"})), texts_at(entry, {"values"})});
  return out;
}

bool LabelSelector::matches(const json::object& labels) const {
  for (const auto& requirement : requirements_) {
    const auto* value = labels.if_contains(requirement.key);
    const auto* text = value ? value->if_string() : nullptr;
    const bool listed = text && std::find(requirement.values.begin(), requirement.values.end(), std::string_view(*text)) != requirement.values.end();
    const bool holds = requirement.op == "In"        ? listed
                       : requirement.op == "NotIn"   ? !listed
                       : requirement.op == "Exists"  ? text != nullptr
                                                     : requirement.op == "DoesNotExist" && !text;
    if (!holds) return false;
  }
  return true;
}

// --- rules -----------------------------------------------------------------------------------------------------------

Rule Rule::of(const json::value& rule) {
  return {texts_at(rule, {"operations"}), texts_at(rule, {"apiGroups"}),     texts_at(rule, {"apiVersions"}),
          texts_at(rule, {"resources"}),  texts_at(rule, {"resourceNames"}), std::string(text_at(rule, {"scope"}))};
}

bool Rule::matches(const AdmissionRequest& request, const kinds::Kind& kind) const {
  if (!has(groups, kind.group) || !has(versions, kind.version) || !is_about(request)) return false;
  if (!names.empty() && std::find(names.begin(), names.end(), request.name) == names.end()) return false;
  const bool in_namespace = kind.namespaced && !is_namespaces(kind);
  return scope == "Namespaced" ? in_namespace : scope != "Cluster" || !in_namespace;
}

bool Rule::is_about(const AdmissionRequest& request) const {
  if (!has(operations, operation_name(request.operation))) return false;
  return std::any_of(resources.begin(), resources.end(), [&](const auto& entry) { return resource_matches(entry, request.kind->resource, request.subresource); });
}

// --- all of it -------------------------------------------------------------------------------------------------------

namespace {

std::vector<Rule> rules_at(const json::value& value, std::string_view name) {
  std::vector<Rule> out;
  if (const auto* list = list_at(value, {name}))
    for (const auto& entry : *list) out.push_back(Rule::of(entry));
  return out;
}

bool any(const std::vector<Rule>& rules, const AdmissionRequest& request, const kinds::Kind& kind) {
  return std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return rule.matches(request, kind); });
}

}  // namespace

Matcher Matcher::of_webhook(const json::value& webhook) {
  Matcher out;
  out.rules_ = rules_at(webhook, "rules");
  out.namespaces_ = LabelSelector::of(find(webhook, {"namespaceSelector"}));
  out.objects_ = LabelSelector::of(find(webhook, {"objectSelector"}));
  out.equivalent_ = text_at(webhook, {"matchPolicy"}) != "Exact";
  return out;
}

Matcher Matcher::of_resources(const json::value* resources) {
  Matcher out;
  if (resources) {
    out = of_webhook(*resources);
    out.rules_ = rules_at(*resources, "resourceRules");
    out.excluded_ = rules_at(*resources, "excludeResourceRules");
  }
  out.everything_ = out.rules_.empty();
  return out;
}

bool Matcher::may_match(const AdmissionRequest& request, const kinds::Catalog& catalog) const {
  const auto kind = match(request, catalog);
  return !kind || *kind;
}

bool Matcher::wants(const AdmissionRequest& request, const kinds::Catalog& catalog) const {
  const auto serves = [&](const Rule& rule) {
    const auto in_group = [&](const kinds::KindRef& kind) { return kind->storage_key == request.kind->storage_key && has(rule.groups, kind->group); };
    return in_group(request.kind) || std::ranges::any_of(catalog.all(), in_group);
  };
  return everything_ || std::ranges::any_of(rules_, [&](const Rule& rule) { return rule.is_about(request) && serves(rule); });
}

base::Outcome<kinds::KindRef> Matcher::match(const AdmissionRequest& request, const kinds::Catalog& catalog) const {
  if (!by_object(request)) return kinds::KindRef();
  auto kind = by_rules(request, catalog);
  if (!kind) return kind;
  const auto in_namespace = by_namespace(request);
  if (!in_namespace) return in_namespace.error();
  return *in_namespace ? kind : kinds::KindRef();
}

kinds::KindRef Matcher::by_rules(const AdmissionRequest& request, const kinds::Catalog& catalog) const {
  // Most are about other things, whatever the version.
  if (!everything_ && std::none_of(rules_.begin(), rules_.end(), [&](const Rule& rule) { return rule.is_about(request); })) return nullptr;
  std::vector<kinds::KindRef> equivalents;
  if (equivalent_)
    for (const auto& kind : catalog.all())
      if (kind->storage_key == request.kind->storage_key && kind->api_version() != request.kind->api_version()) equivalents.push_back(kind);
  if (any(excluded_, request, *request.kind)) return nullptr;
  for (const auto& kind : equivalents)
    if (any(excluded_, request, *kind)) return nullptr;
  if (everything_ || any(rules_, request, *request.kind)) return request.kind;
  for (const auto& rule : rules_)
    for (const auto& kind : equivalents)
      if (rule.matches(request, *kind)) return kind;
  return nullptr;
}

base::Outcome<bool> Matcher::by_namespace(const AdmissionRequest& request) const {
  if (namespaces_.empty()) return true;
  const auto name = namespace_of(request);
  const bool own = is_namespaces(*request.kind);
  if (own && request.object && request.subresource.empty()) {
    const auto* labels = labels_of(request.object);
    return namespaces_.matches(labels ? *labels : json::object());
  }
  if (name.empty()) return true;   // selectors of namespaces say nothing of what lies in none
  const auto found = request.snapshot.get({store::Atom("namespaces"), "", name});
  if (!found) return base::not_found("", "namespaces", name);
  return namespaces_.matches(labels_of(*found));
}

bool Matcher::by_object(const AdmissionRequest& request) const {
  if (objects_.empty()) return true;
  const auto holds = [&](const json::value* object) {
    const auto* labels = labels_of(object);
    return object && objects_.matches(labels ? *labels : json::object());
  };
  return holds(request.object) || holds(request.old);
}

bool exempt(const kinds::Kind& kind) { return kind.group == "admissionregistration.k8s.io"; }

}  // namespace keelson::admission
