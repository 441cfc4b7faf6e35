#include "core/auth/admission_classes.hpp"

#include <algorithm>

#include "core/auth/admission.hpp"
#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"
#include "core/base/quantity.hpp"

namespace keelson::auth {
namespace {

using Operation = AdmissionRequest::Operation;

constexpr std::string_view kStorageClasses = "storageclasses.storage.k8s.io", kRuntimeClasses = "runtimeclasses.node.k8s.io", kIngressClasses = "ingressclasses.networking.k8s.io";

bool is(const kinds::Kind& kind, std::string_view storage_key) { return kind.storage_key.text() == storage_key; }

json::value read(const store::Object& object) {
  boost::system::error_code fault;
  auto value = base::json_of(object.body(), fault);
  return fault ? json::value() : value;
}

/// The class that one of these annotations makes the default: of several the newest, then the first by name. Empty: none.
std::string default_class(const AdmissionRequest& request, std::string_view resource, std::initializer_list<std::string_view> annotations) {
  store::ObjectRef best;
  request.snapshot.scan(store::Atom(resource), "", nullptr, [&](const store::ObjectRef& object) {
    const auto body = read(*object);
    const bool chosen = std::any_of(annotations.begin(), annotations.end(), [&](auto annotation) { return text_at(body, {"metadata", "annotations", annotation}) == "true"; });
    if (chosen && (!best || object->columns().creation_unix_s > best->columns().creation_unix_s)) best = object;
    return true;
  });
  return best ? best->key().name : std::string();
}

class DefaultStorageClass final : public InlineMutator {
 public:
  std::string_view name() const override { return "DefaultStorageClass"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && subresource.empty() && is(kind, "persistentvolumeclaims");
  }
  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    if (find(*request.object, {"spec", "storageClassName"}) || find(*request.object, {"metadata", "annotations", "volume.beta.kubernetes.io/storage-class"})) return {};
    const auto chosen = default_class(request, kStorageClasses, {"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"});
    if (!chosen.empty()) object_at(*request.object, {"spec"})["storageClassName"] = chosen;
    return {};
  }
};

class DefaultIngressClass final : public InlineMutator {
 public:
  std::string_view name() const override { return "DefaultIngressClass"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && subresource.empty() && is(kind, "ingresses.networking.k8s.io");
  }
  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    if (find(*request.object, {"spec", "ingressClassName"}) || find(*request.object, {"metadata", "annotations", "kubernetes.io/ingress.class"})) return {};
    const auto chosen = default_class(request, kIngressClasses, {"ingressclass.kubernetes.io/is-default-class"});
    if (!chosen.empty()) object_at(*request.object, {"spec"})["ingressClassName"] = chosen;
    return {};
  }
};

/// Claims, volumes and their classes are marked when they are made: the garbage collector lets them go when nobody uses them any more.
class StorageObjectInUseProtection final : public InlineMutator {
 public:
  std::string_view name() const override { return "StorageObjectInUseProtection"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && subresource.empty() && !mark_of(kind).empty();
  }
  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    const auto mark = mark_of(*request.kind);
    auto& marks = list_in(object_at(*request.object, {"metadata"}), "finalizers");
    if (std::find(marks.begin(), marks.end(), json::value(mark)) == marks.end()) marks.emplace_back(mark);
    return {};
  }

 private:
  static std::string_view mark_of(const kinds::Kind& kind) {
    if (is(kind, "persistentvolumes")) return "kubernetes.io/pv-protection";
    if (is(kind, "persistentvolumeclaims")) return "kubernetes.io/pvc-protection";
    return is(kind, "volumeattributesclasses.storage.k8s.io") ? "kubernetes.io/vac-protection" : "";
  }
};

/// A claim grows only where its class can make it grow.
class ClaimResize final : public AdmissionUnit, public AnswersAtOnce {
 public:
  std::string_view name() const override { return "PersistentVolumeClaimResize"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::update && subresource.empty() && is(kind, "persistentvolumeclaims");
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { done(check(request)); }

 private:
  static base::Outcome<void> check(AdmissionRequest& request) {
    const auto size = [](const json::value* claim) { return claim ? base::Quantity::parse(text_at(*claim, {"spec", "resources", "requests", "storage"})) : std::nullopt; };
    const auto before = size(request.old), after = size(request.object);
    if (!before || !after || compare(*after, *before) <= 0) return {};
    if (text_at(*request.old, {"status", "phase"}) != "Bound") return refused(request, "Only bound persistent volume claims can be expanded");
    const std::string chosen(text_at(*request.object, {"spec", "storageClassName"}));
    const auto found = chosen.empty() ? store::ObjectRef() : request.snapshot.get({store::Atom(kStorageClasses), "", chosen});
    if (!found || !flag_at(read(*found), {"allowVolumeExpansion"}))
      return refused(request, "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize");
    return {};
  }
};

class RuntimeClass final : public InlineMutator {
 public:
  std::string_view name() const override { return "RuntimeClass"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && subresource.empty() && is(kind, "pods");
  }
  bool rests_on(const AdmissionRequest& request, Grounds& grounds) override {
    const store::Key key{store::Atom(kRuntimeClasses), "", std::string(text_at(grounds.spec, {"runtimeClassName"}))};
    if (!key.name.empty()) grounds.add(key, request.snapshot.get(key), true);
    return true;
  }
  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    const std::string chosen(text_at(*request.object, {"spec", "runtimeClassName"}));
    const auto* given = find(*request.object, {"spec", "overhead"});
    const bool has_overhead = given && given->is_object() && !given->get_object().empty();
    if (chosen.empty()) {
      if (has_overhead) return refused(request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
      return {};
    }
    const store::Key key{store::Atom(kRuntimeClasses), "", chosen};
    const auto found = request.snapshot.get(key);
    if (!found) return refused(request, "pod rejected: RuntimeClass " + base::quoted(chosen) + " not found");
    expect_unchanged(request, key, found);
    const auto body = read(*found);
    if (auto set = set_overhead(request, body, has_overhead ? given : nullptr); !set) return set;
    return set_scheduling(request, body);
  }

 private:
  static base::Outcome<void> set_overhead(AdmissionRequest& request, const json::value& body, const json::value* given) {
    const auto* fixed = find(body, {"overhead", "podFixed"});
    if (!fixed) {
      if (given) return refused(request, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
      return {};
    }
    if (given && *given != *fixed) return refused(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    object_at(*request.object, {"spec"})["overhead"] = *fixed;
    return {};
  }

  static base::Outcome<void> set_scheduling(AdmissionRequest& request, const json::value& body) {
    if (const auto* selector = find(body, {"scheduling", "nodeSelector"}); selector && selector->is_object()) {
      auto& own = object_at(*request.object, {"spec", "nodeSelector"});
      for (const auto& [key, value] : selector->get_object()) {
        const auto* there = own.if_contains(key);
        if (there && *there != value) return refused(request, conflict(key, value, *there));
        own[key] = value;
      }
    }
    const auto* tolerations = list_at(body, {"scheduling", "tolerations"});
    if (!tolerations || tolerations->empty()) return {};
    auto& own = list_in(object_at(*request.object, {"spec"}), "tolerations");
    for (const auto& toleration : *tolerations)
      if (std::find(own.begin(), own.end(), toleration) == own.end()) own.push_back(toleration);
    return {};
  }

  static std::string conflict(std::string_view key, const json::value& wanted, const json::value& there) {
    const auto text = [](const json::value& value) { return value.is_string() ? std::string(value.get_string()) : std::string(); };
    const std::string name(key);
    return "conflict: runtimeClass.scheduling.nodeSelector[" + name + "] = " + text(wanted) + "; pod.spec.nodeSelector[" + name + "] = " + text(there);
  }
};

/// Who may approve, or sign, for a signer.
class SignerUnit final : public AdmissionUnit, public AnswersAtOnce {
 public:
  SignerUnit(const Chains& chains, std::string name, std::string subresource, std::string verb) : chains_(chains), name_(std::move(name)), subresource_(std::move(subresource)), verb_(std::move(verb)) {}
  std::string_view name() const override { return name_; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::update && subresource == subresource_ && is(kind, "certificatesigningrequests.certificates.k8s.io");
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (!request.old || !request.object || !touched(request)) return done({});
    const std::string signer(text_at(*request.old, {"spec", "signerName"}));
    if (allowed(request, signer) || allowed(request, signer.substr(0, signer.find('/')) + "/*")) return done({});
    done(refused(request, "user not permitted to " + verb_ + " requests with signerName " + base::quoted(signer)));
  }

 private:
  bool touched(const AdmissionRequest& request) const {
    if (subresource_ != "status") return true;
    return text_at(*request.old, {"status", "certificate"}) != text_at(*request.object, {"status", "certificate"}) || !same_conditions(request);
  }
  static bool same_conditions(const AdmissionRequest& request) {
    const auto *before = list_at(*request.old, {"status", "conditions"}), *after = list_at(*request.object, {"status", "conditions"});
    return (!before || before->empty()) ? (!after || after->empty()) : after && *before == *after;
  }
  bool allowed(const AdmissionRequest& request, const std::string& signer) const {
    Attributes asked;
    asked.user = request.user;
    asked.verb = verb_;
    asked.group = "certificates.k8s.io";
    asked.version = "*";
    asked.resource = "signers";
    asked.name = signer;
    return chains_.authorize(asked).decision == Decision::allow;
  }

  const Chains& chains_;
  const std::string name_, subresource_, verb_;
};

}  // namespace

void add_class_admission(Chains& chains) {
  chains.add(kOrderDefaultStorageClass, std::make_shared<DefaultStorageClass>());
  chains.add(kOrderStorageProtection, std::make_shared<StorageObjectInUseProtection>());
  chains.add(kOrderClaimResize, std::make_shared<ClaimResize>());
  chains.add(kOrderRuntimeClass, std::make_shared<RuntimeClass>());
  chains.add(kOrderCertificateApproval, std::make_shared<SignerUnit>(chains, "CertificateApproval", "approval", "approve"));
  chains.add(kOrderCertificateSigning, std::make_shared<SignerUnit>(chains, "CertificateSigning", "status", "sign"));
  chains.add(kOrderCertificateSubjectRestriction, certificate_subject_restriction());
  chains.add(kOrderDefaultIngressClass, std::make_shared<DefaultIngressClass>());
}

}  // namespace keelson::auth
