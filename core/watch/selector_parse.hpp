// The two parsers behind parse_selector(): label selectors (set-based grammar) and field selectors.
//
// Errors: the plain text that upstream's parser gives; parse_selector() makes it a 400.
// Threads: any, pure.
#pragma once
#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/watch/selector.hpp"

namespace keelson::watch {

/// A field term before its label is looked up in a kind.
struct FieldTerm {
  std::string label, value;
  bool negated = false;
};

base::Outcome<std::vector<LabelRequirement>> parse_label_selector(std::string_view text);
base::Outcome<std::vector<FieldTerm>> parse_field_terms(std::string_view text);

}  // namespace keelson::watch
