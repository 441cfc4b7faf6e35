// Selectors: which objects a list or a watch is about. Label selectors with all operators, field selectors over the
// kind's selectable fields.
//
// Invariants: `!=` and `notin` match a missing key; an empty selector matches all. Matching reads columns only.
// Errors: a broken expression is 400 with upstream's text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/kind.hpp"
#include "core/store/object.hpp"

namespace keelson::watch {

struct LabelRequirement {
  enum class Op { equals, not_equals, in, not_in, exists, not_exists, greater, less };
  base::Atom key;
  Op op = Op::equals;
  std::vector<std::string> values;
};

struct FieldRequirement {
  enum class Target { name, ns, column };
  Target target = Target::name;
  std::size_t column = 0;   ///< index into Columns::fields
  bool negated = false;
  std::string value;
};

class Selector {
 public:
  bool empty() const { return labels.empty() && fields.empty(); }
  bool matches(const store::Object& object) const;
  /// Canonical text: equal selectors share a subscription.
  std::string canonical() const;
  /// The metadata.name that a match must have, if one is fixed.
  const std::string* fixed_name() const;

  std::vector<LabelRequirement> labels;
  std::vector<FieldRequirement> fields;
};

/// Parses the query parameters labelSelector and fieldSelector of a request for `kind`.
base::Outcome<Selector> parse_selector(const kinds::Kind& kind, std::string_view label_selector, std::string_view field_selector);

}  // namespace keelson::watch
