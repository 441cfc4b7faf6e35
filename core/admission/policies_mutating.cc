#include "core/admission/policy_source.hpp"
#include "core/auth/admission.hpp"
#include "core/cel/schema.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::admission {
namespace {

using Done = std::function<void(base::Outcome<void>)>;

/// One request's way through all policies.
class Mutation {
 public:
  Mutation(const PolicyParts& parts, AdmissionRequest& request, bool second) : parts_(parts), request_(request), catalog_(parts.registry.current()), second_(second) {}

  base::Outcome<void> apply(const Policy& policy) {
    if (second_ && !policy.reinvoked) return {};
    const auto kind = policy.matcher.match(request_, *catalog_);
    if (!kind) return failed(policy, nullptr, "failed to configure policy: " + kind.error().message);
    if (!*kind) return {};
    for (const auto& binding : policy.bindings)
      if (auto applied = apply(policy, binding, *kind); !applied) return applied;
    return {};
  }

 private:
  base::Outcome<void> apply(const Policy& policy, const Binding& binding, const kinds::KindRef& kind) {
    const auto bound = binding.matcher.match(request_, *catalog_);
    if (!bound) return failed(policy, &binding, "failed to configure binding: " + bound.error().message);
    if (!*bound) return {};
    const auto params = params_of(policy, binding, request_, *catalog_);
    if (!params) return failed(policy, &binding, "failed to configure binding: " + params.error().message);
    for (const auto& param : *params)
      if (auto why = apply(policy, param, *kind); !why.empty())
        if (auto refused = failed(policy, &binding, why); !refused) return refused;
    return {};
  }

  /// What went wrong, or nothing.
  std::string apply(const Policy& policy, const json::value& param, const kinds::Kind& kind) {
    Inputs inputs(request_, kind, parts_.chains);
    inputs.set_params(&param);
    inputs.set_variables(&policy.variables);
    const auto conditions = check_conditions(policy.conditions, inputs);
    if (!conditions.holds) return {};
    if (!conditions.error.empty()) return conditions.error;
    std::int64_t budget = cel::kRuleCostBudget;
    for (const auto& step : policy.steps) {
      const auto answer = inputs.evaluate(step.expression, budget);
      if (!answer.error.empty()) return answer.error;
      json::value made;
      if (!cel::to_json(answer.value, made, inputs.arena())) return "expression '" + step.expression.text + "' made a value that JSON cannot hold";
      if (auto changed = change(kind, step, made); !changed) return changed.error().message;
      inputs.refresh();
    }
    return {};
  }

  base::Outcome<void> change(const kinds::Kind& as, const PolicyStep& step, const json::value& made) {
    if (!request_.object) return base::raw_500("this operation has no object that could be changed");
    const auto memory = request_.object->storage();
    const auto& kind = form_of(request_, as);
    const auto stored_kind = catalog_->by_storage_key(request_.kind->storage_key);
    const auto& stored = form_of(request_, *stored_kind);
    auto changed = step.patch_type == "JSONPatch" ? kinds::patch(kind, kinds::PatchType::json, in_form_of(kind, *request_.object), made, memory) : merged(kind, made);
    if (!changed) return changed.error();
    auto decoded = kinds::decode_value(stored, in_form_of(stored, *changed), kinds::FieldValidation::ignore);
    if (!decoded) return decoded.error();
    kinds::apply_defaults(stored, decoded->object);
    for (const std::string_view field : {"name", "namespace", "uid", "resourceVersion"})
      if (text_at(*request_.object, {"metadata", field}) != text_at(decoded->object, {"metadata", field})) return base::raw_500("metadata." + std::string(field) + " must not be changed");
    if (decoded->object == *request_.object) return {};
    *request_.object = json::value(std::move(decoded->object), memory);
    ++request_.changes;
    return {};
  }

  /// As an apply of somebody who owned nothing before, and owns nothing afterwards.
  base::Outcome<json::value> merged(const kinds::Kind& kind, const json::value& made) {
    auto applied = kinds::decode_value(kind, in_form_of(kind, made), kinds::FieldValidation::strict);
    if (!applied) return applied.error();
    auto live = in_form_of(kind, *request_.object);
    auto& metadata = auth::object_at(live, {"metadata"});
    const json::value owners = metadata.contains("managedFields") ? metadata["managedFields"] : json::value();
    metadata.erase("managedFields");
    auto out = kinds::apply(kind, &live, applied->object, {"mutating-admission-policy", {}, parts_.runtime.unix_s()}, true, request_.object->storage());
    if (!out) return out;
    auto& after = auth::object_at(*out, {"metadata"});
    after.erase("managedFields");
    if (!owners.is_null()) after["managedFields"] = owners;
    return out;
  }

  base::Outcome<void> failed(const Policy& policy, const Binding* binding, const std::string& why) const {
    if (policy.ignores_failure) return {};
    auto out = auth::refused(request_, "MutatingAdmissionPolicy '" + policy.name + "'" + (binding ? " with binding '" + binding->name + "'" : std::string()) + " denied request: " + why);
    out.reason = "Invalid";
    out.code = 422;
    return out;
  }

  const PolicyParts& parts_;
  AdmissionRequest& request_;
  const kinds::CatalogRef catalog_;
  const bool second_;
};

class MutatingPolicies final : public auth::AdmissionUnit, public auth::AnswersAtOnce {
 public:
  explicit MutatingPolicies(const PolicyParts& parts)
      : parts_(parts), source_("mutatingadmissionpolicies.admissionregistration.k8s.io", "mutatingadmissionpolicybindings.admissionregistration.k8s.io", "mutations") {}
  std::string_view name() const override { return "MutatingAdmissionPolicy"; }
  bool reinvoke() const override { return true; }
  bool handles(AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view) const override {
    return operation != AdmissionRequest::Operation::remove && !exempt(kind);
  }
  bool reads_objects(const AdmissionRequest& request) override { return source_.any_wants(request, *parts_.registry.current()); }
  bool rests_on(const AdmissionRequest& request, auth::Grounds&) override { return !source_.any_may_match(request, *parts_.registry.current()); }
  bool passes(const AdmissionRequest& request) override { return !reads_objects(request); }
  void mutate(AdmissionRequest& request, Done done) override {
    if (request.spec_is_known) return done({});
    const auto policies = source_.of(request.snapshot);
    if (!policies) return done({});
    const auto before = request.changes;
    auto& remembered = request.remembered[this];
    Mutation mutation(parts_, request, remembered != nullptr);
    const bool first = !remembered;
    remembered = std::make_shared<int>(0);
    for (const auto& policy : *policies)
      if (auto applied = mutation.apply(policy); !applied) return done(applied);
    request.again = first && request.changes != before;
    done({});
  }

 private:
  const PolicyParts parts_;
  PolicySource source_;
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> mutating_policies(const PolicyParts& parts) { return std::make_shared<MutatingPolicies>(parts); }

}  // namespace keelson::admission
