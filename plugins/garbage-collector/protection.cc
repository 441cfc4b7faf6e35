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
struct VolumeClass { std::string volumeAttributesClassName; };
BOOST_DESCRIBE_STRUCT(VolumeClass, (), (volumeAttributesClassName))
struct VolumePhase { std::string phase; };
BOOST_DESCRIBE_STRUCT(VolumePhase, (), (phase))
struct HeldVolume : keelson::Object<VolumeClass, VolumePhase> { static constexpr keelson::Gvk gvk{"", "v1", "PersistentVolume", "persistentvolumes"}; };
struct ClassChange { std::string targetVolumeAttributesClassName; };
BOOST_DESCRIBE_STRUCT(ClassChange, (), (targetVolumeAttributesClassName))
struct ClaimClass { std::string currentVolumeAttributesClassName; ClassChange modifyVolumeStatus; };
BOOST_DESCRIBE_STRUCT(ClaimClass, (), (currentVolumeAttributesClassName, modifyVolumeStatus))
struct ClassedClaim : keelson::Object<VolumeClass, ClaimClass> { static constexpr keelson::Gvk gvk{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"}; };

namespace {

constexpr std::string_view kPods = "pods";
}  // namespace

/// What is protected, and by which mark.
struct Guarded {
  std::string_view storage_key, mark;
  keelson::Gvk gvk;
};

namespace {

constexpr Guarded kClaims{"persistentvolumeclaims", "kubernetes.io/pvc-protection", ClassedClaim::gvk};
constexpr Guarded kVolumes{"persistentvolumes", "kubernetes.io/pv-protection", HeldVolume::gvk};
constexpr Guarded kClasses{"volumeattributesclasses.storage.k8s.io", "kubernetes.io/vac-protection", {"storage.k8s.io", "v1", "VolumeAttributesClass", "volumeattributesclasses"}};

const Guarded* guarded(std::string_view storage_key) {
  for (const auto* one : {&kClaims, &kVolumes, &kClasses})
    if (one->storage_key == storage_key) return one;
  return nullptr;
}

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
    const auto* what = guarded(work.name.substr(0, slash));
    if (!what) return keelson::done();
    const keelson::Key key{work.ns, work.name.substr(slash + 1)};
    const auto object = ctx.find_raw(what->gvk, key);
    if (!object || object.deleting() != object.has_finalizer(what->mark)) return keelson::done();
    auto marks = object.finalizers();
    if (!object.deleting()) {
      marks.emplace_back(what->mark);
      return put(ctx, what->gvk, object, marks);
    }
    if (KEELSON_TRY(in_use(ctx, *what, object))) return keelson::done();
    std::erase(marks, what->mark);
    return put(ctx, what->gvk, object, marks);
  }

 private:
  static keelson::Outcome<bool> in_use(keelson::Context& ctx, const Guarded& what, const keelson::ObjectHandle& object) {
    if (what.mark == kVolumes.mark) return bound(object);
    return what.mark == kClaims.mark ? used(ctx, object) : chosen(ctx, object);
  }

  /// By a volume, or by a claim that has it, wants it or is on its way to it.
  static keelson::Outcome<bool> chosen(keelson::Context& ctx, const keelson::ObjectHandle& object) {
    const auto name = object.name();
    const auto volumes = ctx.list_raw(kVolumes.gvk, {});
    if (!volumes) return volumes.error();
    if (std::any_of(volumes->begin(), volumes->end(), [&](const auto& one) { return keelson::decode<HeldVolume>(one.body()).spec.volumeAttributesClassName == name; })) return true;
    const auto claims = ctx.list_raw(kClaims.gvk, {});
    if (!claims) return claims.error();
    return std::any_of(claims->begin(), claims->end(), [&](const auto& one) {
      const auto claim = keelson::decode<ClassedClaim>(one.body());
      return claim.spec.volumeAttributesClassName == name || claim.status.currentVolumeAttributesClassName == name || claim.status.modifyVolumeStatus.targetVolumeAttributesClassName == name;
    });
  }

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

std::vector<std::string> kinds_of_interest() {
  std::vector<std::string> kinds{std::string(kPods)};
  for (const auto* one : {&kClaims, &kVolumes, &kClasses}) kinds.emplace_back(one->storage_key);
  return kinds;
}

std::vector<keelson::Key> Waiting::note(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before) {
  std::vector<keelson::Key> work;
  const auto* own = guarded(kind.storage_key);
  const bool pod = kind.storage_key == kPods;
  if (what == "synced" || !(own || pod)) return work;
  std::lock_guard lock(mutex_);
  if (what == "deleted") {
    if (own) waiting_.erase(work_key(own->storage_key, before.ns(), before.name()));
    if (pod) wake(kClaims, before.ns(), work);
    else if (own != &kClasses) wake(kClasses, "", work);
    return work;
  }
  if (pod) return work;
  if (own != &kClasses) wake(kClasses, "", work);   // it may have another class now
  if (now.deleting() != now.has_finalizer(own->mark)) return work;
  work.push_back(work_key(own->storage_key, now.ns(), now.name()));
  if (now.deleting() && own != &kVolumes) waiting_.insert(work.back());
  return work;
}

void Waiting::wake(const Guarded& what, std::string_view ns, std::vector<keelson::Key>& work) const {
  const auto first = work_key(what.storage_key, ns, "");
  for (auto waits = waiting_.lower_bound(first); waits != waiting_.end() && waits->ns == ns && waits->name.starts_with(first.name); ++waits) work.push_back(*waits);
}

std::unique_ptr<keelson::KeyReconciler> make_protector() { return std::make_unique<Protector>(); }

}  // namespace gc
