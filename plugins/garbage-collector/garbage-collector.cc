// garbage-collector: objects whose owners are gone go too; deletion in the foreground waits; orphans are let go.
#include <algorithm>
#include <charconv>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "ended.hpp"
#include "graph.hpp"
#include "protection.hpp"

namespace gc {
namespace {

using keelson::Context;
using keelson::Key;
using keelson::KindInfo;
using keelson::Outcome;
using keelson::Result;

constexpr std::string_view kForeground = "foregroundDeletion";
constexpr std::string_view kOrphan = "orphan";
constexpr int kWorkers = 4;

/// Kinds by storage key and by apiVersion + kind; read again when one is missing.
class Kinds {
 public:
  std::optional<KindInfo> by_storage_key(Context& ctx, std::string_view key) {
    return find(ctx, [&](const KindInfo& kind) { return kind.storage_key == key; });
  }
  std::optional<KindInfo> by_reference(Context& ctx, const OwnerReference& owner) {
    const auto slash = owner.apiVersion.find('/');
    const auto group = slash == std::string::npos ? std::string() : owner.apiVersion.substr(0, slash);
    const auto version = slash == std::string::npos ? owner.apiVersion : owner.apiVersion.substr(slash + 1);
    return find(ctx, [&](const KindInfo& kind) { return kind.group == group && kind.version == version && kind.kind == owner.kind; });
  }

 private:
  std::optional<KindInfo> find(Context& ctx, const std::function<bool(const KindInfo&)>& wanted) {
    std::lock_guard lock(mutex_);
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto found = std::find_if(kinds_.begin(), kinds_.end(), wanted);
      if (found != kinds_.end()) return *found;
      kinds_ = ctx.kinds();
    }
    return std::nullopt;
  }
  std::mutex mutex_;
  std::vector<KindInfo> kinds_;
};

/// How an object's owners stand, looked up in the store and not in the graph.
struct Standing {
  std::vector<OwnerReference> solid, dangling, waiting;
  bool blocked = false;   ///< an owner's kind is unknown: nothing can be said
};

class Collector final : public keelson::KeyReconciler {
 public:
  explicit Collector(std::shared_ptr<Graph> graph) : graph_(std::move(graph)) {}

  Result reconcile(Context& ctx, const Key& work) override {
    const auto slash = work.name.find('/');
    const auto kind = kinds_.by_storage_key(ctx, std::string_view(work.name).substr(0, slash));
    if (!kind) return keelson::done();
    const Key key{work.ns, work.name.substr(slash + 1)};
    const auto object = ctx.find_raw(kind->gvk(), key);
    if (!object) return keelson::done();
    const auto subject = subject_of(object);
    if (subject.deleting && subject.has(kOrphan)) return orphan_dependents(ctx, *kind, key, subject);
    if (subject.deleting && subject.has(kForeground)) return wait_for_dependents(ctx, *kind, key, subject);
    if (subject.deleting || subject.owners.empty()) return keelson::done();
    return judge(ctx, *kind, key, object, subject);
  }

 private:
  Result judge(Context& ctx, const KindInfo& kind, const Key& key, const keelson::ObjectHandle& object, const Subject& subject) {
    const auto standing = look_up_owners(ctx, kind, key, object, subject);
    if (standing.blocked) return keelson::done();
    if (!standing.solid.empty()) {
      if (standing.dangling.empty() && standing.waiting.empty()) return keelson::done();
      return forgiving(keep_owners(ctx, kind, key, subject, standing.solid));
    }
    const bool through = !standing.waiting.empty() && graph_->has_dependents(subject.uid);
    if (through && in_circle(subject)) return forgiving(unblock(ctx, kind, key, subject));
    const auto policy = subject.has(kOrphan) ? "Orphan" : subject.has(kForeground) || through ? "Foreground" : "Background";
    const auto options = keelson::str(R"({"uid":")", subject.uid, R"(","resourceVersion":")", subject.resource_version, R"(","propagationPolicy":")", policy, R"("})");
    return forgiving(ctx.write_raw("remove", kind.gvk(), key, "", "", options));
  }

  /// A dependent that waits for its dependents may be waiting for this very object: then nobody could go first.
  bool in_circle(const Subject& subject) const {
    const auto all = graph_->dependents(subject.uid);
    const bool blocks = std::any_of(subject.owners.begin(), subject.owners.end(), [](const auto& owner) { return owner.blockOwnerDeletion.value_or(false); });
    return blocks && std::any_of(all.begin(), all.end(), [](const auto& dependent) { return dependent.waits; });
  }

  static keelson::Outcome<std::string> unblock(Context& ctx, const KindInfo& kind, const Key& key, const Subject& subject) {
    auto owners = subject.owners;
    for (auto& owner : owners) owner.blockOwnerDeletion = false;
    return keep_owners(ctx, kind, key, subject, owners);
  }

  void tell_invalid_owner(Context& ctx, const KindInfo& kind, const Key& key, const keelson::ObjectHandle& object, const OwnerReference& owner) {
    ctx.record_event(keelson::detail::reference_to(kind.gvk(), object), keelson::Warning, "OwnerRefInvalidNamespace",
                     keelson::str("ownerRef [", owner.apiVersion, "/", owner.kind, ", namespace: ", key.ns, ", name: ", owner.name, ", uid: ", owner.uid,
                                  "] does not exist in namespace \"", key.ns, "\""));
  }

  Standing look_up_owners(Context& ctx, const KindInfo& kind, const Key& key, const keelson::ObjectHandle& object, const Subject& subject) {
    Standing standing;
    for (const auto& owner : subject.owners) {
      const auto owner_kind = kinds_.by_reference(ctx, owner);
      if (!owner_kind) { standing.blocked = true; return standing; }
      const Key its_key{owner_kind->namespaced ? key.ns : "", owner.name};
      const auto found = ctx.find_raw(owner_kind->gvk(), its_key);
      if (found && found.uid() == owner.uid && kind.namespaced >= owner_kind->namespaced) {
        graph_->learn(owner.uid, work_key(owner_kind->storage_key, its_key.ns, its_key.name));
        (found.deleting() && found.has_finalizer(kForeground) ? standing.waiting : standing.solid).push_back(owner);
        continue;
      }
      if (owner_kind->namespaced && (!kind.namespaced || in_other_namespace(ctx, *owner_kind, key.ns, owner))) tell_invalid_owner(ctx, kind, key, object, owner);
      standing.dangling.push_back(owner);
    }
    return standing;
  }

  /// Asks the store only about owners that no change has spoken of since they were named: once for each.
  bool in_other_namespace(Context& ctx, const KindInfo& owner_kind, std::string_view ns, const OwnerReference& owner) {
    auto its = graph_->owner(owner.uid);
    if (!its.known) {
      const auto all = ctx.list_raw(owner_kind.gvk(), {});
      if (!all) return false;
      const auto found = std::find_if(all->begin(), all->end(), [&](const auto& object) { return object.uid() == owner.uid; });
      if (found != all->end()) its.where = work_key(owner_kind.storage_key, found->ns(), found->name());
      graph_->learn(owner.uid, its.where);
    }
    return its.where && its.where->ns != ns;
  }

  static keelson::Outcome<std::string> keep_owners(Context& ctx, const KindInfo& kind, const Key& key, const Subject& subject, const std::vector<OwnerReference>& owners) {
    std::string list;
    for (const auto& owner : owners) list += (list.empty() ? "" : ",") + keelson::encode(owner);
    const auto patch = keelson::str(R"({"metadata":{"uid":")", subject.uid, R"(","resourceVersion":")", subject.resource_version, R"(","ownerReferences":[)", list, "]}}");
    return ctx.write_raw("merge_patch", kind.gvk(), key, "", patch);
  }

  Result wait_for_dependents(Context& ctx, const KindInfo& kind, const Key& key, const Subject& subject) {
    bool blocked = false;
    for (const auto& dependent : graph_->dependents(subject.uid)) {
      blocked |= dependent.blocks;
      enqueue(dependent.key);
    }
    return blocked ? keelson::done() : drop_finalizer(ctx, kind, key, subject, kForeground);
  }

  Result orphan_dependents(Context& ctx, const KindInfo& kind, const Key& key, const Subject& subject) {
    for (const auto& dependent : graph_->dependents(subject.uid)) {
      const auto slash = dependent.key.name.find('/');
      const auto its_kind = kinds_.by_storage_key(ctx, std::string_view(dependent.key.name).substr(0, slash));
      if (!its_kind) continue;
      const Key its_key{dependent.key.ns, dependent.key.name.substr(slash + 1)};
      const auto object = ctx.find_raw(its_kind->gvk(), its_key);
      if (!object) continue;
      auto its = subject_of(object);
      std::erase_if(its.owners, [&](const auto& owner) { return owner.uid == subject.uid; });
      const auto kept = keep_owners(ctx, *its_kind, its_key, its, its.owners);
      if (!kept && !is_not_found(kept.error())) return kept.error();
    }
    return drop_finalizer(ctx, kind, key, subject, kOrphan);
  }

  static Result drop_finalizer(Context& ctx, const KindInfo& kind, const Key& key, const Subject& subject, std::string_view finalizer) {
    std::string list;
    for (const auto& name : subject.finalizers) if (name != finalizer) list += keelson::str(list.empty() ? "" : ",", '"', name, '"');
    const auto patch = keelson::str(R"({"metadata":{"uid":")", subject.uid, R"(","resourceVersion":")", subject.resource_version, R"(","finalizers":[)", list, "]}}");
    return forgiving(ctx.write_raw("merge_patch", kind.gvk(), key, "", patch));
  }

  /// Gone in between is what was wanted.
  static Result forgiving(const keelson::Outcome<std::string>& outcome) {
    if (!outcome && !is_not_found(outcome.error())) return outcome.error();
    return keelson::done();
  }

  std::shared_ptr<Graph> graph_;
  Kinds kinds_;

 public:
  std::function<void(const Key&)> enqueue;
};

std::size_t ended_pods_max(const keelson::Setup& setup) {
  const auto text = setup.config("endedPodsMax", "");
  std::size_t most = kEndedPodsMax;
  std::from_chars(text.data(), text.data() + text.size(), most);
  return most;
}

}  // namespace
}  // namespace gc

KEELSON_PLUGIN("garbage-collector", "0.1.0", setup) {
  setup.component("garbage-collector-controller");
  setup.may({{"get", "list", "watch", "patch", "update", "delete"}, {"*"}, {"*"}});
  auto graph = std::make_shared<gc::Graph>();
  auto collector = std::make_unique<gc::Collector>(graph);
  auto& made = *collector;
  auto& controller = setup.keyed_controller("garbage-collector", std::move(collector)).workers(gc::kWorkers);
  made.enqueue = controller.trigger_handle();
  auto waiting = std::make_shared<gc::Waiting>();
  auto protect = setup.keyed_controller("volume-protection", gc::make_protector()).trigger_handle();
  auto ended = std::make_shared<gc::Ended>(gc::ended_pods_max(setup));   // shared: by the observer and the controller
  auto bound = setup.keyed_controller("ended-pods", gc::make_remover(ended)).trigger_handle();
  setup.observe_linked(gc::kinds_of_interest(), [graph, waiting, ended, enqueue = made.enqueue, protect, bound](std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before) {
    for (const auto& key : graph->update(what, kind, now, before)) enqueue(key);
    for (const auto& key : waiting->note(what, kind, now, before)) protect(key);
    if (ended->note(what, kind, now, before)) bound({"", "ended"});
  });
}
