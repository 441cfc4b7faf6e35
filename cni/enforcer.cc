#include "enforcer.hpp"

namespace keelson::cni {

using core_v1::Namespace;
using core_v1::Pod;
using networking_v1::NetworkPolicy;

namespace {

/// Labels of namespaces, each looked up once.
class Namespaces {
 public:
  explicit Namespaces(Context& ctx) : ctx_(ctx) {}
  const LabelMap& labels(const std::string& ns) {
    const auto [at, added] = known_.try_emplace(ns);
    if (const auto found = added ? ctx_.find<Namespace>({"", ns}) : Ref<Namespace>()) at->second = found->meta.labels;
    return at->second;
  }

 private:
  Context& ctx_;
  std::map<std::string, LabelMap> known_;
};

}  // namespace

std::optional<PodFacts> Enforcer::facts(const Ref<Pod>& pod) {
  std::string address;
  {
    const std::lock_guard lock(attached_mutex_);
    if (const auto found = attached_.find(pod.key()); found != attached_.end() && found->second.uid == pod.uid()) address = found->second.text;
  }
  return facts_of(*pod, parts_.node, std::move(address));
}

/// Pods of a namespace, "": of all, to one policy or, null, to all.
void Enforcer::show_pods(Context& ctx, const std::string& ns, const Key* policy) {
  Namespaces namespaces(ctx);
  for (const auto& pod : ctx.list<Pod>({.ns = ns})) {
    const auto seen = facts(pod);
    if (!seen) continue;
    if (policy != nullptr) rules_.show_to(*policy, *seen, namespaces.labels(seen->key.ns));
    else rules_.show(*seen, namespaces.labels(seen->key.ns));
  }
}

void Enforcer::load(Context& ctx) {
  if (loaded_) return;
  std::set<std::string> concerned;
  for (const auto& policy : ctx.list<NetworkPolicy>()) {
    rules_.put(*policy);
    concerned.insert(std::string(policy.ns()));
  }
  idle_ = rules_.empty();   // first: what changes from here on wakes this
  if (rules_.asks_for_namespaces()) concerned = {""};
  for (const auto& ns : concerned) show_pods(ctx, ns, nullptr);
  loaded_ = true;
}

void Enforcer::policy_changed(Context& ctx, const Key& key) {
  const std::lock_guard lock(mutex_);
  load(ctx);
  const auto policy = ctx.find<NetworkPolicy>(key);
  if (policy) rules_.put(*policy);
  else rules_.remove(key);
  idle_ = rules_.empty();
  if (policy) show_pods(ctx, rules_.looks_elsewhere(key) ? "" : key.ns, &key);
}

void Enforcer::namespace_changed(Context& ctx, const Key& key) {
  const std::lock_guard lock(mutex_);
  load(ctx);
  if (rules_.asks_for_namespaces()) show_pods(ctx, key.name, nullptr);
}

void Enforcer::pod_changed(Context& ctx, const Key& key) {
  const std::lock_guard lock(mutex_);
  load(ctx);
  const auto pod = ctx.find<Pod>(key);
  const auto seen = pod ? facts(pod) : std::nullopt;
  if (seen) rules_.show(*seen, Namespaces(ctx).labels(key.ns));
  else rules_.forget(key);
}

Outcome<void> Enforcer::attached(Context& ctx, const Ref<Pod>& pod, std::string_view addresses) {
  const std::lock_guard lock(mutex_);
  load(ctx);
  {
    const std::lock_guard own(attached_mutex_);
    attached_[pod.key()] = {std::string(pod.uid()), std::string(addresses.substr(0, addresses.find('\n')))};
  }
  const auto seen = facts(pod);
  if (!seen || rules_.empty()) return {};
  rules_.show(*seen, Namespaces(ctx).labels(seen->key.ns));
  const auto applied = apply();
  if (!applied && rules_.isolates(seen->address)) return applied.error();
  return {};
}

void Enforcer::gone(const Key& pod) {
  const std::lock_guard lock(attached_mutex_);
  attached_.erase(pod);
}

Outcome<void> Enforcer::enforce(Context& ctx) {
  const std::lock_guard lock(mutex_);
  load(ctx);
  const auto applied = apply();
  if (applied || rules_.isolates()) return applied;
  ctx.log("warning", "no policy isolates a pod, what may be left of earlier rules was not removed: " + applied.error().message);
  return {};
}

Outcome<void> Enforcer::apply() {
  const auto changed = rules_.take_changed();
  const auto& wanted = rules_.rules();
  const auto table = table_name(parts_.bridge);
  const bool some = rules_.isolates(), held = !held_.chains.empty(), whole = !known_ || !held;
  const auto script = !some ? (known_ && !held ? std::string() : script_of_none(table)) : whole ? script_of_all(table, wanted) : script_of_changes(table, held_, wanted, changed);
  if (script.empty()) return {};
  known_ = false;
  if (some) KEELSON_TRY_VOID(parts_.prepare());
  KEELSON_TRY_VOID(parts_.run(script));
  known_ = true;
  if (!some) held_ = {};
  else if (whole) held_ = wanted;
  else held_.adopt(wanted, changed);
  return {};
}

}  // namespace keelson::cni
