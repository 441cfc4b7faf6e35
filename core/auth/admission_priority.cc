// Priority: a pod's number comes from its class; two classes are known without being objects.

#include "core/auth/admission.hpp"

#include "core/base/json_value.hpp"

namespace keelson::auth {
namespace {

constexpr std::int64_t kSystemClusterCritical = 2'000'000'000;
constexpr std::int64_t kSystemNodeCritical = 2'000'001'000;
constexpr std::string_view kPreempt = "PreemptLowerPriority";

store::Atom classes() {
  static const store::Atom name("priorityclasses.scheduling.k8s.io");
  return name;
}

store::Key key_of(std::string name) { return {classes(), "", std::move(name)}; }

struct Class {
  std::string name;
  std::int64_t value = 0;
  std::string policy{kPreempt};
};

std::optional<Class> read_class(const store::Object& object) {
  boost::system::error_code fault;
  const auto details = base::json_of(object.body(), fault);
  if (fault) return std::nullopt;
  Class out{object.key().name, integer_at(details, {"value"}), std::string(text_at(details, {"preemptionPolicy"}))};
  if (out.policy.empty()) out.policy = kPreempt;
  return out;
}

/// The class of pods that name none: of several defaults the lowest.
Class default_class(const AdmissionRequest& request) {
  std::optional<Class> best;
  request.snapshot.scan(classes(), "", nullptr, [&](const store::ObjectRef& object) {
    if (object->body().find("\"globalDefault\":true") == std::string_view::npos) return true;
    if (auto found = read_class(*object); found && (!best || found->value < best->value)) best = std::move(found);
    return true;
  });
  return best ? *best : Class{};
}

std::optional<Class> named_class(AdmissionRequest& request, const std::string& name) {
  const auto key = key_of(name);
  if (const auto found = request.snapshot.get(key)) {
    expect_unchanged(request, key, found);
    return read_class(*found);
  }
  if (name == "system-cluster-critical") return Class{name, kSystemClusterCritical};
  if (name == "system-node-critical") return Class{name, kSystemNodeCritical};
  return std::nullopt;
}

class PriorityAdmission final : public InlineMutator {
 public:
  std::string_view name() const override { return "Priority"; }
  bool handles(AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    const bool writes = operation == AdmissionRequest::Operation::create || operation == AdmissionRequest::Operation::update;
    return writes && kind.storage_key.text() == "pods" && subresource.empty();
  }

  bool rests_on(const AdmissionRequest& request, Grounds& grounds) override {
    if (request.operation != AdmissionRequest::Operation::create) return false;
    const std::string wanted(text_at(grounds.spec, {"priorityClassName"}));
    const auto key = key_of(wanted.empty() ? default_class(request).name : wanted);
    const auto found = key.name.empty() ? store::ObjectRef() : request.snapshot.get(key);
    grounds.add(key, found, found && !wanted.empty());
    return true;
  }

  base::Outcome<void> mutate(AdmissionRequest& request) const override {
    auto& spec = object_at(*request.object, {"spec"});
    if (request.operation == AdmissionRequest::Operation::update) {
      keep(request, spec);
      return {};
    }
    const std::string wanted(text_at(*request.object, {"spec", "priorityClassName"}));
    const auto found = wanted.empty() ? default_class(request) : named_class(request, wanted);
    if (!found) return refused(request, "no PriorityClass with name " + wanted + " was found");
    return set(request, spec, *found);
  }

 private:
  static void keep(const AdmissionRequest& request, json::object& spec) {
    for (const std::string_view field : {"priority", "preemptionPolicy"}) {
      const auto* before = request.old ? find(*request.old, {"spec", field}) : nullptr;
      if (before && !spec.if_contains(field)) spec[field] = *before;
    }
  }
  static base::Outcome<void> set(AdmissionRequest& request, json::object& spec, const Class& found) {
    if (!found.name.empty()) spec["priorityClassName"] = found.name;
    const auto given = integer_at(*request.object, {"spec", "priority"}, found.value);
    if (given != found.value)
      return refused(request, "the integer value of priority (" + std::to_string(given) + ") must not be provided in pod spec; priority admission controller computed " +
                                  std::to_string(found.value) + " from the given PriorityClass name");
    spec["priority"] = found.value;
    const auto* given_policy = find(*request.object, {"spec", "preemptionPolicy"});
    const std::string policy(text_at(*request.object, {"spec", "preemptionPolicy"}));
    if (given_policy && given_policy->is_string() && policy != found.policy)
      return refused(request, "the string value of PreemptionPolicy (" + policy + ") must not be provided in pod spec; priority admission controller computed " + found.policy +
                                  " from the given PriorityClass name");
    spec["preemptionPolicy"] = found.policy;
    return {};
  }
};

}  // namespace

std::shared_ptr<AdmissionUnit> priority_admission() { return std::make_shared<PriorityAdmission>(); }

}  // namespace keelson::auth
