// The entries of metadata.managedFields: who manages which fields of an object, by which operation, since when.
//
// Invariants: entries are sorted as clients expect (operation, time, manager, apiVersion, subresource); an entry with an
//   empty set does not exist; at most kUpdateManagersMax entries of operation Update.
// Threads: any, stateless. Ownership: entries live in the object that they describe.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "core/kinds/engine.hpp"
#include "core/kinds/managed/field_compare.hpp"

namespace keelson::kinds {

inline constexpr std::string_view kApply = "Apply", kUpdate = "Update";
inline constexpr std::string_view kNobodyKnown = "unknown";   ///< who does not say what it is
inline constexpr std::string_view kAncientManager = "ancient-changes";
inline constexpr std::string_view kBeforeFirstApply = "before-first-apply";

/// Names one entry. Those of operation Apply are one per manager and subresource, whatever their apiVersion.
struct EntryName {
  std::string manager, operation, api_version, subresource;
};

/// Records a write like record_update() of engine.hpp that was asked for in another version of the kind: its entry is of that version.
void record_update(const Kind& kind, const Kind& asked, const json::value* old, json::value& object, const ManagerInfo& manager);
/// The same of changes that somebody has compared already.
void record_update(const Kind& asked, Changes& changes, const json::value* old, json::value& object, const ManagerInfo& manager);
/// apply() of engine.hpp on an object of `kind`, which is stored as `stored`.
base::Outcome<json::value> apply(const Kind& kind, const Kind& stored, const json::value* live, const json::value& applied, const ManagerInfo& manager, bool force, json::storage_ptr memory);

/// What record_update() finds that a creator manages, where the object says nothing of it; CreatedFields (created_fields.hpp) keeps it.
FieldSet created_fields(const Kind& kind, const json::value& object);

/// metadata.managedFields, null when absent.
const json::value* managed_fields(const json::value& object);
/// Puts `entries` there; an empty list takes the field away.
void set_managed_fields(json::value& object, json::array&& entries);
/// True when every entry can be worked with.
bool well_formed(const json::value& entries);

std::string_view entry_text(const json::value& entry, std::string_view member);
/// The entry's set; a missing one is made empty.
FieldSet& entry_set(json::value& entry);
json::value* find_entry(json::array& entries, const EntryName& name);
/// Adds an entry or unites `set` with the one of that name, and dates it.
void credit(json::array& entries, const EntryName& name, const FieldSet& set, std::int64_t now_unix_s);
void credit(json::array& entries, const EntryName& name, FieldSet&& set, std::int64_t now_unix_s);
void drop_empty_entries(json::array& entries);
void cap_update_entries(json::array& entries);
void sort_entries(json::array& entries);
/// "2026-01-02T03:04:05Z"
std::string utc_text(std::int64_t unix_s);

}  // namespace keelson::kinds
