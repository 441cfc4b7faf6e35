// Expressions: the x-kubernetes-validations of a schema, compiled place by place while the schema is, and counted together.
//
// Invariants: what a schema's rules may cost at most is bounded, each rule and all of them. A rule that compares with the old
//   value stands only where one can be found: not below lists whose elements have no keys.
// Threads: one compilation, one thread. Errors: causes, with upstream's texts.
#pragma once
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/cel/json_schema.hpp"
#include "core/cel/rules.hpp"
#include "core/kinds/field_errors.hpp"

namespace keelson::kinds {

/// Where in a schema something stands.
struct Place {
  bool structural = true;            ///< false inside allOf, anyOf, oneOf and not, where schemas only restrict
  std::uint64_t occurrences = 1;     ///< how often a value can stand here; kUnbounded: nothing says
  std::string uncorrelatable{};      ///< the list above without keys, empty: none

  static Place nested() { return {.structural = false}; }
  /// Of a list's elements and of a map's values. `schema` and `path`: of the list or map.
  Place items(const boost::json::object& schema, const std::string& path) const;
  Place entries(const boost::json::object& schema) const;
};

/// The schema of the field that a path names (".a.b", ".a['b.c']"); null when there is none. Through lists it may not lead.
const boost::json::value* field_at(const boost::json::value& schema, std::string_view path);

/// How many of the rules are named when all together cost too much.
inline constexpr std::size_t kMostExpensiveShown = 4;

class Expressions {
 public:
  explicit Expressions(const cel::JsonSchema& source) : source_(source) {}
  /// `rows`: the rules of `schema`, which is at `path`. Null when there are none or they may not stand here.
  std::shared_ptr<const cel::Rules> compile(const boost::json::value& rows, const boost::json::value& schema, const std::string& path, const Place& place);
  /// All that is wrong, with what all rules together cost. `path`: of the whole schema.
  std::vector<base::Cause> finish(const std::string& path);

 private:
  void check_texts(const boost::json::value& row, const boost::json::value& schema, const Path& path);
  void tell(const cel::RuleComplaint& complaint, const boost::json::value& row, const Path& path);
  void note(const Path& path, std::uint64_t cost);

  const cel::JsonSchema& source_;
  FieldErrors errors_;
  std::uint64_t total_cost_ = 0;
  std::vector<std::pair<std::string, std::uint64_t>> most_expensive_;   // dearest first
};

}  // namespace keelson::kinds
