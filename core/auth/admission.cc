#include "core/auth/admission.hpp"

#include <algorithm>

namespace keelson::auth {
namespace {

using Operation = AdmissionRequest::Operation;

bool is(const kinds::Kind& kind, std::string_view storage_key) { return kind.storage_key.text() == storage_key; }

/// Nothing is written into a namespace that is absent, nothing new into one that goes; three namespaces never go.
class NamespaceLifecycle final : public AdmissionUnit, public AnswersAtOnce {
 public:
  std::string_view name() const override { return "NamespaceLifecycle"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view) const override {
    if (is(kind, "namespaces")) return operation == Operation::remove;
    return kind.namespaced && (operation == Operation::create || operation == Operation::update) && kind.resource != "localsubjectaccessreviews";
  }
  bool reads_objects(const AdmissionRequest&) override { return false; }
  bool passes(const AdmissionRequest& request) override {
    const auto found = request.snapshot.get({store::Atom("namespaces"), "", request.ns});
    return found && (request.operation == Operation::update || (!stores(request) && !found->deleting()));
  }
  // Asked before any other unit does its work, as upstream; a mutation that changes nothing.
  void mutate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { done(check(request)); }

 private:
  static base::Outcome<void> check(AdmissionRequest& request) {
    if (is(*request.kind, "namespaces")) {
      if (request.name == "default" || request.name == "kube-system" || request.name == "kube-public") return refused(request, "this namespace may not be deleted");
      return {};
    }
    const store::Key key{store::Atom("namespaces"), "", request.ns};
    const auto found = request.snapshot.get(key);
    if (!found) return base::not_found("", "namespaces", request.ns);
    if (request.operation != Operation::create) return {};
    if (found->deleting()) return terminating(request);
    if (stores(request)) expect_unchanged(request, key, found);
    return {};
  }
  /// What is created below an object (a binding, an eviction) is no content of its own.
  static bool stores(const AdmissionRequest& request) { return request.subresource.empty(); }
  static base::Error terminating(const AdmissionRequest& request) {
    auto error = refused(request, "unable to create new content in namespace " + request.ns + " because it is being terminated");
    error.causes.push_back({"NamespaceTerminating", "namespace " + request.ns + " is being terminated", "metadata.namespace"});
    return error;
  }
};

class TaintNodesByCondition final : public InlineMutator {
 public:
  std::string_view name() const override { return "TaintNodesByCondition"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == Operation::create && is(kind, "nodes") && subresource.empty();
  }
  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    constexpr std::string_view kKey = "node.kubernetes.io/not-ready", kEffect = "NoSchedule";
    auto& taints = list_in(object_at(*request.object, {"spec"}), "taints");
    for (const auto& taint : taints)
      if (text_at(taint, {"key"}) == kKey && text_at(taint, {"effect"}) == kEffect) return {};
    taints.emplace_back(json::object({{"key", kKey}, {"effect", kEffect}}));
    return {};
  }
};

/// Pods stay for a while on a node that is not ready or not reachable.
class DefaultTolerationSeconds final : public InlineMutator {
 public:
  std::string_view name() const override { return "DefaultTolerationSeconds"; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return (operation == Operation::create || operation == Operation::update) && is(kind, "pods") && subresource.empty();
  }
  bool rests_on(const AdmissionRequest&, Grounds&) override { return true; }
  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    constexpr std::int64_t kSeconds = 300;
    for (const std::string_view key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
      auto& spec = object_at(*request.object, {"spec"});
      const auto* present = list_at(*request.object, {"spec", "tolerations"});
      if (present && std::any_of(present->begin(), present->end(), [&](const auto& toleration) { return covers(toleration, key); })) continue;
      auto& added = list_in(spec, "tolerations").emplace_back(json::object_kind).get_object();   // in the request's own memory
      added.reserve(4);
      added.emplace("key", key);
      added.emplace("operator", "Exists");
      added.emplace("effect", "NoExecute");
      added.emplace("tolerationSeconds", kSeconds);
    }
    return {};
  }

 private:
  static bool covers(const json::value& toleration, std::string_view key) {
    const auto has_key = text_at(toleration, {"key"}), effect = text_at(toleration, {"effect"});
    return (has_key == key || has_key.empty()) && (effect == "NoExecute" || effect.empty());
  }
};

}  // namespace

base::Error refused(const AdmissionRequest& request, std::string_view why) {
  std::string name = request.name;
  if (name.empty() && request.object) {
    name = text_at(*request.object, {"metadata", "name"});
    if (name.empty()) name = text_at(*request.object, {"metadata", "generateName"});
  }
  if (name.empty()) name = "Unknown";
  return base::forbidden(request.kind->group, request.kind->resource, name, why);
}

void expect_unchanged(AdmissionRequest& request, const store::Key& key, const store::ObjectRef& seen) {
  if (!request.expectations) return;
  using Kind = store::Expectation::Kind;
  request.expectations->push_back({key, seen ? Kind::at_revision : Kind::absent, seen ? seen->revision() : 0});
}

void Grounds::add(const store::Key& key, const store::ObjectRef& seen, bool expected) {
  text.append(key.resource.text()).append("/").append(key.ns).append("/").append(key.name).append(" ");
  add(std::to_string(seen ? seen->revision() : 0));
  using Kind = store::Expectation::Kind;
  if (expected) expectations.push_back({key, seen ? Kind::at_revision : Kind::absent, seen ? seen->revision() : 0});
}

std::shared_ptr<AdmissionUnit> namespace_lifecycle() { return std::make_shared<NamespaceLifecycle>(); }
std::shared_ptr<AdmissionUnit> taint_nodes_by_condition() { return std::make_shared<TaintNodesByCondition>(); }
std::shared_ptr<AdmissionUnit> default_toleration_seconds() { return std::make_shared<DefaultTolerationSeconds>(); }

}  // namespace keelson::auth
