#include "protection.hpp"

#include <algorithm>

#include "graph.hpp"

namespace gc {

// Of a pod only what names claims: the whole pod is not decoded.
struct ClaimSource { std::string claimName; };
BOOST_DESCRIBE_STRUCT(ClaimSource, (), (claimName))
struct OwnClaim {};
BOOST_DESCRIBE_STRUCT(OwnClaim, (), ())
struct PodVolume { std::string name; std::optional<ClaimSource> persistentVolumeClaim; std::optional<OwnClaim> ephemeral; };
BOOST_DESCRIBE_STRUCT(PodVolume, (), (name, persistentVolumeClaim, ephemeral))
struct PodVolumes { std::string nodeName; std::vector<PodVolume> volumes; };
BOOST_DESCRIBE_STRUCT(PodVolumes, (), (nodeName, volumes))
struct UsingPod : keelson::Object<PodVolumes> { static constexpr keelson::Gvk gvk{"", "v1", "Pod", "pods"}; };
struct NoSpec {};
BOOST_DESCRIBE_STRUCT(NoSpec, (), ())
struct VolumePhase { std::string phase; };
BOOST_DESCRIBE_STRUCT(VolumePhase, (), (phase))
struct HeldVolume : keelson::Object<NoSpec, VolumePhase> { static constexpr keelson::Gvk gvk{"", "v1", "PersistentVolume", "persistentvolumes"}; };

namespace {

constexpr std::string_view kPods = "pods", kClaims = "persistentvolumeclaims", kVolumes = "persistentvolumes";
constexpr std::string_view kClaimMark = "kubernetes.io/pvc-protection", kVolumeMark = "kubernetes.io/pv-protection";
constexpr keelson::Gvk kClaim{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"};

/// A claim that is made for a pod alone has the pod as its controller.
bool uses(const UsingPod& pod, const keelson::ObjectHandle& claim) {
  return std::any_of(pod.spec.volumes.begin(), pod.spec.volumes.end(), [&](const PodVolume& volume) {
    if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim->claimName == claim.name();
    return volume.ephemeral && pod.meta.name + "-" + volume.name == claim.name() && claim.controller_uid() == pod.meta.uid;
  });
}

class Protector final : public keelson::KeyReconciler {
 public:
  keelson::Result reconcile(keelson::Context& ctx, const keelson::Key& work) override {
    const auto slash = work.name.find('/');
    const bool claim = work.name.substr(0, slash) == kClaims;
    const auto& gvk = claim ? kClaim : HeldVolume::gvk;
    const auto mark = claim ? kClaimMark : kVolumeMark;
    const keelson::Key key{work.ns, work.name.substr(slash + 1)};
    const auto object = ctx.find_raw(gvk, key);
    if (!object || object.deleting() != object.has_finalizer(mark)) return keelson::done();
    auto marks = object.finalizers();
    if (!object.deleting()) {
      marks.emplace_back(mark);
      return put(ctx, gvk, object, marks);
    }
    if (claim ? KEELSON_TRY(used(ctx, object)) : bound(object)) return keelson::done();
    std::erase(marks, mark);
    return put(ctx, gvk, object, marks);
  }

 private:
  /// A pod that is on no node yet will not start with a claim that is being deleted.
  static keelson::Outcome<bool> used(keelson::Context& ctx, const keelson::ObjectHandle& claim) {
    const auto pods = ctx.list_raw(UsingPod::gvk, {.ns = std::string(claim.ns())});
    if (!pods) return pods.error();
    return std::any_of(pods->begin(), pods->end(), [&](const auto& pod) { return !pod.field("spec.nodeName").empty() && uses(keelson::decode<UsingPod>(pod.body()), claim); });
  }

  static bool bound(const keelson::ObjectHandle& volume) { return keelson::decode<HeldVolume>(volume.body()).status.phase == "Bound"; }

  static keelson::Result put(keelson::Context& ctx, const keelson::Gvk& gvk, const keelson::ObjectHandle& object, const std::vector<std::string>& marks) {
    std::string list;
    for (const auto& mark : marks) list += keelson::str(list.empty() ? "" : ",", '"', mark, '"');
    const auto patch = keelson::str(R"({"metadata":{"uid":")", object.uid(), R"(","resourceVersion":")", object.revision(), R"(","finalizers":[)", list, "]}}");
    const auto written = ctx.write_raw("merge_patch", gvk, object.key(), "", patch);
    if (!written && !is_not_found(written.error())) return written.error();
    return keelson::done();
  }
};

}  // namespace

std::vector<keelson::Key> Waiting::note(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before) {
  std::vector<keelson::Key> work;
  const bool claim = kind.storage_key == kClaims;
  if (what == "synced" || !(claim || kind.storage_key == kPods || kind.storage_key == kVolumes)) return work;
  std::lock_guard lock(mutex_);
  if (what == "deleted") {
    if (claim) claims_.erase(work_key(kClaims, before.ns(), before.name()));
    if (kind.storage_key != kPods) return work;
    for (auto waits = claims_.lower_bound({std::string(before.ns()), ""}); waits != claims_.end() && waits->ns == before.ns(); ++waits) work.push_back(*waits);
    return work;
  }
  if (kind.storage_key == kPods || now.deleting() != now.has_finalizer(claim ? kClaimMark : kVolumeMark)) return work;
  work.push_back(work_key(kind.storage_key, now.ns(), now.name()));
  if (claim && now.deleting()) claims_.insert(work.back());
  return work;
}

std::unique_ptr<keelson::KeyReconciler> make_protector() { return std::make_unique<Protector>(); }

}  // namespace gc
