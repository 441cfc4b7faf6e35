// NodeRestriction: a node changes only its own Node, lease, CSINode and pods, and of those nothing that others decide by.
#include <algorithm>
#include <set>

#include "core/auth/admission.hpp"
#include "core/auth/node.hpp"
#include "core/base/json_text.hpp"

namespace keelson::auth {
namespace {

using Operation = AdmissionRequest::Operation;

constexpr std::string_view kRestricted = "node-restriction.kubernetes.io";
/// Labels below kubernetes.io and k8s.io that a kubelet may set, and the namespaces of such.
constexpr std::string_view kAllowedLabels[] = {"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/os",
    "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "node.kubernetes.io/windows-build"};
constexpr std::string_view kAllowedSpaces[] = {"kubelet.kubernetes.io", "node.kubernetes.io"};

bool below(std::string_view space, std::string_view root) { return space == root || (space.size() > root.size() && space.ends_with(root) && space[space.size() - root.size() - 1] == '.'); }

bool label_allowed(std::string_view label) {
  const auto space = label.substr(0, label.find('/') == std::string_view::npos ? 0 : label.find('/'));
  if (below(space, kRestricted)) return false;
  if (!below(space, "kubernetes.io") && !below(space, "k8s.io")) return true;
  if (std::find(std::begin(kAllowedLabels), std::end(kAllowedLabels), label) != std::end(kAllowedLabels)) return true;
  return std::any_of(std::begin(kAllowedSpaces), std::end(kAllowedSpaces), [&](auto allowed) { return below(space, allowed); });
}

/// Null when there is none: an empty value says something, too.
const json::value* label_at(const json::value* object, std::string_view key) { return object ? find(*object, {"metadata", "labels", key}) : nullptr; }

bool same_label(const json::value* left, const json::value* right) { return left && right ? *left == *right : left == right; }

void add_keys(const json::value* object, std::set<std::string>& keys) {
  const auto* labels = object ? find(*object, {"metadata", "labels"}) : nullptr;
  if (labels && labels->is_object())
    for (const auto& [key, value] : labels->get_object()) keys.emplace(key);
}

/// Labels that are not the node's to set and that it sets, changes or takes away.
std::string forbidden_labels(const AdmissionRequest& request) {
  std::set<std::string> keys;
  add_keys(request.object, keys);
  add_keys(request.old, keys);
  std::string out;
  for (const auto& key : keys)
    if (!label_allowed(key) && !same_label(label_at(request.object, key), label_at(request.old, key))) out += (out.empty() ? "" : ", ") + key;
  return out;
}

bool same(const json::value* left, const json::value* right) {
  const auto empty = [](const json::value* value) { return !value || value->is_null() || (value->is_array() && value->get_array().empty()) || (value->is_object() && value->get_object().empty()); };
  return (empty(left) && empty(right)) || (left && right && *left == *right);
}

bool kept(const AdmissionRequest& request, Path path) { return same(request.object ? find(*request.object, path) : nullptr, request.old ? find(*request.old, path) : nullptr); }

std::string reference_in_volume(const json::value& volume) {
  for (const auto& [field, what] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"secret", "secrets"}, {"configMap", "configmaps"}, {"persistentVolumeClaim", "persistentvolumeclaims"}, {"ephemeral", "persistentvolumeclaims"}})
    if (find(volume, {field})) return std::string(what);
  if (!driver_secret(volume).empty()) return "secrets";
  if (const auto* sources = list_at(volume, {"projected", "sources"}))
    for (const auto& source : *sources)
      for (const auto& [field, what] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
               {"secret", "secrets"}, {"configMap", "configmaps"}, {"serviceAccountToken", "service account"}, {"clusterTrustBundle", "clustertrustbundles"}, {"podCertificate", "pod certificates"}})
        if (find(source, {field})) return std::string(what);
  return {};
}

std::string reference_in_container(const json::value& container) {
  if (const auto* entries = list_at(container, {"env"}))
    for (const auto& entry : *entries) {
      if (find(entry, {"valueFrom", "secretKeyRef"})) return "secrets";
      if (find(entry, {"valueFrom", "configMapKeyRef"})) return "configmaps";
    }
  if (const auto* entries = list_at(container, {"envFrom"}); entries && !entries->empty()) return find(entries->front(), {"secretRef"}) ? "secrets" : "configmaps";
  return {};
}

/// What a pod that a node makes by itself must not reach.
std::string reference_in(const json::value& pod) {
  if (!text_at(pod, {"spec", "serviceAccountName"}).empty()) return "service account";
  if (const auto* pulls = list_at(pod, {"spec", "imagePullSecrets"}); pulls && !pulls->empty()) return "secrets";
  if (const auto* volumes = list_at(pod, {"spec", "volumes"}))
    for (const auto& volume : *volumes)
      if (auto what = reference_in_volume(volume); !what.empty()) return what;
  for (const std::string_view list : {"containers", "initContainers", "ephemeralContainers"})
    if (const auto* containers = list_at(pod, {"spec", list}))
      for (const auto& container : *containers)
        if (auto what = reference_in_container(container); !what.empty()) return what;
  if (const auto* claims = list_at(pod, {"spec", "resourceClaims"}); claims && !claims->empty()) return "resourceclaims";
  return {};
}

class NodeRestriction final : public AdmissionUnit, public AnswersAtOnce {
 public:
  std::string_view name() const override { return "NodeRestriction"; }
  bool reads_managers(const AdmissionRequest&) override { return false; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view) const override {
    if (operation == Operation::connect) return false;
    const auto key = kind.storage_key.text();
    for (const std::string_view one : {"pods", "nodes", "persistentvolumeclaims", "serviceaccounts", "leases.coordination.k8s.io", "csinodes.storage.k8s.io"})
      if (key == one) return true;
    return false;
  }
  // Asked in the mutating phase, as upstream, and once more when others have changed the object since.
  bool reinvoke() const override { return true; }
  bool reads_objects(const AdmissionRequest& request) override { return !request.user || request.user->member_of("system:nodes"); }
  bool passes(const AdmissionRequest& request) override { return !reads_objects(request); }
  void mutate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { done(check(request)); }

 private:
  static base::Outcome<void> check(const AdmissionRequest& request) {
    if (!request.user || !request.user->member_of("system:nodes")) return {};
    const auto node = node_name(*request.user);
    if (node.empty()) return refused(request, "could not determine node from user " + base::quoted(request.user->name));
    const auto key = request.kind->storage_key.text();
    if (key == "pods" && request.subresource == "eviction" && !evicted(request)) return base::not_found("", "pods", request.name);
    const std::string why = key == "pods"                     ? pods(request, node)
                            : key == "nodes"                  ? nodes(request, node)
                            : key == "persistentvolumeclaims" ? claims(request)
                            : key == "serviceaccounts"        ? token(request, node)
                                                              : own(request, node, key);
    if (why.empty()) return {};
    return refused(request, why);
  }

  static std::string pods(const AdmissionRequest& request, const std::string& node) {
    const auto self = "node " + base::quoted(node);
    const auto on_node = [&](const json::value* pod) { return pod && text_at(*pod, {"spec", "nodeName"}) == node; };
    if (request.subresource == "eviction") return stored_on_node(request, node) ? "" : self + " can only evict pods with spec.nodeName set to itself";
    if (request.subresource == "status") return status(request, self, on_node(request.old));
    if (!request.subresource.empty()) return "unexpected pod subresource " + base::quoted(request.subresource) + ", only 'status' and 'eviction' are allowed";
    if (request.operation == Operation::remove) return on_node(request.old) ? "" : self + " can only delete pods with spec.nodeName set to itself";
    if (request.operation != Operation::create) return "unexpected operation, " + self + " can only create and delete mirror pods";
    const auto& pod = *request.object;
    if (!find(pod, {"metadata", "annotations", kMirrorAnnotation})) return "pod does not have " + base::quoted(kMirrorAnnotation) + " annotation, " + self + " can only create mirror pods";
    if (!on_node(request.object)) return self + " can only create pods with spec.nodeName set to itself";
    if (auto why = owner(request, node, self); !why.empty()) return why;
    if (const auto what = reference_in(pod); !what.empty()) return self + " can not create pods that reference " + (what == "service account" ? "a service account" : what);
    return {};
  }

  static store::ObjectRef evicted(const AdmissionRequest& request) { return request.snapshot.get({store::Atom("pods"), request.ns, request.name}); }

  static bool stored_on_node(const AdmissionRequest& request, const std::string& node) {
    const auto found = evicted(request);
    return found && !found->columns().fields.empty() && found->columns().fields.front() == node;
  }

  static std::string status(const AdmissionRequest& request, const std::string& self, bool on_node) {
    if (request.operation != Operation::update) return "unexpected operation on pod status";
    if (!on_node) return self + " can only update pod status for pods with spec.nodeName set to itself";
    if (!kept(request, {"metadata", "labels"})) return self + " cannot update labels through pod status";
    if (!kept(request, {"metadata", "ownerReferences"})) return self + " cannot update ownerReferences through pod status";
    if (!kept(request, {"status", "resourceClaimStatuses"})) return self + " cannot update resource claim statuses";
    return {};
  }

  static std::string owner(const AdmissionRequest& request, const std::string& node, const std::string& self) {
    const auto* owners = list_at(*request.object, {"metadata", "ownerReferences"});
    if (!owners || owners->empty()) return self + " can only create pods with an owner reference set to itself";
    if (owners->size() > 1) return self + " can only create pods with a single owner reference set to itself";
    const auto& one = owners->front();
    if (text_at(one, {"apiVersion"}) != "v1" || text_at(one, {"kind"}) != "Node" || text_at(one, {"name"}) != node) return self + " can only create pods with an owner reference set to itself";
    if (!flag_at(one, {"controller"})) return self + " can only create pods with a controller owner reference set to itself";
    if (flag_at(one, {"blockOwnerDeletion"})) return self + " must not set blockOwnerDeletion on an owner reference";
    const auto found = request.snapshot.get({store::Atom("nodes"), "", node});
    if (!found || found->columns().uid != text_at(one, {"uid"})) return self + " UID mismatch: expected the UID of the stored node";
    return {};
  }

  static std::string nodes(const AdmissionRequest& request, const std::string& node) {
    const auto self = "node " + base::quoted(node);
    const std::string name = request.name.empty() && request.object ? std::string(text_at(*request.object, {"metadata", "name"})) : request.name;
    if (name != node) return self + " is not allowed to modify node " + base::quoted(name);
    const auto labels = request.operation == Operation::remove ? std::string() : forbidden_labels(request);
    if (request.operation == Operation::create) {
      if (!kept(request, {"spec", "configSource"})) return self + " is not allowed to create pods with a non-nil configSource";
      if (!labels.empty()) return self + " is not allowed to set the following labels: " + labels;
      const auto* owners = list_at(*request.object, {"metadata", "ownerReferences"});
      return owners && !owners->empty() ? self + " is not allowed to set ownerReferences" : std::string();
    }
    if (request.operation != Operation::update) return {};
    if (!kept(request, {"spec", "taints"})) return self + " is not allowed to modify taints";
    if (!kept(request, {"metadata", "ownerReferences"})) return self + " is not allowed to modify ownerReferences";
    if (!kept(request, {"spec", "configSource"})) return self + " is not allowed to update spec.configSource";
    if (!labels.empty()) return self + " is not allowed to modify labels: " + labels;
    return {};
  }

  static std::string claims(const AdmissionRequest& request) {
    if (request.operation != Operation::update || request.subresource != "status" || !request.object || !request.old) return "nodes may only update the status of claims";
    return unreported(*request.object) == unreported(*request.old) ? "" : "node is not allowed to update fields other than status.capacity and status.conditions";
  }

  /// A claim without what its node reports of it, and what every write changes.
  static json::value unreported(json::value claim) {
    for (const std::string_view field : {"resourceVersion", "managedFields"}) object_at(claim, {"metadata"}).erase(field);
    for (const std::string_view field : {"capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"}) object_at(claim, {"status"}).erase(field);
    return claim;
  }

  static std::string token(const AdmissionRequest& request, const std::string& node) {
    if (request.operation != Operation::create || request.subresource != "token" || !request.object) return {};
    const auto* bound = find(*request.object, {"spec", "boundObjectRef"});
    if (!bound || text_at(*bound, {"apiVersion"}) != "v1" || text_at(*bound, {"kind"}) != "Pod" || text_at(*bound, {"name"}).empty()) return "node requested token not bound to a pod";
    const std::string uid(text_at(*bound, {"uid"})), name(text_at(*bound, {"name"}));
    if (uid.empty()) return "node requested token with a pod binding without a uid";
    const auto pod = request.snapshot.get({store::Atom("pods"), request.ns, name});
    if (!pod) return "pod " + base::quoted(name) + " not found";
    if (pod->columns().uid != uid) return "the UID in the bound object reference (" + uid + ") does not match the UID in record. The object might have been deleted and then recreated";
    if (pod->columns().fields.empty() || pod->columns().fields.front() != node) return "node requested token bound to a pod scheduled on a different node";
    return {};
  }

  static std::string own(const AdmissionRequest& request, const std::string& node, std::string_view key) {
    const bool lease = key.starts_with("leases");
    if (lease && request.ns != "kube-node-lease") return "can only access leases in the \"kube-node-lease\" system namespace";
    const std::string name = request.name.empty() && request.object ? std::string(text_at(*request.object, {"metadata", "name"})) : request.name;
    return name == node ? "" : std::string("can only access ") + (lease ? "node lease" : "CSINode") + " with the same name as the requesting node";
  }
};

}  // namespace

std::shared_ptr<AdmissionUnit> node_restriction() { return std::make_shared<NodeRestriction>(); }

}  // namespace keelson::auth
