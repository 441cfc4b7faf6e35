// Policy: which requests the audit log keeps, and how much of them: audit.k8s.io/v1 Policy, matched as upstream does.
//
// Invariants: the first rule that matches decides; no rule: None. Threads: immutable once made, any.
// Errors: a file that is no Policy is refused as a whole, naming the field.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/error.hpp"

namespace keelson::audit {

enum class Level : std::uint8_t { none, metadata, request, request_response };
std::string_view text_of(Level level);

enum class Stage : std::uint8_t { request_received, response_started, response_complete, panic };
std::string_view text_of(Stage stage);

/// A set of stages, one bit each.
using Stages = std::uint8_t;
constexpr Stages bit(Stage stage) { return static_cast<Stages>(1u << static_cast<unsigned>(stage)); }

struct Rule {
  struct Resources {
    std::string group;
    std::vector<std::string> resources, names;
  };
  Level level = Level::none;
  std::vector<std::string> users, groups, verbs, namespaces, paths;
  std::vector<Resources> resources;
  Stages omitted = 0;                    ///< with the policy's own
  bool omit_managed_fields = false;      ///< the rule's, else the policy's
};

/// What a request is logged with.
struct Plan {
  Level level = Level::none;
  Stages omitted = 0;
  bool omit_managed_fields = false;
};

class Policy {
 public:
  Policy() = default;
  explicit Policy(std::vector<Rule> rules) : rules_(std::move(rules)) {}
  Plan plan(const auth::Attributes& request) const;
  const std::vector<Rule>& rules() const { return rules_; }

 private:
  std::vector<Rule> rules_;
};

/// A Policy object as YAML or JSON. `name` (of the file) is for the error's text.
base::Outcome<Policy> parse_policy(std::string_view text, std::string_view name);
/// Of a server that was given none: Metadata of what touches secrets and credentials, RequestResponse of what changes rights,
/// admission or runs in somebody's pod, nothing of the rest.
std::string_view default_policy_text();

}  // namespace keelson::audit
