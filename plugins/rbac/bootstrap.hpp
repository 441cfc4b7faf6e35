// Bootstrap: the roles and bindings that every cluster starts with (bootstrap.tsv), brought back at each start.
//
// Invariants: what is missing is added, what somebody added stays; an object whose autoupdate annotation says "false" is left
//   alone. Rules of an aggregated role are its controller's.
// Threads: functions from any. Ownership: values.
#pragma once
#include <string_view>
#include <vector>

#include <keelson/context.hpp>
#include <keelson/kinds/rbac_v1.hpp>

namespace rbac {

inline constexpr const char* kAutoUpdate = "rbac.authorization.kubernetes.io/autoupdate";
inline constexpr const char* kBootstrapping = "kubernetes.io/bootstrapping";

/// bootstrap.tsv, compiled in.
extern const std::string_view kBootstrapTable;

struct Bootstrap {
  std::vector<keelson::ClusterRole> cluster_roles;
  std::vector<keelson::ClusterRoleBinding> cluster_role_bindings;
  std::vector<keelson::Role> roles;
  std::vector<keelson::RoleBinding> role_bindings;
};
Bootstrap read_bootstrap(std::string_view table);

/// `held` with what it lacks of `wanted`; equal to `held` when that is nothing.
keelson::ClusterRole completed(const keelson::ClusterRole& held, const keelson::ClusterRole& wanted);
keelson::Role completed(const keelson::Role& held, const keelson::Role& wanted);
keelson::ClusterRoleBinding completed(const keelson::ClusterRoleBinding& held, const keelson::ClusterRoleBinding& wanted);
keelson::RoleBinding completed(const keelson::RoleBinding& held, const keelson::RoleBinding& wanted);

/// Goes on after a failure; answers the first.
keelson::Outcome<void> reconcile(keelson::Context& ctx, const Bootstrap& wanted);

}  // namespace rbac
