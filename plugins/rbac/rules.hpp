// Rules: what a PolicyRule allows, compiled so that a question allocates nothing; what one set of rules lacks of another.
//
// Invariants: a rule allows what its verbs, groups, resources and names all name, "*" being any; a path ends in "*" for all below.
// Threads: pure functions, values. Ownership: values.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <keelson/authorization.hpp>
#include <keelson/kinds/rbac_v1.hpp>

namespace rbac {

using keelson::AccessRequest;
using keelson::rbac_v1::PolicyRule;

/// other_name: only the object's name kept it from being allowed; this_name: allowed because of its name.
enum class Match { no, other_name, this_name, yes };

/// A set of words, or any word.
class Words {
 public:
  Words() = default;
  explicit Words(const std::vector<std::string>& words);
  bool has(std::string_view word) const;
  bool empty() const { return words_.empty() && !any_; }

 private:
  bool any_ = false;
  std::vector<std::string> words_;       // sorted
};

class CompiledRule {
 public:
  explicit CompiledRule(const PolicyRule& rule);
  Match match(const AccessRequest& request) const;

 private:
  bool path_allowed(std::string_view path) const;
  bool resource_allowed(std::string_view resource, std::string_view subresource) const;
  Words verbs_, groups_, names_, paths_;
  bool any_resource_ = false;
  std::vector<std::pair<std::string, std::string>> resources_;   // resource ("*": any) and subresource, sorted
  std::vector<std::string> path_prefixes_;
};

/// What `wanted` allows and `held` does not, in pieces of one verb, group, resource and name; empty: all is held.
std::vector<PolicyRule> lacking(const std::vector<PolicyRule>& held, const std::vector<PolicyRule>& wanted);
/// One line a rule, sorted, verbs of one resource together: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`.
std::string described(const std::vector<PolicyRule>& rules);
/// `text` in double quotes, as Go's %q.
std::string quoted(std::string_view text);
std::string quoted_list(const std::vector<std::string>& texts);
/// All of every API group and every path.
std::vector<PolicyRule> everything();

}  // namespace rbac
