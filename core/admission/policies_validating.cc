#include <algorithm>
#include <boost/json/serialize.hpp>

#include "core/admission/policy_source.hpp"
#include "core/auth/admission.hpp"

namespace keelson::admission {
namespace {

using Done = std::function<void(base::Outcome<void>)>;

/// Something that does not hold.
struct Denial {
  std::string message, reason;
  bool by_error = false;
  std::size_t expression = 0;
};

struct Verdict {
  std::vector<Denial> denials;
  std::vector<std::pair<std::string, std::string>> annotations;
};

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n\v\f");
  return first == std::string_view::npos ? std::string() : std::string(text.substr(first, text.find_last_not_of(" \t\r\n\v\f") - first + 1));
}

int code_of(std::string_view reason) {
  if (reason == "Forbidden") return 403;
  if (reason == "Unauthorized") return 401;
  return reason == "RequestEntityTooLarge" ? 413 : 422;
}

std::string message_of(const PolicyStep& step, Inputs& inputs, std::int64_t& budget) {
  if (!step.message.text.empty()) {
    const auto made = inputs.evaluate(step.message, budget);
    if (made.error.empty() && made.value.kind == cel::Kind::string) {
      const auto text = trimmed(made.value.view());
      if (!text.empty() && text.size() <= kPolicyMessageBytesMax && text.find('\n') == std::string::npos) return text;
    }
  }
  return step.text.empty() ? "failed expression: " + trimmed(step.expression.text) : trimmed(step.text);
}

/// One policy over one parameter.
Verdict judge(const Policy& policy, Inputs& inputs) {
  Verdict out;
  const auto fault = [&](std::string why, std::size_t at) {
    if (!policy.ignores_failure) out.denials.push_back({std::move(why), {}, true, at});
  };
  const auto conditions = check_conditions(policy.conditions, inputs);
  if (!conditions.holds) return out;
  if (!conditions.error.empty()) return fault(conditions.error, 0), out;
  std::int64_t budget = cel::kRuleCostBudget;
  for (std::size_t i = 0; i < policy.steps.size(); ++i) {
    const auto& step = policy.steps[i];
    const auto answer = inputs.evaluate(step.expression, budget);
    if (!answer.error.empty()) fault(answer.error, i);
    else if (!answer.value.is(true)) out.denials.push_back({message_of(step, inputs, budget), step.reason, false, i});
  }
  budget = cel::kRuleCostBudget;
  for (const auto& annotation : policy.annotations) {
    const auto answer = inputs.evaluate(annotation, budget);
    if (!answer.error.empty()) {
      fault(answer.error, 0);
    } else if (answer.value.kind == cel::Kind::string) {
      if (auto value = trimmed(answer.value.view()); !value.empty()) out.annotations.emplace_back(policy.name + "/" + annotation.name, value.substr(0, kAuditAnnotationBytesMax));
    }
  }
  return out;
}

class ValidatingPolicies final : public auth::AdmissionUnit, public auth::AnswersAtOnce {
 public:
  explicit ValidatingPolicies(const PolicyParts& parts)
      : parts_(parts), source_("validatingadmissionpolicies.admissionregistration.k8s.io", "validatingadmissionpolicybindings.admissionregistration.k8s.io", "validations") {}
  std::string_view name() const override { return "ValidatingAdmissionPolicy"; }
  bool handles(AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return !exempt(kind); }
  bool reads_objects(const AdmissionRequest& request) override { return source_.any_wants(request, *parts_.registry.current()); }
  bool rests_on(const AdmissionRequest& request, auth::Grounds&) override { return !source_.any_may_match(request, *parts_.registry.current()); }
  bool passes(const AdmissionRequest& request) override { return !reads_objects(request); }
  void validate(AdmissionRequest& request, Done done) override {
    if (request.spec_is_known) return done({});
    const auto policies = source_.of(request.snapshot);
    if (!policies) return done({});
    std::optional<base::Error> refusal;
    for (const auto& policy : *policies) check(policy, request, refusal);
    if (refusal) return done(std::move(*refusal));
    done({});
  }

 private:
  void check(const Policy& policy, AdmissionRequest& request, std::optional<base::Error>& refusal) const {
    const auto catalog = parts_.registry.current();
    const auto kind = policy.matcher.match(request, *catalog);
    if (!kind) return configuration_error(policy, nullptr, request, kind.error().message, refusal);
    if (!*kind) return;
    std::unique_ptr<Inputs> inputs;
    for (const auto& binding : policy.bindings) {
      const auto bound = binding.matcher.match(request, *catalog);
      if (!bound) configuration_error(policy, &binding, request, bound.error().message, refusal);
      if (!bound || !*bound) continue;
      const auto params = params_of(policy, binding, request, *catalog);
      if (!params) {
        configuration_error(policy, &binding, request, params.error().message, refusal);
        continue;
      }
      if (!inputs) inputs = std::make_unique<Inputs>(request, **kind, parts_.chains);
      for (const auto& param : *params) {
        inputs->set_params(&param);
        inputs->set_variables(&policy.variables);
        act(policy, binding, judge(policy, *inputs), request, refusal);
      }
      inputs->set_params(nullptr);
    }
  }

  void act(const Policy& policy, const Binding& binding, Verdict verdict, AdmissionRequest& request, std::optional<base::Error>& refusal) const {
    for (const auto& denial : verdict.denials)
      for (const auto& action : binding.actions) {
        count(policy, binding, action, denial);
        if (action == "Deny" && !refusal) refusal = refused(policy, &binding, request, denial.message, denial.reason);
        if (action == "Warn" && request.warnings)
          request.warnings->push_back("Validation failed for ValidatingAdmissionPolicy '" + policy.name + "' with binding '" + binding.name + "': " + denial.message);
        if (action == "Audit") audit(policy, binding, denial, request);
      }
    if (!request.annotations) return;
    for (auto& annotation : verdict.annotations)
      if (std::find(request.annotations->begin(), request.annotations->end(), annotation) == request.annotations->end()) request.annotations->push_back(std::move(annotation));
  }

  static void audit(const Policy& policy, const Binding& binding, const Denial& denial, AdmissionRequest& request) {
    if (!request.annotations) return;
    json::array actions;
    for (const auto& action : binding.actions) actions.emplace_back(action);
    const json::array value{json::object{{"message", denial.message}, {"policy", policy.name}, {"binding", binding.name}, {"expressionIndex", denial.expression}, {"validationActions", std::move(actions)}}};
    request.annotations->emplace_back("validation.policy.admission.k8s.io/validation_failure", json::serialize(value));
  }

  static void configuration_error(const Policy& policy, const Binding* binding, AdmissionRequest& request, const std::string& why, std::optional<base::Error>& refusal) {
    if (policy.ignores_failure || refusal) return;
    refusal = refused(policy, binding, request, (binding ? "failed to configure binding: " : "failed to configure policy: ") + why, {});
  }

  static base::Error refused(const Policy& policy, const Binding* binding, AdmissionRequest& request, const std::string& why, const std::string& reason) {
    const auto message = "ValidatingAdmissionPolicy '" + policy.name + "'" + (binding ? " with binding '" + binding->name + "'" : std::string()) + " denied request: " + why;
    auto out = auth::refused(request, message);
    out.reason = reason.empty() ? "Invalid" : reason;
    out.code = code_of(out.reason);
    out.causes.push_back({"", message, ""});
    return out;
  }

  void count(const Policy& policy, const Binding& binding, const std::string& action, const Denial& denial) const {
    const std::string enforcement = action == "Deny" ? "deny" : action == "Warn" ? "warn" : "audit";
    parts_.metrics
        .counter("apiserver_validating_admission_policy_check_total", "Validations of admission policies that did not hold.",
                 {{"policy", policy.name}, {"policy_binding", binding.name}, {"enforcement_action", enforcement}, {"error_type", denial.by_error ? "invalid_error" : "no_error"}})
        .add();
  }

  const PolicyParts parts_;
  PolicySource source_;
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> validating_policies(const PolicyParts& parts) { return std::make_shared<ValidatingPolicies>(parts); }

}  // namespace keelson::admission
