// Names of a custom resource definition: which of those it asks for it may have, as its status says it.
//
// Invariants: a name that another definition of the group has is refused; names that were accepted before stay. A definition
//   that was established once remains so.
// Threads: pure functions.
#pragma once
#include <boost/json/value.hpp>
#include <string>

#include "core/kinds/catalog.hpp"

namespace keelson::kinds {

inline constexpr std::string_view kCleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

struct NamesJudged {
  boost::json::object status;   ///< `conditions` and `acceptedNames` as they should be
  bool accepted = false;        ///< all names
  bool established = false;     ///< served under its accepted names
};

/// `now`: RFC 3339, for conditions that change. `catalog`: the kinds of other definitions.
NamesJudged judge_names(const boost::json::value& definition, const Catalog& catalog, const std::string& now);

/// Sets a condition in `conditions`; its time only changes with its status.
void set_condition(boost::json::array& conditions, std::string_view type, std::string_view status, std::string_view reason, std::string_view message, const std::string& now);
/// Whether a definition's condition is "True".
bool has_condition(const boost::json::value& definition, std::string_view type);

}  // namespace keelson::kinds
