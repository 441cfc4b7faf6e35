#include "core/kinds/managed/managed_fields.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <vector>

#include "core/base/json_member.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/json_equal.hpp"

namespace keelson::kinds {

const json::value* managed_fields(const json::value& object) {
  const json::value* metadata = object.is_object() ? base::member_of(object.get_object(), "metadata") : nullptr;
  return metadata && metadata->is_object() ? base::member_of(metadata->get_object(), "managedFields") : nullptr;
}

void set_managed_fields(json::value& object, json::array&& entries) {
  if (!object.is_object()) return;
  json::value& metadata = object.get_object()["metadata"];
  if (!metadata.is_object()) metadata.emplace_object();
  if (entries.empty()) metadata.get_object().erase("managedFields");
  else metadata.get_object().insert_or_assign("managedFields", std::move(entries));
}

std::string_view entry_text(const json::value& entry, std::string_view member) {
  const json::value* value = entry.is_object() ? base::member_of(entry.get_object(), member) : nullptr;
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

namespace {

bool well_formed_entry(const json::value& entry) {
  if (!entry.is_object()) return false;
  const std::string_view operation = entry_text(entry, "operation");
  const json::value* set = entry.get_object().if_contains("fieldsV1");
  return (operation == kApply || operation == kUpdate) && !entry_text(entry, "apiVersion").empty() && entry_text(entry, "fieldsType") == "FieldsV1" &&
         (!set || set->is_null() || set->is_object());
}

bool matches(const json::value& entry, const EntryName& name) {
  return entry_text(entry, "manager") == name.manager && entry_text(entry, "operation") == name.operation && entry_text(entry, "subresource") == name.subresource &&
         (name.operation == kApply || entry_text(entry, "apiVersion") == name.api_version);
}

/// The order of entries.
bool before(const json::value& a, const json::value& b) {
  for (const std::string_view member : {"operation", "time", "manager", "apiVersion", "subresource"})
    if (const int order = entry_text(a, member).compare(entry_text(b, member)); order != 0) return order < 0;
  return false;
}

json::object new_entry(const EntryName& name, FieldSet&& set, std::string_view time, const json::storage_ptr& memory) {
  json::object entry(memory);
  entry.reserve(7);
  const auto text = [&](std::string_view key, std::string_view value) { entry.emplace(key, json::string(value, memory)); };
  text("manager", name.manager);
  text("operation", name.operation);
  text("apiVersion", name.api_version);
  text("time", time);
  text("fieldsType", "FieldsV1");
  entry.emplace("fieldsV1", std::move(set));
  if (!name.subresource.empty()) text("subresource", name.subresource);
  return entry;
}

}  // namespace

bool well_formed(const json::value& entries) {
  if (!entries.is_array()) return false;
  return std::all_of(entries.get_array().begin(), entries.get_array().end(), well_formed_entry);
}

FieldSet& entry_set(json::value& entry) {
  json::value& set = entry.as_object()["fieldsV1"];
  return set.is_object() ? set.get_object() : set.emplace_object();
}

json::value* find_entry(json::array& entries, const EntryName& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const json::value& entry) { return matches(entry, name); });
  return found == entries.end() ? nullptr : &*found;
}

void credit(json::array& entries, const EntryName& name, const FieldSet& set, std::int64_t now_unix_s) {
  credit(entries, name, FieldSet(set, entries.storage()), now_unix_s);
}

void credit(json::array& entries, const EntryName& name, FieldSet&& set, std::int64_t now_unix_s) {
  const std::string time = utc_text(now_unix_s);
  json::value* entry = find_entry(entries, name);
  if (!entry) {
    entries.push_back(new_entry(name, std::move(set), time, entries.storage()));
    return;
  }
  if (FieldSet& mine = entry_set(*entry); mine.empty()) mine = std::move(set);
  else unite(mine, set);
  entry->as_object()["apiVersion"] = name.api_version;
  entry->as_object()["time"] = time;
}

void drop_empty_entries(json::array& entries) {
  for (auto entry = entries.begin(); entry != entries.end();) entry = empty_set(entry_set(*entry)) ? entries.erase(entry) : entry + 1;
}

namespace {

/// Positions of the Update entries, oldest first.
std::vector<std::size_t> updates_by_age(const json::array& entries) {
  std::vector<std::size_t> updates;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entry_text(entries[i], "operation") == kUpdate) updates.push_back(i);
  std::sort(updates.begin(), updates.end(), [&](std::size_t a, std::size_t b) { return before(entries[a], entries[b]); });
  return updates;
}

/// Turns an entry into the bucket of its apiVersion.
void make_ancient(json::value& entry) {
  entry.as_object()["manager"] = kAncientManager;
  entry.as_object().erase("subresource");
}

}  // namespace

/// The oldest become one bucket per apiVersion, until there are few enough; the first of a version waits for a second.
void cap_update_entries(json::array& entries) {
  if (entries.size() <= kUpdateManagersMax) return;
  const std::vector<std::size_t> updates = updates_by_age(entries);
  if (updates.size() <= kUpdateManagersMax) return;
  std::size_t left = updates.size();
  std::map<std::string, std::size_t, std::less<>> first;   // by apiVersion
  for (std::size_t at : updates) {
    if (left <= kUpdateManagersMax) break;
    const auto [bucket, fresh] = first.try_emplace(std::string(entry_text(entries[at], "apiVersion")), at);
    if (fresh) continue;
    json::value& into = entries[bucket->second];
    make_ancient(into);
    unite(entry_set(into), entry_set(entries[at]));
    into.as_object()["time"] = std::string(entry_text(entries[at], "time"));
    entry_set(entries[at]).clear();
    --left;
  }
  drop_empty_entries(entries);
}

void sort_entries(json::array& entries) {
  if (!std::is_sorted(entries.begin(), entries.end(), before)) std::stable_sort(entries.begin(), entries.end(), before);
}

std::string utc_text(std::int64_t unix_s) { return base::rfc3339(unix_s); }

namespace {

/// `managedFields: []`, or a list of one empty entry, asks to forget everything.
bool is_reset(const json::value& entries) {
  if (!entries.is_array()) return false;
  const json::array& list = entries.get_array();
  if (list.size() != 1) return list.empty();
  const json::object* only = list.front().if_object();
  return only && std::all_of(only->begin(), only->end(), [](const auto& member) { return member.value().is_null() || (member.value().is_string() && member.value().get_string().empty()); });
}

/// The entries to go on from: the request's own where it sends usable ones, else those of the stored object.
json::array entries_to_keep(const json::value* old, json::value& object, bool subresource) {
  json::value* sent = const_cast<json::value*>(managed_fields(object));
  const json::value* stored = old ? managed_fields(*old) : nullptr;
  const json::storage_ptr memory = object.storage();
  if (sent && !subresource) {
    if (is_reset(*sent)) return json::array(memory);
    if (sent->is_array() && well_formed(*sent)) return std::move(sent->get_array());
  }
  if (sent && stored && sent->is_array() && same_json(*sent, *stored)) return std::move(sent->get_array());
  return stored && well_formed(*stored) ? json::array(stored->get_array(), memory) : json::array(memory);
}

}  // namespace

namespace {

/// What nobody owns goes. Nobody who creates an object owns a status that is set again at once.
void leave_managed(const Kind& kind, bool creates, FieldSet& taken) {
  strip_unmanaged(taken);
  if (creates && kind.strategy.has_status) taken.erase("f:status");
}

}  // namespace

FieldSet created_fields(const Kind& kind, const json::value& object) {
  if (!object.is_object() || !kind.type) return FieldSet(object.storage());
  auto taken = compare_fields(kind, nullptr, object, object.storage()).taken;
  leave_managed(kind, true, taken);
  return taken;
}

void record_update(const Kind& kind, const json::value* old, json::value& object, const ManagerInfo& manager) { record_update(kind, kind, old, object, manager); }

void record_update(const Kind& kind, const Kind& asked, const json::value* old, json::value& object, const ManagerInfo& manager) {
  Changes changes(kind, asked, old, object, object.storage());
  record_update(asked, changes, old, object, manager);
}

void record_update(const Kind& asked, Changes& changes, const json::value* old, json::value& object, const ManagerInfo& manager) {
  if (!object.is_object() || !asked.type) return;
  json::array entries = entries_to_keep(old, object, !manager.subresource.empty());
  if (entries.empty() && old) return set_managed_fields(object, std::move(entries));   // nobody tracks this object
  if (!changes.in("").same()) {
    for (json::value& entry : entries) {
      const auto& seen = changes.in(entry_text(entry, "apiVersion"));
      subtract(entry_set(entry), seen.taken);
      subtract(entry_set(entry), seen.removed);
    }
    const auto version = asked.api_version();
    auto& taken = changes.in(version).taken;
    leave_managed(asked, !old && manager.subresource.empty(), taken);
    const std::string name(manager.manager.empty() ? kNobodyKnown : manager.manager);
    if (!taken.empty()) credit(entries, {name, std::string(kUpdate), version, manager.subresource}, std::move(taken), manager.now_unix_s);
    drop_empty_entries(entries);
    cap_update_entries(entries);
    sort_entries(entries);
  }
  set_managed_fields(object, std::move(entries));
}

}  // namespace keelson::kinds
