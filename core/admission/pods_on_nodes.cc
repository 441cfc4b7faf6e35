#include "core/admission/pods_on_nodes.hpp"

#include <algorithm>

#include "core/admission/usage.hpp"
#include "core/auth/admission.hpp"
#include "core/base/json_text.hpp"

namespace keelson::admission {
namespace {

using Operation = AdmissionRequest::Operation;

constexpr std::string_view kZone = "topology.kubernetes.io/zone", kRegion = "topology.kubernetes.io/region", kOs = "kubernetes.io/os";

bool is_pod(const kinds::Kind& kind) { return kind.storage_key.text() == "pods"; }

bool is_binding(const AdmissionRequest& request) { return request.subresource == "binding"; }

std::string_view node_name(const AdmissionRequest& request) {
  if (!request.object) return request.node;
  if (!is_binding(request)) return text_at(*request.object, {"spec", "nodeName"});
  return text_at(*request.object, {"target", "kind"}) == "Node" ? text_at(*request.object, {"target", "name"}) : std::string_view();
}

store::ObjectRef node_of(const AdmissionRequest& request) {
  const auto name = node_name(request);
  return name.empty() ? store::ObjectRef() : request.snapshot.get({store::Atom("nodes"), "", std::string(name)});
}

std::string label_of(const store::Object& node, std::string_view name) {
  for (const auto& [key, value] : node.columns().labels)
    if (key.text() == name) return std::string(value);
  return {};
}

class PodTopologyLabels final : public auth::InlineMutator {
 public:
  std::string_view name() const override { return "PodTopologyLabels"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && is_pod(kind) && (subresource.empty() || subresource == "binding");
  }
  bool reads_objects(const AdmissionRequest& request) override {
    if (request.node.empty()) return true;
    const auto node = node_of(request);
    return node && (!label_of(*node, kZone).empty() || !label_of(*node, kRegion).empty());
  }
  bool rests_on(const AdmissionRequest& request, auth::Grounds& grounds) override {
    return !is_binding(request) && text_at(grounds.spec, {"nodeName"}).empty();
  }
  bool passes(const AdmissionRequest& request) override { return is_binding(request) && !reads_objects(request); }
  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    const auto node = node_of(request);
    if (!node || !request.object) return {};
    for (const auto label : {kZone, kRegion})
      if (const auto value = label_of(*node, label); !value.empty() && !find(*request.object, {"metadata", "labels", label})) auth::object_at(*request.object, {"metadata", "labels"})[label] = value;
    return {};
  }
};

/// Features without which a node does not make a change of a pod.
constexpr std::string_view kGuaranteedCpuResize = "GuaranteedQoSPodCPUResize", kPodLevelResize = "InPlacePodLevelResourcesVerticalScaling";

class NodeDeclaredFeatureValidator final : public auth::AdmissionUnit, public auth::AnswersAtOnce {
 public:
  std::string_view name() const override { return "NodeDeclaredFeatureValidator"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::update && (subresource.empty() || subresource == "resize") && is_pod(kind);
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { done(check(request)); }

 private:
  static base::Outcome<void> check(const AdmissionRequest& request) {
    const auto name = text_at(*request.object, {"spec", "nodeName"});
    if (name.empty() || !request.old) return {};
    std::vector<std::string_view> wanted;
    if (text_at(*request.old, {"status", "qosClass"}) == "Guaranteed" && changes_cpu(*request.old, *request.object)) wanted.push_back(kGuaranteedCpuResize);
    if (changes_pod_level(*request.old, *request.object)) wanted.push_back(kPodLevelResize);
    if (wanted.empty()) return {};
    const auto node = node_of(request);
    if (!node) return auth::refused(request, "node " + base::quoted(name) + " not found");
    const auto declared = texts_at(body_of(*node), {"status", "declaredFeatures"});
    std::string missing;
    for (const auto feature : wanted)
      if (std::find(declared.begin(), declared.end(), feature) == declared.end()) (missing += missing.empty() ? "" : ", ") += feature;
    if (missing.empty()) return {};
    return auth::refused(request, "pod update requires features " + missing + " which are not available on node " + base::quoted(name));
  }

  static bool changes_cpu(const json::value& before, const json::value& now) {
    const auto *old = list_at(before, {"spec", "containers"}), *fresh = list_at(now, {"spec", "containers"});
    if (!old || !fresh) return false;
    for (std::size_t i = 0; i < std::min(old->size(), fresh->size()); ++i)
      if (requested_cpu((*old)[i]) != requested_cpu((*fresh)[i])) return true;
    return false;
  }
  static std::int64_t requested_cpu(const json::value& container) {
    const auto requests = amounts_at(container, {"resources", "requests"});
    const auto cpu = requests.find("cpu");
    return cpu == requests.end() ? 0 : cpu->second.thousandths();
  }
  static bool changes_pod_level(const json::value& before, const json::value& now) {
    const auto *old = find(before, {"spec", "resources"}), *fresh = find(now, {"spec", "resources"});
    return old && fresh ? *old != *fresh : old != fresh;
  }
};

class PodResizeValidator final : public auth::AdmissionUnit, public auth::AnswersAtOnce {
 public:
  std::string_view name() const override { return "PodResizeValidator"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::update && subresource == "resize" && is_pod(kind);
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { done(check(request)); }

 private:
  static base::Outcome<void> check(const AdmissionRequest& request) {
    const auto name = text_at(*request.object, {"spec", "nodeName"});
    const auto *now = find(*request.object, {"spec"}), *before = request.old ? find(*request.old, {"spec"}) : nullptr;
    if (name.empty() || (now && before && *now == *before)) return {};
    const auto node = node_of(request);
    if (!node) return auth::refused(request, "node " + base::quoted(name) + " not found");
    if (const auto missing = missing_of(*request.kind, *request.object, amounts_at(body_of(*node), {"status", "allocatable"})); !missing.empty())
      return auth::refused(request, "Node didn't have enough allocatable resources: " + missing);
    const auto os = label_of(*node, kOs);
    if (os != "linux") return auth::refused(request, "pod resize is only supported on linux nodes, node " + base::quoted(name) + " is " + base::quoted(os));
    return {};
  }

  static std::string missing_of(const kinds::Kind& kind, const json::value& pod, const Amounts& allocatable) {
    const auto wanted = usage_of(kind, &pod, 0);
    std::string out;
    for (const std::string_view resource : {"cpu", "memory"}) {
      const auto amount = [&](const Amounts& amounts) {
        const auto at = amounts.find(resource);
        if (at == amounts.end()) return std::int64_t{0};
        return resource == "cpu" ? at->second.thousandths() : at->second.units();
      };
      if (amount(wanted) > amount(allocatable))
        out += (out.empty() ? "" : "; ") + std::string(resource) + ", requested: " + std::to_string(amount(wanted)) + ", allocatable: " + std::to_string(amount(allocatable));
    }
    return out;
  }
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> pod_topology_labels() { return std::make_shared<PodTopologyLabels>(); }
std::shared_ptr<auth::AdmissionUnit> node_declared_features() { return std::make_shared<NodeDeclaredFeatureValidator>(); }
std::shared_ptr<auth::AdmissionUnit> pod_resize_validator() { return std::make_shared<PodResizeValidator>(); }

}  // namespace keelson::admission
