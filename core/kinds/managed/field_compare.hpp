// Comparison of two objects of one kind as field sets: what the second added, changed and removed.
//
// Invariants: one walk over both; nothing is built for what is equal. Identity and bookkeeping fields (apiVersion, kind,
//   metadata.name, .uid, .resourceVersion ...) never occur.
// Threads: any, stateless.
#pragma once
#include <optional>

#include "core/kinds/kind.hpp"
#include "core/kinds/managed/field_set.hpp"

namespace keelson::kinds {

struct Comparison {
  FieldSet taken;     ///< added or changed
  FieldSet removed;
  bool same() const { return taken.empty() && removed.empty(); }
};

/// What an object is that is compared: as it is stored and served, or as a client wrote it, where an empty list counts.
enum class Written { stored, sent };

/// `before` null: against an empty object of the kind.
Comparison compare_fields(const Kind& kind, const boost::json::value* before, const boost::json::value& after, boost::json::storage_ptr memory, Written after_is = Written::stored);

/// What a write changes, as each version of the kind sees it: compared when it is first asked for.
class Changes {
 public:
  /// `before` (null: nothing was there) and `after` are in the form of `own`. All have to live as long.
  Changes(const Kind& own, const Kind& other, const boost::json::value* before, const boost::json::value& after, boost::json::storage_ptr memory, Written after_is = Written::stored);
  /// In the form of that version: of `other` when that is its name, else of `own`.
  Comparison& in(std::string_view api_version);

 private:
  Comparison compared_in_other() const;
  const Kind &own_, &other_;
  const boost::json::value* before_;
  const boost::json::value& after_;
  boost::json::storage_ptr memory_;
  Written after_is_;
  std::string other_name_;   // "" when both have the same form
  std::optional<Comparison> in_own_, in_other_;
};

/// Fields that managedFields never mention.
bool never_managed(std::string_view top_level);
bool never_managed_metadata(std::string_view field);
/// Takes those out of a set.
void strip_unmanaged(FieldSet& root);

}  // namespace keelson::kinds
