#include "bootstrap.hpp"

#include <algorithm>

#include "rules.hpp"

namespace rbac {
namespace {

using keelson::ClusterRole;
using keelson::ClusterRoleBinding;
using keelson::Context;
using keelson::Key;
using keelson::Outcome;
using keelson::Role;
using keelson::RoleBinding;
using keelson::rbac_v1::RoleRef;
using keelson::rbac_v1::Subject;

constexpr std::string_view kApiGroup = "rbac.authorization.k8s.io";
constexpr std::size_t kBatch = 100;   // writes in one commit
enum Column : std::size_t { kKind, kNamespace, kName, kLabels, kGroups, kResources, kNames, kVerbs, kRoleRef, kSubjects, kColumns };

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

std::pair<std::string, std::string> halves(const std::string& text, char at) {
  const auto end = text.find(at);
  return {text.substr(0, end), end == std::string::npos ? std::string() : text.substr(end + 1)};
}

using Row = std::vector<std::string>;

/// The object of this row: the last one, when it has the same name.
template <class T>
T& object_of(std::vector<T>& all, const Row& row) {
  if (!all.empty() && all.back().meta.name == row[kName] && all.back().meta.namespace_ == row[kNamespace]) return all.back();
  auto& made = all.emplace_back();
  made.meta.name = row[kName];
  made.meta.namespace_ = row[kNamespace];
  made.meta.labels[kBootstrapping] = "rbac-defaults";
  made.meta.annotations[kAutoUpdate] = "true";
  return made;
}

void add_rule(std::vector<PolicyRule>& rules, const Row& row) {
  if (row[kVerbs].empty()) return;
  PolicyRule rule;
  rule.verbs = split(row[kVerbs], ',');
  rule.apiGroups = split(row[kGroups], ',');
  std::replace(rule.apiGroups.begin(), rule.apiGroups.end(), std::string("\"\""), std::string());   // how the table writes the core group
  (rule.apiGroups.empty() ? rule.nonResourceURLs : rule.resources) = split(row[kResources], ',');
  rule.resourceNames = split(row[kNames], ',');
  rules.push_back(std::move(rule));
}

void add_labels(ClusterRole& role, const Row& row) {
  for (const auto& entry : split(row[kLabels], ';')) {
    const auto [what, name] = halves(entry, ':');
    const auto label = std::string(kApiGroup) + "/" + name;
    if (what == "label") role.meta.labels[label] = "true";
    else if (!role.aggregationRule) role.aggregationRule.emplace();
    if (what == "aggregates") role.aggregationRule->clusterRoleSelectors.emplace_back().matchLabels[label] = "true";
  }
}

Subject subject_of(const std::string& text) {
  const auto [kind, name] = halves(text, ':');
  Subject subject;
  subject.kind = kind;
  if (kind == "ServiceAccount") std::tie(subject.namespace_, subject.name) = halves(name, '/');
  else subject.apiGroup = kApiGroup, subject.name = name;
  return subject;
}

template <class T>
void fill_binding(T& binding, const Row& row) {
  const auto [kind, name] = halves(row[kRoleRef], ':');
  binding.roleRef = RoleRef{std::string(kApiGroup), kind, name};
  for (const auto& subject : split(row[kSubjects], ' ')) binding.subjects.push_back(subject_of(subject));
}

bool left_alone(const keelson::meta_v1::ObjectMeta& meta) {
  const auto found = meta.annotations.find(kAutoUpdate);
  return found != meta.annotations.end() && found->second == "false";
}

void complete(keelson::meta_v1::ObjectMeta& held, const keelson::meta_v1::ObjectMeta& wanted) {
  held.labels.insert(wanted.labels.begin(), wanted.labels.end());
  held.annotations.insert(wanted.annotations.begin(), wanted.annotations.end());
}

void complete(std::vector<PolicyRule>& held, const std::vector<PolicyRule>& wanted) {
  auto missing = lacking(held, wanted);
  held.insert(held.end(), missing.begin(), missing.end());
}

template <class T>
T completed_binding(const T& held, const T& wanted) {
  if (left_alone(held.meta)) return held;
  T next = held;
  complete(next.meta, wanted.meta);
  for (const auto& subject : wanted.subjects)
    if (std::find(next.subjects.begin(), next.subjects.end(), subject) == next.subjects.end()) next.subjects.push_back(subject);
  return next;
}

template <class T> bool refers_elsewhere(const T&, const T&) { return false; }
bool refers_elsewhere(const ClusterRoleBinding& held, const ClusterRoleBinding& wanted) { return !(held.roleRef == wanted.roleRef); }
bool refers_elsewhere(const RoleBinding& held, const RoleBinding& wanted) { return !(held.roleRef == wanted.roleRef); }

template <class T, class At>
Outcome<void> reconcile_batch(Context& ctx, At from, At to) {
  keelson::Transaction batch;
  for (; from != to; ++from) {
    const auto held = ctx.find<T>({from->meta.namespace_, from->meta.name});
    if (!held) batch.create(*from);
    else if (!left_alone(held->meta) && refers_elsewhere(*held, *from)) return keelson::Error(409, "Conflict", "it has to be made anew");
    else if (const T next = completed(*held, *from); !(next == *held)) batch.modify(*held, next);
  }
  return ctx.commit(batch);
}

template <class T>
Outcome<void> reconcile_one(Context& ctx, const T& wanted) {
  const Key key{wanted.meta.namespace_, wanted.meta.name};
  const auto held = ctx.find<T>(key);
  if (held && !left_alone(held->meta) && refers_elsewhere(*held, wanted)) {
    if (auto gone = ctx.remove<T>(key, {.uid = std::string(held.uid()), .grace_period_s = {}, .propagation = {}}); !gone) return gone;
  } else if (held) {
    const auto next = completed(*held, wanted);
    const auto changed = next == *held ? Outcome<T>(next) : ctx.modify(*held, next);
    return changed ? Outcome<void>() : Outcome<void>(changed.error());
  }
  const auto made = ctx.create(wanted);
  return made || already_exists(made.error()) ? Outcome<void>() : Outcome<void>(made.error());
}

/// All that differs in one commit; one by one when that fails, so that one bad object keeps back no other.
template <class T>
void reconcile_all(Context& ctx, const std::vector<T>& wanted, Outcome<void>& first_failure) {
  for (std::size_t begin = 0; begin < wanted.size() && !ctx.cancelled(); begin += kBatch) {
    const auto from = wanted.begin() + static_cast<std::ptrdiff_t>(begin), to = wanted.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kBatch, wanted.size()));
    if (reconcile_batch<T>(ctx, from, to)) continue;
    for (auto one = from; one != to && !ctx.cancelled(); ++one)
      if (const auto done = reconcile_one(ctx, *one); !done && first_failure) first_failure = done;
  }
}

}  // namespace

Bootstrap read_bootstrap(std::string_view table) {
  Bootstrap all;
  auto lines = split(table, '\n');
  for (std::size_t i = 1; i < lines.size(); ++i) {   // the first names the columns
    auto row = split(lines[i], '\t');
    row.resize(kColumns);
    if (row[kKind] == "ClusterRole") {
      auto& role = object_of(all.cluster_roles, row);
      add_labels(role, row);
      add_rule(role.rules, row);
    } else if (row[kKind] == "Role") {
      add_rule(object_of(all.roles, row).rules, row);
    } else if (row[kKind] == "ClusterRoleBinding") {
      fill_binding(object_of(all.cluster_role_bindings, row), row);
    } else if (row[kKind] == "RoleBinding") {
      fill_binding(object_of(all.role_bindings, row), row);
    }
  }
  return all;
}

ClusterRole completed(const ClusterRole& held, const ClusterRole& wanted) {
  if (left_alone(held.meta)) return held;
  ClusterRole next = held;
  complete(next.meta, wanted.meta);
  if (!wanted.aggregationRule) {
    complete(next.rules, wanted.rules);
    return next;
  }
  if (!next.aggregationRule) next.aggregationRule.emplace();
  auto& selectors = next.aggregationRule->clusterRoleSelectors;
  for (const auto& selector : wanted.aggregationRule->clusterRoleSelectors)
    if (std::find(selectors.begin(), selectors.end(), selector) == selectors.end()) selectors.push_back(selector);
  return next;
}

Role completed(const Role& held, const Role& wanted) {
  if (left_alone(held.meta)) return held;
  Role next = held;
  complete(next.meta, wanted.meta);
  complete(next.rules, wanted.rules);
  return next;
}

ClusterRoleBinding completed(const ClusterRoleBinding& held, const ClusterRoleBinding& wanted) { return completed_binding(held, wanted); }
RoleBinding completed(const RoleBinding& held, const RoleBinding& wanted) { return completed_binding(held, wanted); }

Outcome<void> reconcile(Context& ctx, const Bootstrap& wanted) {
  Outcome<void> failure;
  reconcile_all(ctx, wanted.cluster_roles, failure);
  reconcile_all(ctx, wanted.cluster_role_bindings, failure);
  reconcile_all(ctx, wanted.roles, failure);
  reconcile_all(ctx, wanted.role_bindings, failure);
  return failure;
}

}  // namespace rbac
