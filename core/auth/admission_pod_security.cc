// PodSecurity: the levels that a namespace's labels ask of its pods, enforced or warned of.
#include "core/auth/admission.hpp"
#include "core/auth/pod_security.hpp"
#include "core/base/json_text.hpp"

namespace keelson::auth {
namespace {

using Operation = AdmissionRequest::Operation;

constexpr std::string_view kLabelPrefix = "pod-security.kubernetes.io/";

/// A mode of a namespace: what is asked, and under which name it is told.
struct Policy {
  PodLevel level = PodLevel::privileged;
  std::string name;
};

std::string_view label(const store::Object& ns, std::string_view name) {
  for (const auto& [key, value] : ns.columns().labels)
    if (key.text().substr(0, kLabelPrefix.size()) == kLabelPrefix && key.text().substr(kLabelPrefix.size()) == name) return value;
  return {};
}

/// A level that is none is the strictest: nothing gets in by a typing error.
Policy policy_of(const store::Object& ns, const std::string& mode) {
  const auto level = label(ns, mode), version = label(ns, mode + "-version");
  if (level.empty()) return {};
  const auto known = pod_level(level);
  return {known.value_or(PodLevel::restricted), (known ? std::string(level) : "restricted") + ":" + (version.empty() ? "latest" : std::string(version))};
}

/// The pod that this object makes, or is; null: none.
const json::value* pod_in(const AdmissionRequest& request) {
  if (!request.object) return nullptr;
  const auto key = request.kind->storage_key.text();
  if (key == "pods") return request.object;
  if (key == "podtemplates") return find(*request.object, {"template"});
  if (key == "cronjobs.batch") return find(*request.object, {"spec", "jobTemplate", "spec", "template"});
  return find(*request.object, {"spec", "template"});
}

bool makes_pods(std::string_view key) {
  for (const std::string_view one : {"podtemplates", "replicationcontrollers", "replicasets.apps", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch"})
    if (key == one) return true;
  return false;
}

std::string told(std::string_view begin, const Policy& policy, const std::string& why) { return std::string(begin) + base::quoted(policy.name) + ": " + why; }

constexpr const char *kAuditViolations = "pod-security.kubernetes.io/audit-violations", *kEnforcePolicy = "pod-security.kubernetes.io/enforce-policy";
constexpr std::string_view kWouldViolate = "would violate PodSecurity ";

class PodSecurity final : public AdmissionUnit, public AnswersAtOnce {
 public:
  std::string_view name() const override { return "PodSecurity"; }
  // What else of a pod may change does not touch its security.
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    const auto key = kind.storage_key.text();
    if (key == "pods") return operation == Operation::create ? subresource.empty() : operation == Operation::update && subresource == "ephemeralcontainers";
    const bool writes = operation == Operation::create || operation == Operation::update;
    return writes && subresource.empty() && (key == "namespaces" || makes_pods(key));
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    done(request.kind->storage_key.text() == "namespaces" ? check_labels(request) : check_pod(request));
  }

 private:
  static base::Outcome<void> check_pod(AdmissionRequest& request) {
    const auto ns = request.snapshot.get({store::Atom("namespaces"), "", request.ns});
    const auto* pod = ns ? pod_in(request) : nullptr;
    if (!pod) return {};
    // A refusal is audited with what it violates, too.
    const auto audited = policy_of(*ns, "audit");
    if (const auto why = pod_violations(*pod, audited.level); !why.empty()) annotate(request, kAuditViolations, told(kWouldViolate, audited, why));
    if (request.kind->storage_key.text() == "pods") {
      const auto enforced = policy_of(*ns, "enforce");
      if (enforced.level != PodLevel::privileged) annotate(request, kEnforcePolicy, enforced.name);
      if (const auto why = pod_violations(*pod, enforced.level); !why.empty()) return refused(request, told("violates PodSecurity ", enforced, why));
    }
    const auto warned = policy_of(*ns, "warn");
    if (const auto why = pod_violations(*pod, warned.level); !why.empty() && request.warnings) request.warnings->push_back(told(kWouldViolate, warned, why));
    return {};
  }

  static void annotate(const AdmissionRequest& request, const char* key, std::string text) {
    if (request.annotations) request.annotations->emplace_back(key, std::move(text));
  }

  /// A label that was wrong already does not keep the namespace from being changed.
  static base::Outcome<void> check_labels(const AdmissionRequest& request) {
    std::vector<base::Cause> causes;
    for (const std::string_view mode : {"enforce", "audit", "warn"}) {
      const auto key = std::string(kLabelPrefix) + std::string(mode);
      const auto now = text_at(*request.object, {"metadata", "labels", key});
      if (now.empty() || pod_level(now) || (request.old && text_at(*request.old, {"metadata", "labels", key}) == now)) continue;
      causes.push_back({"FieldValueInvalid", "Invalid value: " + base::quoted(now) + ": must be one of privileged, baseline, restricted", "metadata.labels[" + key + "]"});
    }
    if (causes.empty()) return {};
    return base::invalid(request.kind->group, request.kind->kind, request.name, std::move(causes));
  }
};

}  // namespace

std::shared_ptr<AdmissionUnit> pod_security() { return std::make_shared<PodSecurity>(); }

}  // namespace keelson::auth
