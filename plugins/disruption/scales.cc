#include "scales.hpp"

#include <map>
#include <set>

namespace disruption {
namespace {

using keelson::Context;
using keelson::Error;
using keelson::Outcome;
using keelson::meta_v1::OwnerReference;

struct ReplicasSpec {
  std::optional<std::int32_t> replicas;
};
BOOST_DESCRIBE_STRUCT(ReplicasSpec, (), (replicas))

/// Of any kind that can be scaled.
struct Workload : keelson::Object<ReplicasSpec> {
  static constexpr keelson::Gvk gvk = keelson::apps_v1::ReplicaSet::gvk;   // only for the codec, which asks for one
};

const OwnerReference* controller_of(const keelson::meta_v1::ObjectMeta& meta) {
  const auto found = std::find_if(meta.ownerReferences.begin(), meta.ownerReferences.end(), [](const auto& owner) { return owner.controller.value_or(false); });
  return found == meta.ownerReferences.end() ? nullptr : &*found;
}

bool is(const keelson::KindInfo& kind, const OwnerReference& owner) { return kind.kind == owner.kind && kind.api_version() == owner.apiVersion; }

bool can_be_scaled(const keelson::KindInfo& kind) { return std::find(kind.subresources.begin(), kind.subresources.end(), "scale") != kind.subresources.end(); }

bool is_of_deployment(const OwnerReference& owner, const OwnerReference* above) { return owner.kind == "ReplicaSet" && above != nullptr && above->kind == "Deployment"; }

}  // namespace

std::optional<keelson::KindInfo> Scales::kind_of(Context& ctx, const OwnerReference& owner) {
  const auto known = [&]() -> std::optional<keelson::KindInfo> {
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(scalable_.begin(), scalable_.end(), [&](const auto& kind) { return is(kind, owner); });
    return found == scalable_.end() ? std::nullopt : std::optional(*found);
  };
  if (auto kind = known()) return kind;
  auto kinds = ctx.kinds();
  std::erase_if(kinds, [](const auto& kind) { return !can_be_scaled(kind); });
  {
    std::lock_guard lock(mutex_);
    scalable_ = std::move(kinds);
  }
  return known();
}

Outcome<Scales::Scaled> Scales::scale_of(Context& ctx, std::string_view ns, const OwnerReference& owner) {
  const auto none = [&] { return Error{404, "NotFound", keelson::str(owner.kind, " \"", owner.name, "\" not found"), {}}; };
  const auto kind = kind_of(ctx, owner);
  if (!kind) return Error{500, "InternalError", keelson::str(owner.kind, " of ", owner.apiVersion, " does not implement the scale subresource"), {}};
  const auto object = ctx.find_raw(kind->gvk(), {std::string(ns), owner.name});
  if (!object || object.uid() != owner.uid) return none();
  const auto workload = keelson::decode<Workload>(object.body());
  if (const auto* above = controller_of(workload.meta); is_of_deployment(owner, above)) {
    auto scaled = scale_of(ctx, ns, *above);
    if (scaled || !is_not_found(scaled.error())) return scaled;
  }
  if (!workload.spec.replicas) return Error{500, "InternalError", keelson::str(owner.kind, " \"", owner.name, "\" has no spec.replicas"), {}};
  return Scaled{owner.uid, *workload.spec.replicas};
}

Outcome<Scales::Expected> Scales::of(Context& ctx, const std::vector<keelson::Ref<PodState>>& pods) {
  Expected expected;
  std::map<std::string, std::int32_t> replicas;   // by controller
  std::set<std::string> seen;                     // direct controllers
  for (const auto& pod : pods) {
    const auto* owner = pod.controller_uid().empty() ? nullptr : controller_of(pod->meta);
    if (owner == nullptr) {
      expected.unmanaged.emplace_back(pod.name());
      continue;
    }
    if (!seen.insert(owner->uid).second) continue;
    const auto scaled = scale_of(ctx, pod.ns(), *owner);
    if (!scaled && is_not_found(scaled.error())) return Error{500, "InternalError", keelson::str("found no controllers for pod \"", pod.name(), "\""), {}};
    if (!scaled) return scaled.error();
    replicas[scaled->uid] = scaled->replicas;
  }
  for (const auto& [uid, count] : replicas) expected.pods += count;
  return expected;
}

}  // namespace disruption
