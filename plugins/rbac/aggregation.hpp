// Aggregation: ClusterRoles with an aggregationRule have the rules of the ClusterRoles that it selects, and no others.
//
// Invariants: rules in order of the roles' names, none twice; a role never selects itself.
// Threads: Aggregators from any; one lock, held over no call.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <keelson/kinds/rbac_v1.hpp>
#include <keelson/plugin.hpp>

namespace rbac {

/// The ClusterRoles that gather: whenever any ClusterRole changes they are looked at again.
class Aggregators {
 public:
  void set(const std::string& name, bool gathers);
  std::vector<keelson::Key> all() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
};

class AggregationReconciler final : public keelson::Reconciler<keelson::ClusterRole> {
 public:
  keelson::Result reconcile(keelson::Context& ctx, const keelson::ClusterRole& role) override;
};

/// As a label selector's text; "" selects all.
std::string selector_text(const keelson::meta_v1::LabelSelector& selector);

}  // namespace rbac
