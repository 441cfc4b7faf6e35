#include "policy.hpp"

#include <keelson/codec.hpp>
#include <keelson/codec/json_write.hpp>

#include <mutex>
#include <set>

namespace rbac {
namespace {

using keelson::Field;
using keelson::Verdict;

std::string account_user(std::string_view ns, std::string_view name) { return "system:serviceaccount:" + std::string(ns) + ":" + std::string(name); }

std::string shown(const Subject& subject, const std::string& ns) {
  if (subject.kind != "ServiceAccount") return subject.kind + " " + quoted(subject.name);
  return subject.kind + " " + quoted(subject.name + "/" + (subject.namespace_.empty() ? ns : subject.namespace_));
}

std::string why(const std::string& ns, const std::string& name, const RoleRef& role, const Subject& subject) {
  const auto binding = ns.empty() ? "ClusterRoleBinding " + quoted(name) : "RoleBinding " + quoted(name + "/" + ns);
  return "RBAC: allowed by " + binding + " of " + role.kind + " " + quoted(role.name) + " to " + shown(subject, ns);
}

std::string together(const std::set<std::string>& missing) {
  if (missing.empty()) return {};
  std::string out;
  for (const auto& one : missing) out += (out.empty() ? "" : ", ") + one;
  return missing.size() == 1 ? out : "[" + out + "]";
}

}  // namespace

Policy::RoleRefHeld Policy::role_of(const Name& name) {
  auto& role = roles_[name];
  if (!role) {
    role = std::make_shared<Role>();
    role->missing = std::string(name.first.empty() ? "clusterrole." : "role.") + std::string(kGroup) + " " + quoted(name.second) + " not found";
  }
  return role;
}

void Policy::forget_role(const Name& name) {
  const auto at = roles_.find(name);
  if (at != roles_.end() && !at->second->there && at->second.use_count() == 1) roles_.erase(at);
}

void Policy::set_role(const std::string& ns, const std::string& name, const std::vector<PolicyRule>& rules) {
  std::vector<CompiledRule> compiled(rules.begin(), rules.end());
  const std::lock_guard lock(mutex_);
  const auto role = role_of({ns, name});
  role->there = true;
  role->rules = rules;
  role->compiled = std::move(compiled);
}

void Policy::remove_role(const std::string& ns, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto at = roles_.find({ns, name});
  if (at == roles_.end()) return;
  at->second->there = false;
  at->second->rules.clear();
  at->second->compiled.clear();
  forget_role({ns, name});
}

void Policy::set_binding(const std::string& ns, const std::string& name, const RoleRef& role, const std::vector<Subject>& subjects) {
  const std::lock_guard lock(mutex_);
  drop({ns, name});
  if (role.kind != "ClusterRole" && (role.kind != "Role" || ns.empty())) return;
  auto& binding = bindings_[{ns, name}];
  binding.role_name = {role.kind == "Role" ? ns : std::string(), role.name};
  binding.role = role_of(binding.role_name);
  std::set<std::pair<bool, std::string>> seen;
  for (const auto& subject : subjects) {
    const bool group = subject.kind == "Group", account = subject.kind == "ServiceAccount";
    if (!group && !account && subject.kind != "User") continue;
    const auto& account_ns = subject.namespace_.empty() ? ns : subject.namespace_;
    if (account && account_ns.empty()) continue;
    const auto key = account ? account_user(account_ns, subject.name) : subject.name;
    if (!seen.emplace(group, key).second) continue;
    auto& grants = (group ? groups_ : users_)[key];
    (ns.empty() ? grants.cluster : grants.by_namespace[ns]).push_back({{ns, name}, binding.role, why(ns, name, role, subject)});
  }
  binding.subjects.assign(seen.begin(), seen.end());
}

void Policy::remove_binding(const std::string& ns, const std::string& name) {
  const std::lock_guard lock(mutex_);
  drop({ns, name});
}

void Policy::drop(const Name& name) {
  const auto at = bindings_.find(name);
  if (at == bindings_.end()) return;
  for (const auto& [group, key] : at->second.subjects) {
    auto& subjects = group ? groups_ : users_;
    const auto held = subjects.find(key);
    if (held == subjects.end()) continue;
    const auto of_binding = [&](const Grant& grant) { return grant.binding == name; };
    std::erase_if(held->second.cluster, of_binding);
    if (const auto in = held->second.by_namespace.find(name.first); in != held->second.by_namespace.end() && std::erase_if(in->second, of_binding) > 0 && in->second.empty())
      held->second.by_namespace.erase(in);
    if (held->second.cluster.empty() && held->second.by_namespace.empty()) subjects.erase(held);
  }
  const auto role = at->second.role_name;
  bindings_.erase(at);
  forget_role(role);
}

template <class Visit>
void Policy::each_grant(const AccessRequest& who, Visit visit) const {
  bool more = true;
  const auto show = [&](const BySubject& subjects, std::string_view key, bool in_namespace) {
    const auto held = subjects.find(key);
    if (!more || held == subjects.end()) return;
    const std::vector<Grant>* grants = &held->second.cluster;
    if (in_namespace) {
      const auto in = held->second.by_namespace.find(who.ns);
      if (in == held->second.by_namespace.end()) return;
      grants = &in->second;
    }
    for (const auto& grant : *grants)
      if (more) more = visit(grant, in_namespace);
  };
  for (const bool in_namespace : {false, true}) {
    if (in_namespace && who.ns.empty()) return;
    show(users_, who.user, in_namespace);
    who.each_group([&](std::string_view group) { show(groups_, group, in_namespace); });
  }
}

Verdict Policy::authorize(const AccessRequest& request) {
  Verdict verdict;
  bool name_matters = false, ns_matters = true;
  std::set<std::string> missing;
  {
    const std::shared_lock lock(mutex_);
    each_grant(request, [&](const Grant& grant, bool in_namespace) {
      if (!grant.role->there) missing.insert(grant.role->missing);
      for (const auto& rule : grant.role->compiled) {
        const auto match = rule.match(request);
        name_matters = name_matters || match == Match::other_name;
        if (match != Match::yes && match != Match::this_name) continue;
        name_matters = match == Match::this_name;
        ns_matters = in_namespace;
        verdict = Verdict::allow(grant.why);
        return false;
      }
      return true;
    });
  }
  if (verdict.kind != Verdict::Kind::allow && !missing.empty()) verdict.reason = "RBAC: " + together(missing);
  verdict.without(Field::uid).without(Field::extra).without(Field::version);
  if (!name_matters) verdict.without(Field::name);
  if (!ns_matters) verdict.without(Field::ns);
  return verdict;
}

Policy::Held Policy::held(const AccessRequest& who) const {
  Held all;
  std::set<std::string> missing;
  const std::shared_lock lock(mutex_);
  each_grant(who, [&](const Grant& grant, bool) {
    if (!grant.role->there) missing.insert(grant.role->missing);
    all.rules.insert(all.rules.end(), grant.role->rules.begin(), grant.role->rules.end());
    return true;
  });
  all.missing = together(missing);
  return all;
}

std::string Policy::held_json(const AccessRequest& who) const {
  const auto all = held(who);
  std::string out = R"({"missing":)";
  keelson::codec::append_string(out, all.missing);
  out += R"(,"rules":[)";
  for (const auto& rule : all.rules) {
    if (out.back() == '}') out += ',';
    out += keelson::codec::encode_value(keelson::codec::CodecFor<PolicyRule>::value, &rule);
  }
  return out + "]}";
}

}  // namespace rbac
