// Rules: FlowSchemas as requests are matched with them, and PriorityLevelConfigurations as limits.
//
// Invariants: of two schemas the lower matchingPrecedence goes first, then the lower name; the first that matches decides.
// Threads: immutable once made, any. Ownership: values.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"

namespace keelson::fairness {

inline constexpr int kHandSizeMax = 16;

struct LevelSpec {
  std::string name, uid;
  bool exempt = false;
  int shares = 30;                    ///< nominalConcurrencyShares
  int lendable_percent = 0;
  std::optional<int> borrowing_percent;   ///< of the nominal seats; none: no limit
  bool queues_requests = false;       ///< else what has no seat is refused
  int queues = 64, hand_size = 8, queue_length = 50;
};

struct SchemaSpec {
  struct Subject {
    enum class Kind { user, group, account } kind;
    std::string ns, name;             ///< name "*": all
  };
  struct ResourceRule {
    std::vector<std::string> verbs, groups, resources, namespaces;
    bool cluster_scope = false;
  };
  struct PathRule {
    std::vector<std::string> verbs, paths;
  };
  struct Rule {
    std::vector<Subject> subjects;
    std::vector<ResourceRule> resources;
    std::vector<PathRule> paths;
  };
  enum class By { nobody, user, ns };
  std::string name, uid, level;
  int precedence = 1000;
  By by = By::nobody;
  std::vector<Rule> rules;
};

LevelSpec level_of(const boost::json::value& object);
SchemaSpec schema_of(const boost::json::value& object);
bool matches(const SchemaSpec& schema, const auth::Attributes& request);
void order(std::vector<SchemaSpec>& schemas);
/// What tells the flows of one schema apart.
std::uint64_t flow_hash(const SchemaSpec& schema, const auth::Attributes& request);

}  // namespace keelson::fairness
