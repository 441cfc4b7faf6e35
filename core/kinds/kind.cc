#include "core/kinds/kind.hpp"

#include <algorithm>

namespace keelson::kinds {

const Subresource* Kind::subresource(std::string_view name) const {
  const auto found = std::find_if(subresources.begin(), subresources.end(), [&](const Subresource& s) { return s.name == name; });
  return found == subresources.end() ? nullptr : &*found;
}

bool Kind::allows(std::string_view verb) const { return std::find(verbs.begin(), verbs.end(), verb) != verbs.end(); }

}  // namespace keelson::kinds
