#include "content.hpp"

#include <algorithm>

#include "elsewhere.hpp"

namespace namespaces {
namespace {

bool deletable(const keelson::KindInfo& kind) {
  const auto offers = [&](std::string_view verb) { return std::find(kind.verbs.begin(), kind.verbs.end(), verb) != kind.verbs.end(); };
  return kind.namespaced && offers("delete") && offers("list");
}

void delete_kind(keelson::Context& ctx, const keelson::KindInfo& kind, const std::string& ns, Remains& remains) {
  const auto listed = ctx.list_raw(kind.gvk(), {.ns = ns});
  if (!listed) return remains.failures.push_back(listed.error().message);
  const auto label = kind.resource + "." + kind.group;
  for (const auto& object : *listed) {
    if (!object.deleting()) {
      const auto options = keelson::str(R"({"uid":")", object.uid(), R"(","propagationPolicy":"Background"})");
      const auto removed = ctx.write_raw("remove", kind.gvk(), object.key(), "", "", options);
      if (!removed && !is_not_found(removed.error())) remains.failures.push_back(removed.error().message);
    }
    const auto left = ctx.find_raw(kind.gvk(), object.key());
    if (!left) continue;
    ++remains.instances[label];
    for (const auto& finalizer : left.finalizers()) ++remains.finalizers[finalizer];
  }
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string counted(const std::map<std::string, int>& counts, std::string_view between, std::string_view after) {
  std::string text;
  for (const auto& [name, count] : counts) text += keelson::str(text.empty() ? "" : ", ", name, between, count, after);
  return text;
}

void set(keelson::core_v1::Namespace& ns, const char* type, bool value, std::string reason, std::string message, keelson::Time now) {
  keelson::core_v1::NamespaceCondition wanted;
  wanted.type = type;
  wanted.status = value ? "True" : "False";
  wanted.reason = std::move(reason);
  wanted.message = std::move(message);
  wanted.lastTransitionTime = now;
  auto& conditions = ns.status.conditions;
  const auto held = std::find_if(conditions.begin(), conditions.end(), [&](const auto& c) { return c.type == wanted.type; });
  if (held == conditions.end()) return conditions.push_back(wanted);
  if (held->status == wanted.status) wanted.lastTransitionTime = held->lastTransitionTime;
  *held = wanted;
}

}  // namespace

int Remains::remaining() const {
  int sum = 0;
  for (const auto& [name, count] : instances) sum += count;
  return sum;
}

Remains delete_content(keelson::Context& ctx, const std::string& ns) {
  Remains remains;
  auto others = discover_elsewhere(ctx);
  remains.undiscovered = std::move(others.failures);
  const auto kinds = ctx.kinds();
  const auto pods = std::find_if(kinds.begin(), kinds.end(), [](const auto& kind) { return kind.group.empty() && kind.resource == "pods"; });
  if (pods != kinds.end()) delete_kind(ctx, *pods, ns, remains);
  if (remains.remaining() > 0) return remains;
  std::set<std::string> seen{"pods"};
  for (const auto& kind : kinds) {
    if (deletable(kind) && seen.insert(kind.storage_key).second) delete_kind(ctx, kind, ns, remains);
  }
  for (const auto& resource : others.resources) delete_elsewhere(ctx, resource, ns, remains);
  return remains;
}

void note_conditions(keelson::core_v1::Namespace& ns, const Remains& remains, keelson::Time now) {
  const bool hidden = !remains.undiscovered.empty();
  set(ns, "NamespaceDeletionDiscoveryFailure", hidden, hidden ? "DiscoveryFailed" : "ResourcesDiscovered",
      hidden ? keelson::str("Discovery failed for some groups, ", remains.undiscovered.size(), " failing: unable to retrieve the complete list of server APIs: ", joined(remains.undiscovered))
             : "All resources successfully discovered", now);
  set(ns, "NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions", "All legacy kube types successfully parsed", now);
  const bool failed = !remains.failures.empty();
  set(ns, "NamespaceDeletionContentFailure", failed, failed ? "ContentDeletionFailed" : "ContentDeleted",
      failed ? keelson::str("Failed to delete all resource types, ", remains.failures.size(), " remaining: ", joined(remains.failures))
             : "All content successfully deleted, may be waiting on finalization", now);
  const bool left = !remains.instances.empty();
  set(ns, "NamespaceContentRemaining", left, left ? "SomeResourcesRemain" : "ContentRemoved",
      left ? "Some resources are remaining: " + counted(remains.instances, " has ", " resource instances") : "All content successfully removed", now);
  const bool held = !remains.finalizers.empty();
  set(ns, "NamespaceFinalizersRemaining", held, held ? "SomeFinalizersRemain" : "ContentHasNoFinalizers",
      held ? "Some content in the namespace has finalizers remaining: " + counted(remains.finalizers, " in ", " resource instances")
           : "All content-preserving finalizers finished", now);
}

}  // namespace namespaces
