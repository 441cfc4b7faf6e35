// ServiceAccount: each pod acts as one, and finds its token, the cluster's CA and its namespace mounted.
#include <boost/json/parse.hpp>

#include "core/auth/admission.hpp"
#include "core/auth/node.hpp"
#include "core/base/json_value.hpp"
#include "core/kinds/edit.hpp"

namespace keelson::auth {
namespace {

constexpr std::string_view kMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::string_view kVolumePrefix = "kube-api-access-", kDefault = "default";

/// Five letters out of who makes such pods: the volume has to be unique only inside the pod, a replay gets the same, and so do pods
/// that are alike, of which it is known then what becomes of them.
std::string suffix_for(const AdmissionRequest& request) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::uint64_t hash = 1469598103934665603ull;
  const auto mix = [&](std::string_view text) {
    for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  };
  mix(request.ns);
  mix(text_at(*request.object, {"metadata", "generateName"}));
  if (const auto* owners = list_at(*request.object, {"metadata", "ownerReferences"}); owners && !owners->empty()) mix(text_at(owners->front(), {"uid"}));
  std::string out;
  for (int i = 0; i < 5; ++i, hash /= kLetters.size()) out += kLetters[hash % kLetters.size()];
  return out;
}

/// The volume as upstream writes it; the template keeps this readable, only the name differs.
json::value token_volume(const std::string& name) {
  auto volume = json::parse(R"({"projected":{"defaultMode":420,"sources":[
    {"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},
    {"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},
    {"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}]}})");
  volume.get_object()["name"] = name;
  return volume;
}

class ServiceAccountAdmission final : public InlineMutator {
 public:
  std::string_view name() const override { return "ServiceAccount"; }
  bool handles(AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == AdmissionRequest::Operation::create && kind.storage_key.text() == "pods" && subresource.empty();
  }

  bool rests_on(const AdmissionRequest& request, Grounds& grounds) override {
    if (find(*request.object, {"metadata", "annotations", kMirrorAnnotation})) return false;
    const auto account = text_at(grounds.spec, {"serviceAccountName"});
    const store::Key key{accounts_, request.ns, std::string(account.empty() ? kDefault : account)};
    const auto found = request.snapshot.get(key);
    if (!found) return false;
    grounds.add(key, found, true);
    if (flag_at(grounds.spec, {"automountServiceAccountToken"}, true)) grounds.add(suffix_for(request));
    return true;
  }

  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    // A mirror pod shows what a node runs by itself; it acts as nobody.
    if (find(*request.object, {"metadata", "annotations", kMirrorAnnotation})) return {};
    auto& spec = object_at(*request.object, {"spec"});
    if (text_at(*request.object, {"spec", "serviceAccountName"}).empty()) spec["serviceAccountName"] = kDefault;
    const std::string account(text_at(*request.object, {"spec", "serviceAccountName"}));
    spec["serviceAccount"] = account;   // its deprecated name, which decoding kept equal until now
    const store::Key key{accounts_, request.ns, account};
    const auto found = request.snapshot.get(key);
    if (!found) return refused(request, "error looking up service account " + request.ns + "/" + account + ": serviceaccount \"" + account + "\" not found");
    expect_unchanged(request, key, found);
    // Of the account two members matter; the rest stays unread.
    const auto mounts = kinds::printed_member(found->body(), "automountServiceAccountToken"), secrets = kinds::printed_member(found->body(), "imagePullSecrets");
    if (flag_at(*request.object, {"spec", "automountServiceAccountToken"}, mounts != "false")) mount(request, spec);
    const auto* present = list_at(*request.object, {"spec", "imagePullSecrets"});
    if (secrets.empty() || (present && !present->empty())) return {};
    boost::system::error_code fault;
    const auto given = base::json_of(secrets, fault, request.object->storage());
    if (fault) return base::internal("service account " + request.ns + "/" + account + " cannot be read");
    if (given.is_array() && !given.get_array().empty()) spec["imagePullSecrets"] = given;
    return {};
  }

 private:
  static void mount(AdmissionRequest& request, json::object& spec) {
    std::string volume = std::string(kVolumePrefix) + suffix_for(request);
    bool exists = false;
    if (const auto* volumes = list_at(*request.object, {"spec", "volumes"}))
      for (const auto& entry : *volumes)
        if (const auto name = text_at(entry, {"name"}); name.substr(0, kVolumePrefix.size()) == kVolumePrefix) volume = name, exists = true;
    const bool wanted = mount_into(spec, "initContainers", volume) | mount_into(spec, "containers", volume);
    if (wanted && !exists) list_in(spec, "volumes").emplace_back(token_volume(volume));
  }

  /// True when a container got the mount.
  static bool mount_into(json::object& spec, std::string_view list, const std::string& volume) {
    auto* containers = spec.if_contains(list);
    if (!containers || !containers->is_array()) return false;
    bool any = false;
    for (auto& container : containers->get_array()) {
      if (!container.is_object() || mounted(container)) continue;
      list_in(container.get_object(), "volumeMounts").emplace_back(json::object({{"name", volume}, {"readOnly", true}, {"mountPath", kMountPath}}));
      any = true;
    }
    return any;
  }
  static bool mounted(const json::value& container) {
    const auto* mounts = list_at(container, {"volumeMounts"});
    if (!mounts) return false;
    for (const auto& entry : *mounts)
      if (text_at(entry, {"mountPath"}) == kMountPath) return true;
    return false;
  }

  const store::Atom accounts_{"serviceaccounts"};
};

}  // namespace

std::shared_ptr<AdmissionUnit> service_account_admission() { return std::make_shared<ServiceAccountAdmission>(); }

}  // namespace keelson::auth
