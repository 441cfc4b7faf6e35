// Label selectors as controllers use them: to text for queries, and matching of labels.
#pragma once
#include <map>
#include <string>

#include <keelson/kinds/meta_v1.hpp>

namespace deployment {

using keelson::meta_v1::LabelSelector;
using LabelMap = std::map<std::string, std::string>;

/// True when `selector` has no requirement at all (it would match everything).
bool selects_all(const LabelSelector& selector);
bool matches(const LabelSelector& selector, const LabelMap& labels);

}  // namespace deployment
