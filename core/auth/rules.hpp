// Rules: what somebody may do, as a list: what plugins are held to, and what authorizers tell that can tell it as a whole.
//
// Invariants: what all_rules() tells is for reading (`kubectl auth can-i --list`), never for deciding. Threads: as authorize().
#pragma once
#include "core/auth/auth.hpp"

namespace keelson::auth {

/// As in a role: of resources, or of paths.
struct Rules {
  struct Rule { std::vector<std::string> verbs, groups, resources, names, paths; };
  std::vector<Rule> rules;
  bool incomplete = false;                                 ///< he may do more
  std::string why;                                         ///< what is missing
};

/// As RBAC reads a rule: "*" is all, "pods/log" a subresource, "*/scale" that of all; names make a rule narrower.
bool allows(const Rules& rules, const Attributes& asked);

/// What an Authorizer also is when it can tell. Chains are: all of their units together.
class RulesSource {
 public:
  virtual ~RulesSource() = default;
  /// What it allows `user` in `ns` ("": in the cluster) is appended.
  virtual void rules(const Identity& user, const std::string& ns, Rules& into) const = 0;
};

/// What the chains' authorizers tell. Everybody's own rights are in the bootstrap roles, so they are not told twice.
Rules all_rules(const Chains& chains, const Identity& user, const std::string& ns);

}  // namespace keelson::auth
