// PodSecurity: the levels that a namespace's labels ask of its pods, enforced or warned of.
#include <algorithm>
#include <map>

#include "core/auth/admission.hpp"
#include "core/auth/pod_security.hpp"
#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"

namespace keelson::auth {
namespace {

using Operation = AdmissionRequest::Operation;

constexpr std::string_view kLabelPrefix = "pod-security.kubernetes.io/";

/// Pods that are looked at when a namespace asks for more than before.
constexpr std::size_t kPodsLookedAtMax = 3000;

/// A mode of a namespace: what is asked, and in which version.
struct Policy {
  PodLevel level = PodLevel::privileged;
  std::string level_name = "privileged", version = "latest";
  std::string name() const { return level_name + ":" + version; }
  bool operator==(const Policy&) const = default;
};

bool known_version(std::string_view version) {
  if (version == "latest") return true;
  constexpr std::string_view kMajor = "v1.";
  const auto minor = version.substr(std::min(version.size(), kMajor.size()));
  return version.starts_with(kMajor) && !minor.empty() && (minor == "0" || minor[0] != '0') && std::all_of(minor.begin(), minor.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// `label(name)`: of the namespace, below kLabelPrefix. A level that is none is the strictest: nothing gets in by a typing error.
template <class Label>
Policy policy_of(const Label& label, const std::string& mode, const std::string& otherwise) {
  Policy out;
  std::string level(label(mode));
  const std::string version(label(mode + "-version"));
  if (known_version(version)) out.version = version;
  if (level.empty()) level = otherwise;
  const auto known = pod_level(level);
  out.level = known.value_or(PodLevel::restricted);
  out.level_name = known ? level : "restricted";
  return out;
}

Policy policy_of(const store::Object& ns, const std::string& mode, const std::string& otherwise) {
  return policy_of([&](const std::string& name) -> std::string_view {
    for (const auto& [key, value] : ns.columns().labels)
      if (key.text().substr(0, kLabelPrefix.size()) == kLabelPrefix && key.text().substr(kLabelPrefix.size()) == name) return value;
    return {};
  }, mode, otherwise);
}

Policy policy_of(const json::value& ns, const std::string& mode, const std::string& otherwise) {
  return policy_of([&](const std::string& name) { return text_at(ns, {"metadata", "labels", std::string(kLabelPrefix) + name}); }, mode, otherwise);
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

std::string told(std::string_view begin, const Policy& policy, const Violations& why) { return std::string(begin) + base::quoted(policy.name()) + ": " + with_details(why); }

/// Whether something changes by which a pod is judged: of one that is there only images may.
bool significant(const json::value& pod, const json::value& old) {
  std::map<std::string, std::string_view> before;
  each_pod_container(old, [&](std::string name, const json::value& container) { before.emplace(std::move(name), text_at(container, {"image"})); });
  bool other = false;
  each_pod_container(pod, [&](const std::string& name, const json::value& container) {
    const auto was = before.find(name);
    other |= was == before.end() || was->second != text_at(container, {"image"});
  });
  return other;
}

/// Of each kind of violation the first pod, and how many others have it.
std::vector<std::string> violating_pods(const AdmissionRequest& request, const Policy& policy) {
  struct Found { std::string first; std::size_t count = 0; };
  std::map<std::string, Found> found;
  std::size_t looked_at = 0, all = 0;
  request.snapshot.scan(store::Atom("pods"), request.name, nullptr, [&](const store::ObjectRef& pod) {
    if (++all > kPodsLookedAtMax) return true;
    ++looked_at;
    const auto reasons = reasons_of(pod_violations(base::json_of(pod->body()), policy.level));
    if (reasons.empty()) return true;
    auto& one = found[reasons];
    if (one.count++ == 0) one.first = pod->key().name;   // they come by name
    return true;
  });
  std::vector<std::string> out, pods;
  if (looked_at < all) out.push_back("new PodSecurity enforce level only checked against the first " + std::to_string(looked_at) + " of " + std::to_string(all) + " existing pods");
  if (!found.empty()) out.push_back("existing pods in namespace " + base::quoted(request.name) + " violate the new PodSecurity enforce level " + base::quoted(policy.name()));
  for (const auto& [reasons, one] : found) {
    const auto others = one.count == 1 ? "" : one.count == 2 ? " (and 1 other pod)" : " (and " + std::to_string(one.count - 1) + " other pods)";
    pods.push_back(one.first + others + ": " + reasons);
  }
  std::sort(pods.begin(), pods.end());
  out.insert(out.end(), pods.begin(), pods.end());
  return out;
}

constexpr const char *kAuditViolations = "pod-security.kubernetes.io/audit-violations", *kEnforcePolicy = "pod-security.kubernetes.io/enforce-policy";
constexpr std::string_view kWouldViolate = "would violate PodSecurity ";

class PodSecurity final : public AdmissionUnit, public AnswersAtOnce {
 public:
  explicit PodSecurity(PodSecurityDefaults defaults) : defaults_(std::move(defaults)) {}
  std::string_view name() const override { return "PodSecurity"; }
  bool reads_managers(const AdmissionRequest&) override { return false; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    const auto key = kind.storage_key.text();
    const bool writes = operation == Operation::create || operation == Operation::update;
    if (key == "pods") return writes && (subresource.empty() || subresource == "ephemeralcontainers" || subresource == "resize");
    return writes && subresource.empty() && (key == "namespaces" || makes_pods(key));
  }
  bool rests_on(const AdmissionRequest& request, Grounds& grounds) override {
    const auto ns = namespace_of(request);
    if (!ns || request.kind->storage_key.text() != "pods" || annotations_count(*request.object)) return false;
    grounds.add(ns->key(), ns, false);
    return true;
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (request.spec_is_known) return done({});
    done(request.kind->storage_key.text() == "namespaces" ? check_namespace(request) : check_pod(request));
  }

 private:
  base::Outcome<void> check_pod(AdmissionRequest& request) const {
    const auto ns = namespace_of(request);
    const auto* pod = ns ? pod_in(request) : nullptr;
    if (!pod) return {};
    const bool is_pod = request.kind->storage_key.text() == "pods";
    if (is_pod && request.operation == Operation::update && request.old && !significant(*pod, *request.old)) return {};
    // A refusal is audited with what it violates, too.
    const auto audited = policy_of(*ns, "audit", defaults_.audit);
    if (const auto why = pod_violations(*pod, audited.level); !why.empty()) annotate(request, kAuditViolations, told(kWouldViolate, audited, why));
    if (is_pod) {
      const auto enforced = policy_of(*ns, "enforce", defaults_.enforce);
      if (enforced.level != PodLevel::privileged) annotate(request, kEnforcePolicy, enforced.name());
      if (const auto why = pod_violations(*pod, enforced.level); !why.empty()) return refused(request, told("violates PodSecurity ", enforced, why));
    }
    const auto warned = policy_of(*ns, "warn", defaults_.warn);
    if (const auto why = pod_violations(*pod, warned.level); !why.empty() && request.warnings) request.warnings->push_back(told(kWouldViolate, warned, why));
    return {};
  }

  static store::ObjectRef namespace_of(const AdmissionRequest& request) {
    static const store::Atom namespaces("namespaces");
    return request.snapshot.get({namespaces, "", request.ns});
  }
  static void annotate(const AdmissionRequest& request, const char* key, std::string text) {
    if (request.annotations) request.annotations->emplace_back(key, std::move(text));
  }

  base::Outcome<void> check_namespace(AdmissionRequest& request) const {
    if (auto wrong = wrong_labels(request); !wrong.empty()) return base::invalid(request.kind->group, request.kind->kind, request.name, std::move(wrong));
    if (!request.old || !request.warnings) return {};
    const auto before = policy_of(*request.old, "enforce", defaults_.enforce), now = policy_of(*request.object, "enforce", defaults_.enforce);
    if (now == before || now.level == PodLevel::privileged || (now.version == before.version && now.level <= before.level)) return {};
    for (auto& warning : violating_pods(request, now)) request.warnings->push_back(std::move(warning));
    return {};
  }

  /// A label that was wrong already does not keep the namespace from being changed.
  static std::vector<base::Cause> wrong_labels(const AdmissionRequest& request) {
    std::vector<base::Cause> causes;
    const auto check = [&](const std::string& name, auto good, const char* what) {
      const auto key = std::string(kLabelPrefix) + name;
      const auto now = text_at(*request.object, {"metadata", "labels", key});
      if (now.empty() || good(now) || (request.old && text_at(*request.old, {"metadata", "labels", key}) == now)) return;
      causes.push_back({"FieldValueInvalid", "Invalid value: " + base::quoted(now) + ": " + what, "metadata.labels[" + key + "]"});
    };
    for (const std::string mode : {"enforce", "audit", "warn"}) {
      check(mode, [](std::string_view level) { return pod_level(level).has_value(); }, "must be one of privileged, baseline, restricted");
      check(mode + "-version", known_version, "must be \"latest\" or \"v1.x\"");
    }
    return causes;
  }

  const PodSecurityDefaults defaults_;
};

}  // namespace

std::shared_ptr<AdmissionUnit> pod_security(PodSecurityDefaults defaults) { return std::make_shared<PodSecurity>(std::move(defaults)); }

}  // namespace keelson::auth
