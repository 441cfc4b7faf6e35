#include <algorithm>

#include "core/auth/json_access.hpp"
#include "core/auth/node.hpp"
#include "core/base/json_value.hpp"

namespace keelson::auth {
namespace {

constexpr std::string_view kPrefix = "system:node:";
constexpr std::string_view kSelecting = "?fieldSelector=";
constexpr std::string_view kReads = "get list watch";
/// Place of spec.nodeName in the columns of pods: the first of their selectable fields.
constexpr std::size_t kNodeNameColumn = 0;

/// What every node may do, whatever is bound to it: upstream's NodeRules.
struct Grant { std::string_view group, resource, verbs; };
constexpr Grant kGrants[] = {
    {"authentication.k8s.io", "tokenreviews", "create"},
    {"authorization.k8s.io", "subjectaccessreviews", "create"},
    {"authorization.k8s.io", "localsubjectaccessreviews", "create"},
    {"", "services", "get list watch"},
    {"", "nodes", "create get list watch update patch"},
    {"", "nodes/status", "update patch"},
    {"", "events", "create update patch"},
    {"events.k8s.io", "events", "create update patch"},
    {"", "pods", "get list watch create delete"},
    {"", "pods/status", "update patch"},
    {"", "pods/eviction", "create"},
    {"certificates.k8s.io", "certificatesigningrequests", "create get list watch"},
    {"storage.k8s.io", "csidrivers", "get list watch"},
    {"node.k8s.io", "runtimeclasses", "get list watch"},
};

/// Words of a list, by spaces.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto end = list.find(' ');
    if (list.substr(0, end) == word) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
  return false;
}

bool granted(const Attributes& asked) {
  const std::string resource = asked.subresource.empty() ? asked.resource : asked.resource + "/" + asked.subresource;
  return std::any_of(std::begin(kGrants), std::end(kGrants), [&](const Grant& grant) { return grant.group == asked.group && grant.resource == resource && has_word(grant.verbs, asked.verb); });
}

json::value read(const store::Object& object) {
  boost::system::error_code fault;
  auto value = base::json_of(object.body(), fault);
  return fault ? json::value() : value;
}

bool names(const json::value& value, Path path, std::string_view name) { return text_at(value, path) == name; }

/// Whether a container takes its environment from that object.
bool in_environment(const json::value& container, std::string_view kind, std::string_view name) {
  const bool secret = kind == "secrets";
  if (const auto* entries = list_at(container, {"env"}))
    for (const auto& entry : *entries)
      if (names(entry, {"valueFrom", secret ? "secretKeyRef" : "configMapKeyRef", "name"}, name)) return true;
  if (const auto* entries = list_at(container, {"envFrom"}))
    for (const auto& entry : *entries)
      if (names(entry, {secret ? "secretRef" : "configMapRef", "name"}, name)) return true;
  return false;
}

bool in_projection(const json::value& volume, std::string_view kind, std::string_view name) {
  if (const auto* sources = list_at(volume, {"projected", "sources"}))
    for (const auto& source : *sources)
      if (names(source, {kind == "secrets" ? "secret" : "configMap", "name"}, name)) return true;
  return false;
}

bool in_volume(const json::value& pod, const json::value& volume, std::string_view kind, std::string_view name) {
  if (kind == "secrets") return names(volume, {"secret", "secretName"}, name) || in_projection(volume, kind, name) || driver_secret(volume) == name;
  if (kind == "configmaps") return names(volume, {"configMap", "name"}, name) || in_projection(volume, kind, name);
  if (kind != "persistentvolumeclaims") return false;
  if (names(volume, {"persistentVolumeClaim", "claimName"}, name)) return true;
  return find(volume, {"ephemeral"}) && std::string(text_at(pod, {"metadata", "name"})) + "-" + std::string(text_at(volume, {"name"})) == name;
}

/// Whether that pod needs the object of its namespace.
bool needs(const json::value& pod, std::string_view kind, std::string_view name) {
  // Nodes make those themselves.
  if (find(pod, {"metadata", "annotations", kMirrorAnnotation})) return false;
  if (kind == "serviceaccounts") return names(pod, {"spec", "serviceAccountName"}, name);
  if (const auto* volumes = list_at(pod, {"spec", "volumes"}))
    if (std::any_of(volumes->begin(), volumes->end(), [&](const auto& volume) { return in_volume(pod, volume, kind, name); })) return true;
  if (kind == "secrets")
    if (const auto* pulls = list_at(pod, {"spec", "imagePullSecrets"}))
      if (std::any_of(pulls->begin(), pulls->end(), [&](const auto& pull) { return names(pull, {"name"}, name); })) return true;
  if (kind == "resourceclaims")
    for (const auto& where : {Path{"spec", "resourceClaims"}, Path{"status", "resourceClaimStatuses"}})
      if (const auto* claims = list_at(pod, where))
        if (std::any_of(claims->begin(), claims->end(), [&](const auto& claim) { return names(claim, {"resourceClaimName"}, name); })) return true;
  if (kind != "secrets" && kind != "configmaps") return false;
  for (const std::string_view list : {"containers", "initContainers", "ephemeralContainers"})
    if (const auto* containers = list_at(pod, {"spec", list}))
      if (std::any_of(containers->begin(), containers->end(), [&](const auto& container) { return in_environment(container, kind, name); })) return true;
  return false;
}

bool bound_to(const store::Object& pod, const std::string& node) { return pod.columns().fields.size() > kNodeNameColumn && pod.columns().fields[kNodeNameColumn] == node; }

class NodeAuthorizer final : public Authorizer {
 public:
  explicit NodeAuthorizer(store::Store& store) : store_(store) {}

  Verdict authorize(const Attributes& asked) override {
    if (!asked.user || !asked.resource_request) return {};
    const auto node = node_name(*asked.user);
    if (node.empty()) return {};
    const auto why = refusal_of(asked, node);
    return why.empty() ? Verdict{Decision::allow, ""} : Verdict{Decision::no_opinion, why};
  }

 private:
  /// Empty: it may.
  std::string refusal_of(const Attributes& asked, const std::string& node) const {
    const auto& resource = asked.resource;
    if (asked.group.empty() && (resource == "secrets" || resource == "configmaps")) return by_pods(asked, node, "get list watch");
    if (asked.group.empty() && resource == "persistentvolumeclaims") return asked.subresource == "status" ? by_pods(asked, node, "get update patch") : by_pods(asked, node, "get");
    if (asked.group.empty() && resource == "persistentvolumes") return volume(asked, node);
    if (asked.group.empty() && resource == "serviceaccounts") return account(asked, node);
    if (asked.group == "resource.k8s.io" && resource == "resourceclaims") return by_pods(asked, node, "get");
    if (asked.group == "storage.k8s.io" && resource == "volumeattachments") return attachment(asked, node);
    if (asked.group == "coordination.k8s.io" && resource == "leases") return own(asked, node, "kube-node-lease");
    if (asked.group == "storage.k8s.io" && resource == "csinodes") return own(asked, node, "");
    if (asked.group.empty() && resource == "pods" && has_word(kReads, asked.verb)) return pods(asked, node);
    if (asked.group.empty() && resource == "nodes" && has_word(kReads, asked.verb) && asked.name != node)
      return "node '" + node + "' cannot read " + (asked.name.empty() ? "all nodes" : "'" + asked.name + "'") + ", only its own Node object";
    return granted(asked) ? "" : "no rule for nodes allows it";
  }

  static std::string own(const Attributes& asked, const std::string& node, std::string_view ns) {
    if (!has_word("get create update patch delete", asked.verb) || !asked.subresource.empty()) return "can only get, create, update, patch, or delete a node's own object";
    if (!ns.empty() && asked.ns != ns) return "can only access leases in the \"kube-node-lease\" system namespace";
    if (asked.verb != "create" && asked.name != node) return "can only access an object with the same name as the requesting node";
    return "";
  }

  std::string no_relationship(const std::string& node) const { return "no relationship found between node '" + node + "' and this object"; }

  std::string by_pods(const Attributes& asked, const std::string& node, std::string_view verbs) const {
    if (!has_word(verbs, asked.verb) || (!asked.subresource.empty() && asked.subresource != "status")) return "can only read resources of this type";
    if (asked.name.empty()) return "No Object name found";
    return any_pod_needs(asked.ns, asked.name, asked.resource, node) ? "" : no_relationship(node);
  }

  bool any_pod_needs(const std::string& ns, const std::string& name, std::string_view kind, const std::string& node) const {
    bool found = false;
    store_.snapshot().scan(store::Atom("pods"), ns, nullptr, [&](const store::ObjectRef& pod) {
      found = bound_to(*pod, node) && needs(read(*pod), kind, name);
      return !found;
    });
    return found;
  }

  std::string account(const Attributes& asked, const std::string& node) const {
    const bool token = asked.verb == "create" && asked.subresource == "token", reads = asked.verb == "get" && asked.subresource.empty();
    if ((!token && !reads) || asked.name.empty()) return "can only create tokens for individual service accounts";
    return any_pod_needs(asked.ns, asked.name, "serviceaccounts", node) ? "" : no_relationship(node);
  }

  std::string volume(const Attributes& asked, const std::string& node) const {
    if (asked.verb != "get" || !asked.subresource.empty() || asked.name.empty()) return "can only get individual resources of this type";
    const auto found = store_.snapshot().get({store::Atom("persistentvolumes"), "", asked.name});
    if (!found) return no_relationship(node);
    const auto body = read(*found);
    const std::string ns(text_at(body, {"spec", "claimRef", "namespace"})), claim(text_at(body, {"spec", "claimRef", "name"}));
    return !claim.empty() && any_pod_needs(ns, claim, "persistentvolumeclaims", node) ? "" : no_relationship(node);
  }

  std::string attachment(const Attributes& asked, const std::string& node) const {
    if (asked.verb != "get" || asked.name.empty()) return "can only get individual resources of this type";
    const auto found = store_.snapshot().get({store::Atom("volumeattachments.storage.k8s.io"), "", asked.name});
    return found && names(read(*found), {"spec", "nodeName"}, node) ? "" : no_relationship(node);
  }

  std::string pods(const Attributes& asked, const std::string& node) const {
    if (asked.verb != "get" && asked.name.empty()) return selects(asked, "spec.nodeName", node) ? "" : "can only list/watch pods with spec.nodeName field selector";
    const auto found = store_.snapshot().get({store::Atom("pods"), asked.ns, asked.name});
    return found && bound_to(*found, node) ? "" : no_relationship(node);
  }

  store::Store& store_;
};

}  // namespace

std::string_view driver_secret(const json::value& volume) {
  for (const std::string_view driver : {"cephfs", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"})
    if (const auto name = text_at(volume, {driver, "secretRef", "name"}); !name.empty()) return name;
  if (const auto name = text_at(volume, {"azureFile", "secretName"}); !name.empty()) return name;
  return text_at(volume, {"csi", "nodePublishSecretRef", "name"});
}

std::string node_name(const Identity& user) {
  if (!user.name.starts_with(kPrefix) || !user.member_of("system:nodes")) return {};
  return user.name.substr(kPrefix.size());
}

std::string selecting(const std::vector<std::string>& fixed) {
  std::string out;
  for (const auto& one : fixed)
    if (one.find(',') == std::string::npos) out += std::string(out.empty() ? kSelecting : ",") + one;
  return out;
}

bool selects(const Attributes& attributes, std::string_view field, std::string_view value) {
  std::string_view rest = attributes.path;
  if (!attributes.resource_request || !rest.starts_with(kSelecting)) return false;
  const auto wanted = std::string(field) + "=" + std::string(value);
  for (rest.remove_prefix(kSelecting.size()); !rest.empty();) {
    const auto end = rest.find(',');
    if (rest.substr(0, end) == wanted) return true;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return false;
}

std::shared_ptr<Authorizer> node_authorizer(store::Store& store) { return std::make_shared<NodeAuthorizer>(store); }

}  // namespace keelson::auth
