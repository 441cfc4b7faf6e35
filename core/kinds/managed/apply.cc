#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "core/base/json_value.hpp"
#include "core/kinds/json_erase.hpp"
#include "core/kinds/status_metadata.hpp"
#include "core/kinds/managed/applied_merge.hpp"
#include "core/kinds/managed/managed_fields.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";
constexpr std::string_view kClientSideApplier = "kubectl";

const json::object* member_object(const json::value& value, std::string_view name) {
  const json::value* member = value.is_object() ? value.get_object().if_contains(name) : nullptr;
  return member ? member->if_object() : nullptr;
}

std::string_view annotation(const json::value& object, std::string_view name) {
  const json::object* metadata = member_object(object, "metadata");
  const json::value* annotations = metadata ? metadata->if_contains("annotations") : nullptr;
  return annotations ? entry_text(*annotations, name) : std::string_view();
}

/// What this endpoint would throw away is neither merged nor owned.
json::value what_counts(const Kind& kind, const json::value& applied, std::string_view subresource, const json::storage_ptr& memory) {
  json::value counted(applied, memory);
  json::object& object = counted.as_object();
  if (subresource == "status") {
    object.erase("spec");
    if (json::value* metadata = object.if_contains("metadata"); metadata && metadata->is_object())
      for (const auto name : metadata_kept_by_status(kind)) metadata->get_object().erase(name);
  } else if (kind.strategy.has_status && subresource.empty()) object.erase("status");
  return counted;
}

json::value without_managed_fields(const json::value& object, const json::storage_ptr& memory) {
  json::value copy(object, memory);
  set_managed_fields(copy, json::array(memory));
  return copy;
}

/// "name" with subresource "s" using v1
std::string manager_shown(const json::value& entry) {
  std::string text = json::serialize(json::string_view(entry_text(entry, "manager")));
  if (const auto subresource = entry_text(entry, "subresource"); !subresource.empty()) text += " with subresource " + json::serialize(json::string_view(subresource));
  if (entry_text(entry, "operation") != kUpdate) return text;
  return text + " using " + std::string(entry_text(entry, "apiVersion"));
}

struct Conflict {
  std::string manager;
  std::vector<std::string> paths;
};

base::Error conflict_error(const std::vector<Conflict>& conflicts) {
  base::Error error;
  error.code = 409;
  error.reason = "Conflict";
  std::string lines;
  for (const Conflict& conflict : conflicts) {
    lines += (lines.empty() ? "" : "\n") + ("conflicts with " + conflict.manager) + ':';
    for (const std::string& path : conflict.paths) {
      lines += "\n- " + path;
      error.causes.push_back({"FieldManagerConflict", "conflict with " + conflict.manager, path});
    }
  }
  if (error.causes.size() == 1) error.message = "Apply failed with 1 conflict: conflict with " + conflicts[0].manager + ": " + conflicts[0].paths[0];
  else error.message = "Apply failed with " + std::to_string(error.causes.size()) + " conflicts: " + lines;
  return error;
}

/// Takes out what pruning has left empty. Custom resources keep their nulls: the schema decides what those mean.
void drop_nulls(json::value& value) {
  if (json::array* list = value.if_array()) {
    list->erase(std::remove_if(list->begin(), list->end(), [](const json::value& item) { return item.is_null(); }), list->end());
    for (json::value& item : *list) drop_nulls(item);
  } else if (json::object* object = value.if_object()) {
    std::vector<std::size_t> gone;
    for (std::size_t at = 0; at < object->size(); ++at) {
      auto& inside = object->begin()[at].value();
      if (inside.is_null()) gone.push_back(at);
      else drop_nulls(inside);
    }
    erase_members(*object, gone);
  }
}

class Apply {
 public:
  Apply(const Kind& kind, const Kind& stored, const json::value* live, const json::value& applied, const ManagerInfo& manager, json::storage_ptr memory)
      : kind_(kind), stored_(stored), type_(kind.type.get()), manager_(manager), memory_(std::move(memory)),
        name_{manager.manager, std::string(kApply), kind.api_version(), manager.subresource},
        config_(what_counts(kind, applied, manager.subresource, memory_)),
        live_(live ? without_managed_fields(*live, memory_) : json::value(json::object(memory_))), entries_(memory_), config_set_(memory_) {
    if (live) start_entries(*live);
  }

  base::Outcome<json::value> run(bool force) {
    auto merged = merge_applied(type_, live_, config_, memory_);
    if (!merged) return std::move(merged.error());
    config_set_ = field_set_of(type_, config_, memory_);
    json::value result = prune(std::move(*merged));
    Changes changes(kind_, stored_, &live_, result, memory_, Written::sent);
    if (!force)
      if (auto error = conflicts(changes)) return std::move(*error);
    take(changes);
    if (!kind_.strategy.custom_resource) drop_nulls(result);
    own(!equal_for_commit(live_, result));
    finish(result);
    return result;
  }

 private:
  void start_entries(const json::value& live) {
    const json::value* stored = managed_fields(live);
    if (stored && well_formed(*stored)) entries_ = stored->get_array();
    if (!entries_.empty()) return;
    Comparison all = compare_fields(kind_, nullptr, live_, memory_);
    strip_unmanaged(all.taken);
    if (!all.taken.empty()) credit(entries_, {std::string(kBeforeFirstApply), std::string(kUpdate), kind_.api_version(), ""}, all.taken, manager_.now_unix_s);
  }

  FieldSet named(const FieldSet& set) {
    FieldSet copy(set, memory_);
    make_named_fields_members(copy, type_);
    return copy;
  }

  /// Removes what this manager applied last time and not now, unless somebody else owns it.
  json::value prune(json::value merged) {
    json::value* last = find_entry(entries_, name_);
    if (!last || entry_set(*last).empty()) return merged;
    const FieldSet last_set = named(entry_set(*last)), merged_set = named(field_set_of(type_, merged, memory_));
    json::value pruned = without_fields(type_, merged, last_set, memory_);
    FieldSet gone = merged_set;
    subtract(gone, named(field_set_of(type_, pruned, memory_)));
    subtract(gone, named(owned_by_anyone(last)));
    pruned = without_fields(type_, merged, gone, memory_);
    FieldSet lost = merged_set;
    subtract(lost, named(field_set_of(type_, pruned, memory_)));
    return without_fields(type_, merged, intersection(lost, last_set, memory_), memory_);
  }

  /// All sets but the applier's last one, and the one it applies now.
  FieldSet owned_by_anyone(const json::value* except) {
    FieldSet all(config_set_, memory_);
    for (json::value& entry : entries_)
      if (&entry != except) unite(all, entry_set(entry));
    return all;
  }

  std::optional<base::Error> conflicts(Changes& changes) {
    const FieldSet allowed = manager_.manager == kClientSideApplier ? agreed_by_last_applied() : FieldSet(memory_);
    std::map<std::string, Conflict> by_manager;
    for (json::value& entry : entries_) {
      if (&entry == find_entry(entries_, name_)) continue;
      FieldSet disputed = intersection(entry_set(entry), changes.in(entry_text(entry, "apiVersion")).taken, memory_);
      subtract(disputed, allowed);
      if (disputed.empty()) continue;
      Conflict& conflict = by_manager[manager_shown(entry)];
      conflict.manager = manager_shown(entry);
      each_path(disputed, [&](const std::string& path) { conflict.paths.push_back(path); });
    }
    if (by_manager.empty()) return std::nullopt;
    std::vector<Conflict> all;
    for (auto& [shown, conflict] : by_manager) all.push_back(std::move(conflict));
    return conflict_error(all);
  }

  /// Fields that client-side apply wrote and nobody has changed since: kubectl may take them over without force.
  FieldSet agreed_by_last_applied() {
    boost::system::error_code failed;
    const json::value last = base::json_of(annotation(live_, kLastApplied), failed, memory_);
    if (failed || !last.is_object() || entry_text(last, "apiVersion") != kind_.api_version()) return FieldSet(memory_);
    FieldSet agreed = field_set_of(type_, last, memory_);
    const Comparison since = compare_fields(kind_, &last, live_, memory_);
    subtract(agreed, since.taken);
    subtract(agreed, since.removed);
    return agreed;
  }

  void take(Changes& changes) {
    const json::value* own = find_entry(entries_, name_);
    for (json::value& entry : entries_) {
      const auto& seen = changes.in(entry_text(entry, "apiVersion"));
      if (&entry != own) subtract(entry_set(entry), seen.taken);
      subtract(entry_set(entry), seen.removed);
    }
  }

  /// The applier owns exactly what it applied.
  void own(bool changed) {
    FieldSet mine(config_set_, memory_);
    strip_unmanaged(mine);
    json::value* entry = find_entry(entries_, name_);
    const std::string before = entry ? std::string(entry_text(*entry, "time")) : "";
    const bool same_set = entry && entry_set(*entry) == mine;
    if (entry) entry_set(*entry).clear();
    if (!mine.empty()) credit(entries_, name_, mine, manager_.now_unix_s);
    if (!mine.empty() && !changed && same_set) find_entry(entries_, name_)->as_object()["time"] = before;
    drop_empty_entries(entries_);
    sort_entries(entries_);
  }

  void finish(json::value& result) {
    if (manager_.manager == kClientSideApplier && !annotation(result, kLastApplied).empty()) {
      json::value last(config_, memory_);
      if (json::value* annotations = annotations_of(last)) annotations->as_object().erase(kLastApplied);
      annotations_of(result)->as_object()[kLastApplied] = json::serialize(last) + '\n';
    }
    set_managed_fields(result, std::move(entries_));
  }

  static json::value* annotations_of(json::value& object) {
    json::value* metadata = object.as_object().if_contains("metadata");
    json::value* annotations = metadata && metadata->is_object() ? metadata->get_object().if_contains("annotations") : nullptr;
    return annotations && annotations->is_object() ? annotations : nullptr;
  }

  const Kind &kind_, &stored_;
  const Type* type_;
  const ManagerInfo& manager_;
  json::storage_ptr memory_;
  EntryName name_;
  json::value config_, live_;
  json::array entries_;
  FieldSet config_set_;
};

}  // namespace

base::Outcome<json::value> apply(const Kind& kind, const json::value* live, const json::value& applied, const ManagerInfo& manager, bool force, json::storage_ptr memory) {
  return apply(kind, kind, live, applied, manager, force, std::move(memory));
}

base::Outcome<json::value> apply(const Kind& kind, const Kind& stored, const json::value* live, const json::value& applied, const ManagerInfo& manager, bool force, json::storage_ptr memory) {
  if (!applied.is_object()) return base::bad_request("error decoding YAML: the applied configuration is no object");
  if (managed_fields(applied)) return base::bad_request("metadata.managedFields must be nil");
  if (const auto version = entry_text(applied, "apiVersion"); !version.empty() && version != kind.api_version())
    return base::bad_request("Incorrect version specified in apply patch. Specified patch version: " + std::string(version) + ", expected: " + kind.api_version());
  return Apply(kind, stored, live, applied, manager, std::move(memory)).run(force);
}

}  // namespace keelson::kinds
