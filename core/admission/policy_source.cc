#include "core/admission/policy_source.hpp"

#include <algorithm>
#include <atomic>

namespace keelson::admission {
namespace {

std::vector<store::ObjectRef> all_of(const store::Snapshot& snapshot, base::Atom resource) {
  std::vector<store::ObjectRef> out;
  snapshot.scan(resource, "", nullptr, [&](const store::ObjectRef& object) {
    out.push_back(object);
    return true;
  });
  return out;
}

std::vector<Expression> compiled_list(const json::value& spec, std::string_view list, std::string_view name, std::string_view text) {
  std::vector<Expression> out;
  if (const auto* entries = list_at(spec, {list}))
    for (const auto& entry : *entries) out.push_back(compiled(std::string(text_at(entry, {name})), std::string(text_at(entry, {text}))));
  return out;
}

PolicyStep validation_of(const json::value& entry) {
  PolicyStep out;
  out.expression = compiled({}, std::string(text_at(entry, {"expression"})));
  if (const auto text = text_at(entry, {"messageExpression"}); !text.empty()) out.message = compiled({}, std::string(text));
  out.text = text_at(entry, {"message"});
  out.reason = text_at(entry, {"reason"});
  return out;
}

PolicyStep mutation_of(const json::value& entry) {
  PolicyStep out;
  out.patch_type = text_at(entry, {"patchType"});
  const auto field = out.patch_type == "JSONPatch" ? "jsonPatch" : "applyConfiguration";
  out.expression = compiled({}, std::string(text_at(entry, {field, "expression"})), true);
  return out;
}

Binding binding_of(const store::Object& object, const json::value& body) {
  Binding out;
  out.name = object.key().name;
  out.matcher = Matcher::of_resources(find(body, {"spec", "matchResources"}));
  out.actions = texts_at(body, {"spec", "validationActions"});
  if (const auto* reference = find(body, {"spec", "paramRef"})) out.param_ref = *reference;
  return out;
}

}  // namespace

Policy PolicySource::compile(const store::Object& object) const {
  Policy out;
  const auto body = body_of(object);
  const auto* found = find(body, {"spec"});
  const json::value spec = found ? *found : json::value(json::object());
  out.name = object.key().name;
  out.matcher = Matcher::of_resources(find(spec, {"matchConstraints"}));
  out.param_api_version = text_at(spec, {"paramKind", "apiVersion"});
  out.param_kind = text_at(spec, {"paramKind", "kind"});
  out.ignores_failure = text_at(spec, {"failurePolicy"}) == "Ignore";
  out.reinvoked = text_at(spec, {"reinvocationPolicy"}) == "IfNeeded";
  out.conditions = compiled_conditions(spec);
  out.variables = compiled_list(spec, "variables", "name", "expression");
  out.annotations = compiled_list(spec, "auditAnnotations", "key", "valueExpression");
  if (const auto* steps = list_at(spec, {steps_}))
    for (const auto& entry : *steps) out.steps.push_back(steps_ == "mutations" ? mutation_of(entry) : validation_of(entry));
  return out;
}

PolicySource::List PolicySource::of(const store::Snapshot& snapshot) {
  if (snapshot.count(policies_) == 0 || snapshot.count(bindings_) == 0) return nullptr;
  const auto policies = all_of(snapshot, policies_), bindings = all_of(snapshot, bindings_);
  auto sources = policies;
  sources.insert(sources.end(), bindings.begin(), bindings.end());
  if (const auto known = std::atomic_load(&compiled_); known && known->sources == sources) return known->policies;
  std::vector<Policy> out;
  for (const auto& object : policies) {
    std::vector<Binding> own;
    for (const auto& binding : bindings)
      if (const auto body = body_of(*binding); text_at(body, {"spec", "policyName"}) == object->key().name) own.push_back(binding_of(*binding, body));
    if (own.empty()) continue;
    out.push_back(compile(*object));
    out.back().bindings = std::move(own);
  }
  auto fresh = std::make_shared<const Compiled>(Compiled{std::move(sources), std::make_shared<const std::vector<Policy>>(std::move(out))});
  std::atomic_store(&compiled_, fresh);
  return fresh->policies;
}

bool PolicySource::any_may_match(const AdmissionRequest& request, const kinds::Catalog& catalog) {
  const auto policies = of(request.snapshot);
  return policies && std::any_of(policies->begin(), policies->end(), [&](const Policy& policy) { return policy.matcher.may_match(request, catalog); });
}

bool PolicySource::any_wants(const AdmissionRequest& request, const kinds::Catalog& catalog) {
  const auto policies = of(request.snapshot);
  return policies && std::ranges::any_of(*policies, [&](const Policy& policy) { return policy.matcher.wants(request, catalog); });
}

base::Outcome<std::vector<json::value>> params_of(const Policy& policy, const Binding& binding, const AdmissionRequest& request, const kinds::Catalog& catalog) {
  // No parameters are asked for, or none are given: expressions see null.
  if (policy.param_kind.empty() || binding.param_ref.is_null()) return std::vector<json::value>(1);
  const auto slash = policy.param_api_version.find('/');
  const auto group = slash == std::string::npos ? std::string() : policy.param_api_version.substr(0, slash);
  const auto version = slash == std::string::npos ? policy.param_api_version : policy.param_api_version.substr(slash + 1);
  const auto kind = catalog.by_kind(group, version, policy.param_kind);
  if (!kind) return base::raw_500("failed to find resource referenced by paramKind: '" + policy.param_api_version + ", Kind=" + policy.param_kind + "'");
  std::string ns(text_at(binding.param_ref, {"namespace"}));
  if (!kind->namespaced && !ns.empty()) return base::raw_500("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  if (kind->namespaced && ns.empty()) {
    ns = namespace_of(request);
    if (ns.empty()) return base::raw_500("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
  }
  std::vector<json::value> out;
  const std::string name(text_at(binding.param_ref, {"name"}));
  const auto selector = LabelSelector::of(find(binding.param_ref, {"selector"}));
  const auto take = [&](const store::ObjectRef& object) {
    json::object labels;
    for (const auto& [key, value] : object->columns().labels) labels[key.text()] = value;
    if (selector.matches(labels)) out.push_back(in_form_of(*kind, body_of(*object)));
    return true;
  };
  if (!name.empty()) {
    if (const auto object = request.snapshot.get({kind->storage_key, kind->namespaced ? ns : std::string(), name})) take(object);
  } else {
    request.snapshot.scan(kind->storage_key, kind->namespaced ? ns : std::string(), nullptr, take);
  }
  if (out.empty() && text_at(binding.param_ref, {"parameterNotFoundAction"}) == "Deny")
    return base::raw_500("no params found for policy binding with `Deny` parameterNotFoundAction");
  return out;
}

}  // namespace keelson::admission
