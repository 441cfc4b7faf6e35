#include "taints.hpp"

#include <algorithm>

namespace node_lifecycle {
namespace {

constexpr std::string_view kPrefix = "node.kubernetes.io/";

struct Rule { const char *condition, *status, *taint; };
constexpr Rule kNoSchedule[] = {
    {"Ready", "False", "node.kubernetes.io/not-ready"},
    {"Ready", "Unknown", "node.kubernetes.io/unreachable"},
    {"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
    {"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
    {"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
    {"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
};
constexpr const char* kUnschedulable = "node.kubernetes.io/unschedulable";

bool ours(const Taint& taint) {
  if (taint.key == kUnschedulable) return true;
  return std::any_of(std::begin(kNoSchedule), std::end(kNoSchedule), [&](const Rule& rule) { return taint.key == rule.taint; }) && taint.key.starts_with(kPrefix);
}

std::vector<Taint> wanted_taints(const Node& node, std::int64_t now_unix_s, bool evicting) {
  std::vector<Taint> wanted;
  const auto add = [&](const char* key, const char* effect) {
    Taint taint;
    taint.key = key;
    taint.effect = effect;
    if (std::string_view(effect) == "NoExecute") taint.timeAdded = keelson::Time(now_unix_s);
    wanted.push_back(std::move(taint));
  };
  for (const auto& rule : kNoSchedule) {
    const auto* condition = find_condition(node, rule.condition);
    if (!condition || condition->status != rule.status) continue;
    add(rule.taint, "NoSchedule");
    if (evicting && std::string_view(rule.condition) == "Ready") add(rule.taint, "NoExecute");
  }
  if (node.spec.unschedulable) add(kUnschedulable, "NoSchedule");
  return wanted;
}

bool same(const Taint& a, const Taint& b) { return a.key == b.key && a.effect == b.effect; }

bool tolerates(const keelson::core_v1::Toleration& toleration, const Taint& taint) {
  if (!toleration.effect.empty() && toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  return toleration.operator_ == "Exists" || (!toleration.key.empty() && toleration.value == taint.value);
}

}  // namespace

const NodeCondition* find_condition(const Node& node, std::string_view type) {
  const auto& all = node.status.conditions;
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.type == type; });
  return found == all.end() ? nullptr : &*found;
}

bool is_ready(const Node& node) {
  const auto* ready = find_condition(node, "Ready");
  return ready && ready->status == "True";
}

bool is_evicting(const Node& node) {
  return std::any_of(node.spec.taints.begin(), node.spec.taints.end(), [](const Taint& taint) { return taint.effect == "NoExecute" && ours(taint); });
}

std::vector<Taint> taints_for(const Node& node, std::int64_t now_unix_s, bool evicting) {
  auto wanted = wanted_taints(node, now_unix_s, evicting);
  std::vector<Taint> taints;
  for (const auto& held : node.spec.taints) {
    const auto match = std::find_if(wanted.begin(), wanted.end(), [&](const Taint& t) { return same(t, held); });
    if (match != wanted.end()) wanted.erase(match);
    else if (ours(held)) continue;
    taints.push_back(held);
  }
  taints.insert(taints.end(), wanted.begin(), wanted.end());
  return taints;
}

std::optional<std::int64_t> eviction_time(const Pod& pod, const std::vector<Taint>& taints) {
  std::optional<std::int64_t> due;
  for (const auto& taint : taints) {
    if (taint.effect != "NoExecute") continue;
    const auto since = taint.timeAdded.unix_s;
    bool tolerated = false;
    std::optional<std::int64_t> seconds;
    for (const auto& toleration : pod.spec.tolerations) {
      if (!tolerates(toleration, taint)) continue;
      tolerated = true;
      if (toleration.tolerationSeconds) seconds = seconds ? std::min(*seconds, *toleration.tolerationSeconds) : *toleration.tolerationSeconds;
    }
    if (tolerated && !seconds) continue;
    const auto at = tolerated ? since + std::max<std::int64_t>(0, *seconds) : since;
    due = due ? std::min(*due, at) : at;
  }
  return due;
}

}  // namespace node_lifecycle
