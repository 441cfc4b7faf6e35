// Policy: roles and bindings as they are, found by subject, so that a question looks only at what its user was granted.
//
// Invariants: a binding of an absent role grants nothing, and says so in the reason; a role that comes later counts at once.
//   A RoleBinding grants within its namespace only, whichever role it names.
// Threads: any; one lock for many readers, held for memory only. Ownership: values.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rules.hpp"

namespace rbac {

using keelson::rbac_v1::RoleRef;
using keelson::rbac_v1::Subject;

inline constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

class Policy final : public keelson::Authorizer {
 public:
  /// `ns` empty: a ClusterRole or ClusterRoleBinding.
  void set_role(const std::string& ns, const std::string& name, const std::vector<PolicyRule>& rules);
  void remove_role(const std::string& ns, const std::string& name);
  void set_binding(const std::string& ns, const std::string& name, const RoleRef& role, const std::vector<Subject>& subjects);
  void remove_binding(const std::string& ns, const std::string& name);

  keelson::Verdict authorize(const AccessRequest& request) override;
  /// All rules that user and groups of `who` have in its namespace ("": in the cluster), with the roles that are missing.
  struct Held {
    std::vector<PolicyRule> rules;
    std::string missing;                 ///< "" when no binding names an absent role
  };
  Held held(const AccessRequest& who) const;
  /// The same as "authorization.rules" wants it told.
  std::string held_json(const AccessRequest& who) const;

 private:
  struct Role {
    bool there = false;
    std::string missing;                 // the sentence for when it is not
    std::vector<PolicyRule> rules;
    std::vector<CompiledRule> compiled;
  };
  using RoleRefHeld = std::shared_ptr<Role>;
  using Name = std::pair<std::string, std::string>;   // namespace, name
  struct Grant {
    Name binding;
    RoleRefHeld role;
    std::string why;
  };
  struct Grants {
    std::vector<Grant> cluster;
    std::map<std::string, std::vector<Grant>, std::less<>> by_namespace;
  };
  struct TextHash : std::hash<std::string_view> { using is_transparent = void; };
  using BySubject = std::unordered_map<std::string, Grants, TextHash, std::equal_to<>>;
  struct Binding {
    RoleRefHeld role;
    Name role_name;
    std::vector<std::pair<bool, std::string>> subjects;   // group?, name
  };

  RoleRefHeld role_of(const Name& name);
  void forget_role(const Name& name);
  void drop(const Name& binding);
  /// Until `visit` answers false; the cluster's grants first.
  template <class Visit> void each_grant(const AccessRequest& who, Visit visit) const;

  mutable std::shared_mutex mutex_;
  std::map<Name, RoleRefHeld> roles_;
  std::map<Name, Binding> bindings_;
  BySubject users_, groups_;
};

}  // namespace rbac
