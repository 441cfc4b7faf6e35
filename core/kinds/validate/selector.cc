// Selectors and the rules of scheduling that are written with them.
#include <algorithm>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kWeightMax = 100;

void validate_requirement(const json::value& requirement, const Path& path, FieldErrors& errors) {
  const auto op = text_of(member(&requirement, "operator")), key = text_of(member(&requirement, "key"));
  const auto* values = member(&requirement, "values");
  if (op == "In" || op == "NotIn") {
    if (length_of(values) == 0) errors.required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (length_of(values) > 0) errors.forbidden(path.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  } else {
    errors.invalid(path.child("operator"), op, "not a valid selector operator");
  }
  errors.invalid_each(path.child("key"), key, check_label_key(key));
  const auto values_path = path.child("values");
  each_element(values, values_path, [&](const json::value& value, const Path& at) { errors.invalid_each(at, text_of(&value), check_label_value(text_of(&value))); });
}

/// A term may ask for fields, too: of a node that is its name.
void validate_field_requirement(const json::value& requirement, const Path& path, FieldErrors& errors) {
  const auto op = text_of(member(&requirement, "operator")), key = text_of(member(&requirement, "key"));
  const auto* values = member(&requirement, "values");
  const auto values_path = path.child("values");
  if (op != "In" && op != "NotIn") errors.invalid(path.child("operator"), op, "not a valid selector operator");
  else if (length_of(values) != 1) errors.required(values_path, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
  if (key != "metadata.name") return errors.invalid(path.child("key"), key, "not a valid field selector key");
  each_element(values, values_path, [&](const json::value& value, const Path& at) { errors.invalid_each(at, text_of(&value), check_subdomain_1123(text_of(&value))); });
}

/// Values need to be those of labels where a node has to have them; where one is only liked better they were never looked at.
enum class Values { of_labels, any };

void validate_node_requirement(const json::value& requirement, const Path& path, Values kind, FieldErrors& errors) {
  const auto op = text_of(member(&requirement, "operator")), key = text_of(member(&requirement, "key"));
  const auto* list = member(&requirement, "values");
  const auto values = length_of(list);
  const auto values_path = path.child("values");
  if (op == "In" || op == "NotIn") {
    if (values == 0) errors.required(values_path, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (values > 0) errors.forbidden(values_path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  } else if (op == "Gt" || op == "Lt") {
    if (values != 1) errors.required(values_path, "must be specified single value when `operator` is 'Lt' or 'Gt'");
  } else {
    errors.invalid(path.child("operator"), op, "not a valid selector operator");
  }
  errors.invalid_each(path.child("key"), key, check_label_key(key));
  if (kind == Values::of_labels)
    each_element(list, values_path, [&](const json::value& value, const Path& at) { errors.invalid_each(at, text_of(&value), check_label_value(text_of(&value))); });
}

void validate_node_term(const json::value& term, const Path& path, Values kind, FieldErrors& errors) {
  const auto expressions = path.child("matchExpressions"), fields = path.child("matchFields");
  each_element(member(&term, "matchExpressions"), expressions, [&](const json::value& r, const Path& at) { validate_node_requirement(r, at, kind, errors); });
  each_element(member(&term, "matchFields"), fields, [&](const json::value& r, const Path& at) { validate_field_requirement(r, at, errors); });
}

void validate_weight(const json::value& entry, const Path& path, FieldErrors& errors) {
  const auto* weight = member(&entry, "weight");
  if (integer_of(weight) < 1 || integer_of(weight) > kWeightMax) errors.invalid(path.child("weight"), weight, "must be in the range 1-100");
}

/// Keys of labels whose values are taken from the pod itself.
void validate_label_keys(const json::value* of, std::string_view field, const Path& path, FieldErrors& errors) {
  const auto* keys = member(of, field);
  const auto here = path.child(field);
  if (length_of(keys) > 0 && !member(of, "labelSelector")) errors.forbidden(here, "must not be specified when labelSelector is not set");
  each_element(keys, here, [&](const json::value& key, const Path& at) { errors.invalid_each(at, text_of(&key), check_label_key(text_of(&key))); });
}

bool listed(const json::value* list, std::string_view text) {
  const auto* entries = as_array(list);
  return entries && std::any_of(entries->begin(), entries->end(), [&](const json::value& entry) { return text_of(&entry) == text; });
}

/// Keys that the selector names, too, or that are asked for both ways.
void validate_shared_keys(const json::value* term, const Path& path, FieldErrors& errors) {
  const auto *matching = member(term, "matchLabelKeys"), *other = member(term, "mismatchLabelKeys");
  const auto* selector = member(term, "labelSelector");
  std::set<std::string_view> named;
  if (const auto* labels = as_object(member(selector, "matchLabels")))
    for (const auto& label : *labels) named.insert(label.key());
  // What is taken from the pod becomes a requirement itself when the pod is stored.
  each_element(member(selector, "matchExpressions"), path, [&](const json::value& requirement, const Path&) {
    const auto key = text_of(member(&requirement, "key"));
    if (!named.insert(key).second && listed(matching, key)) errors.invalid(path, key, "exists in both matchLabelKeys and labelSelector");
  });
  const auto here = path.child("matchLabelKeys");
  each_element(matching, here, [&](const json::value& key, const Path& at) {
    if (listed(other, text_of(&key))) errors.invalid(at, text_of(&key), "exists in both matchLabelKeys and mismatchLabelKeys");
  });
}

void validate_pod_term(const json::value* term, const Path& path, FieldErrors& errors) {
  validate_label_selector(member(term, "labelSelector"), path.child("labelSelector"), errors);
  validate_label_selector(member(term, "namespaceSelector"), path.child("namespaceSelector"), errors);
  const auto space = path.child("namespace");   // so upstream calls it
  each_element(member(term, "namespaces"), space, [&](const json::value& name, const Path&) { errors.invalid_each(space, text_of(&name), check_label_1123(text_of(&name))); });
  validate_label_keys(term, "matchLabelKeys", path, errors);
  validate_label_keys(term, "mismatchLabelKeys", path, errors);
  validate_shared_keys(term, path, errors);
  const auto key = text_of(member(term, "topologyKey"));
  if (key.empty()) errors.required(path.child("topologyKey"), "can not be empty");
  errors.invalid_each(path.child("topologyKey"), key, check_label_key(key));
}

void validate_pod_affinity(const json::value* affinity, const Path& path, FieldErrors& errors) {
  const auto required = path.child("requiredDuringSchedulingIgnoredDuringExecution"), preferred = path.child("preferredDuringSchedulingIgnoredDuringExecution");
  each_element(member(affinity, "requiredDuringSchedulingIgnoredDuringExecution"), required,
               [&](const json::value& term, const Path& at) { validate_pod_term(&term, at, errors); });
  each_element(member(affinity, "preferredDuringSchedulingIgnoredDuringExecution"), preferred, [&](const json::value& entry, const Path& at) {
    validate_weight(entry, at, errors);
    const auto term = at.child("podAffinityTerm");
    validate_pod_term(member(&entry, "podAffinityTerm"), term, errors);
  });
}

void validate_node_affinity(const json::value* affinity, const Path& path, FieldErrors& errors) {
  if (const auto* required = member(affinity, "requiredDuringSchedulingIgnoredDuringExecution"))
    validate_node_selector(required, path.child("requiredDuringSchedulingIgnoredDuringExecution"), errors);
  const auto preferred = path.child("preferredDuringSchedulingIgnoredDuringExecution");
  each_element(member(affinity, "preferredDuringSchedulingIgnoredDuringExecution"), preferred, [&](const json::value& entry, const Path& at) {
    validate_weight(entry, at, errors);
    if (const auto* term = member(&entry, "preference")) validate_node_term(*term, at.child("preference"), Values::any, errors);
  });
}

void validate_toleration(const json::value& toleration, const Path& path, FieldErrors& errors) {
  const auto key = text_of(member(&toleration, "key")), op = text_of(member(&toleration, "operator"));
  const auto value = text_of(member(&toleration, "value")), effect = text_of(member(&toleration, "effect"));
  if (!key.empty()) errors.invalid_each(path.child("key"), key, check_label_key(key));
  if (key.empty() && op != "Exists")
    errors.invalid(path.child("operator"), op, "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
  if (member(&toleration, "tolerationSeconds") && effect != "NoExecute")
    errors.invalid(path.child("effect"), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
  if (op == "Equal" || op.empty()) errors.invalid_each(path.child("operator"), value, check_label_value(value));
  else if (op != "Exists") errors.one_of(path.child("operator"), op, {"Equal", "Exists"});
  else if (!value.empty()) errors.invalid(path.child("operator"), value, "value must be empty when `operator` is 'Exists'");
  if (!effect.empty()) errors.one_of(path.child("effect"), effect, {"NoSchedule", "PreferNoSchedule", "NoExecute"});
}

}  // namespace

void validate_label_selector(const json::value* selector, const Path& path, FieldErrors& errors) {
  if (!selector) return;
  validate_labels(member(selector, "matchLabels"), path.child("matchLabels"), errors);
  const auto expressions = path.child("matchExpressions");
  each_element(member(selector, "matchExpressions"), expressions, [&](const json::value& r, const Path& at) { validate_requirement(r, at, errors); });
}

void validate_node_selector(const json::value* selector, const Path& path, FieldErrors& errors) {
  const auto terms = path.child("nodeSelectorTerms");
  if (length_of(member(selector, "nodeSelectorTerms")) == 0) return errors.required(terms, "must have at least one node selector term");
  each_element(member(selector, "nodeSelectorTerms"), terms, [&](const json::value& term, const Path& at) { validate_node_term(term, at, Values::of_labels, errors); });
}

void validate_affinity(const json::value* affinity, const Path& path, FieldErrors& errors) {
  if (!affinity) return;
  const auto node = path.child("nodeAffinity"), pod = path.child("podAffinity"), anti = path.child("podAntiAffinity");
  validate_node_affinity(member(affinity, "nodeAffinity"), node, errors);
  validate_pod_affinity(member(affinity, "podAffinity"), pod, errors);
  validate_pod_affinity(member(affinity, "podAntiAffinity"), anti, errors);
}

void validate_tolerations(const json::value* tolerations, const Path& path, FieldErrors& errors) {
  each_element(tolerations, path, [&](const json::value& toleration, const Path& at) { validate_toleration(toleration, at, errors); });
}

void validate_spread(const json::value* constraints, const Path& path, FieldErrors& errors) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  each_element(constraints, path, [&](const json::value& constraint, const Path& at) {
    const auto key = text_of(member(&constraint, "topologyKey")), when = text_of(member(&constraint, "whenUnsatisfiable"));
    const auto* skew = member(&constraint, "maxSkew");
    if (integer_of(skew) <= 0) errors.invalid(at.child("maxSkew"), skew, kPositive);
    if (key.empty()) errors.required(at.child("topologyKey"), "can not be empty");
    errors.one_of(at.child("whenUnsatisfiable"), when, {"DoNotSchedule", "ScheduleAnyway"});
    if (!seen.emplace(key, when).second) errors.duplicate(at.child("{topologyKey, whenUnsatisfiable}"), "{" + std::string(key) + ", " + std::string(when) + "}");
    if (const auto* domains = member(&constraint, "minDomains")) {
      if (integer_of(domains) <= 0) errors.invalid(at.child("minDomains"), domains, kPositive);
      if (when != "DoNotSchedule")
        errors.invalid(at.child("minDomains"), domains, "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " + std::string(when));
    }
    for (const std::string_view policy : {"nodeAffinityPolicy", "nodeTaintsPolicy"})
      if (const auto* value = member(&constraint, policy)) errors.one_of(at.child(policy), text_of(value), {"Honor", "Ignore"});
    validate_label_keys(&constraint, "matchLabelKeys", at, errors);
    validate_label_selector(member(&constraint, "labelSelector"), at.child("labelSelector"), errors);
  });
}

bool selector_matches(const json::value* selector, const json::value* labels) {
  if (const auto* wanted = as_object(member(selector, "matchLabels")))
    for (const auto& [key, value] : *wanted) {
      const auto* label = member(labels, key);
      if (!label || text_of(label) != text_of(&value)) return false;
    }
  const auto* expressions = as_array(member(selector, "matchExpressions"));
  if (!expressions) return true;
  return std::all_of(expressions->begin(), expressions->end(), [&](const json::value& expression) {
    const auto op = text_of(member(&expression, "operator"));
    const auto* label = member(labels, text_of(member(&expression, "key")));
    if (op == "Exists") return label != nullptr;
    if (op == "DoesNotExist") return label == nullptr;
    const auto* values = as_array(member(&expression, "values"));
    const bool listed = label && values && std::any_of(values->begin(), values->end(), [&](const json::value& v) { return text_of(&v) == text_of(label); });
    return op == "In" ? listed : !listed;
  });
}

}  // namespace keelson::kinds
