#include "core/verbs/metadata.hpp"

#include <algorithm>
#include <charconv>

namespace keelson::verbs {

base::Outcome<void> settle_namespace(const Target& target, json::value& object) {
  auto& metadata = object_at(object, {"metadata"});
  if (!target.kind->namespaced) {
    metadata.erase("namespace");
    return {};
  }
  if (target.ns.empty()) return base::bad_request("an empty namespace may not be set during creation");
  const auto given = text_at(object, {"metadata", "namespace"});
  if (given.empty()) metadata["namespace"] = target.ns;
  else if (given != target.ns) return base::bad_request("the namespace of the provided object does not match the namespace sent on the request");
  return {};
}

base::Outcome<void> check_name(const Target& target, json::value& object) {
  const std::string name(text_at(object, {"metadata", "name"})), ns(text_at(object, {"metadata", "namespace"}));
  if (target.kind->namespaced && !ns.empty() && ns != target.ns)
    return base::bad_request("the namespace of the object (" + ns + ") does not match the namespace on the request (" + target.ns + ")");
  if (name.empty()) return base::bad_request("the name of the object (" + target.name + " based on URL) was undeterminable: name must be provided");
  if (name != target.name) return base::bad_request("the name of the object (" + name + ") does not match the name on the URL (" + target.name + ")");
  auto& metadata = object_at(object, {"metadata"});
  if (!target.kind->namespaced) {
    metadata.erase("namespace");
    return {};
  }
  if (ns.empty()) metadata["namespace"] = target.ns;
  return {};
}

base::Outcome<void> names_pod(std::string_view kind, json::value& object, const Target& target) {
  const auto ns = text_at(object, {"metadata", "namespace"});
  if (!ns.empty() && ns != target.ns) return base::bad_request("the namespace of the provided object does not match the namespace sent on the request");
  if (text_at(object, {"metadata", "name"}) != target.name) return base::bad_request("name in URL does not match name in " + std::string(kind) + " object");
  object_at(object, {"metadata"})["namespace"] = target.ns;
  return {};
}

Birth new_birth(base::Runtime& runtime) { return {base::uuid_v4(runtime), runtime.unix_s()}; }

void stamp_new(const Birth& birth, json::value& object) {
  auto& metadata = object_at(object, {"metadata"});
  for (const std::string_view field : {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"}) metadata.erase(field);
  metadata["uid"] = birth.uid;
  metadata["creationTimestamp"] = base::rfc3339(birth.unix_s);
}

void keep_system_fields(const json::value& old, json::value& object) {
  auto& metadata = object_at(object, {"metadata"});
  const auto keep = [&](std::string_view field) {
    if (const auto* before = find(old, {"metadata", field})) metadata[field] = *before;
    else metadata.erase(field);
  };
  // These a client may repeat but not change: validation compares what it sent.
  for (const std::string_view field : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"}) {
    const auto* sent = metadata.if_contains(field);
    if (!sent || sent->is_null() || (sent->is_string() && sent->get_string().empty())) keep(field);
  }
  for (const std::string_view field : {"generation", "selfLink", "resourceVersion"}) keep(field);
}

std::optional<store::Revision> parse_revision(std::string_view text) {
  store::Revision revision = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (text.empty() || fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return revision;
}

base::Outcome<std::optional<store::Revision>> demanded_revision(const json::value& object) {
  using Demand = std::optional<store::Revision>;
  const std::string text(text_at(object, {"metadata", "resourceVersion"}));
  if (text.empty() || text == "0") return Demand();
  const auto revision = parse_revision(text);
  if (!revision) return base::bad_request("resourceVersion: Invalid value: \"" + text + "\": strconv.ParseUint: parsing \"" + text + "\": invalid syntax");
  return Demand(revision);
}

std::size_t column_of(const kinds::Kind& kind, std::string_view field) {
  const auto& fields = kind.selectable_fields;
  return static_cast<std::size_t>(std::find(fields.begin(), fields.end(), field) - fields.begin());
}

std::int64_t grace_of(const json::value& object, std::int64_t unset) { return integer_at(object, {"metadata", "deletionGracePeriodSeconds"}, unset); }

void mark_deleting(json::value& object, std::int64_t at_unix_s, std::optional<std::int64_t> grace_s) {
  auto& metadata = object_at(object, {"metadata"});
  metadata["deletionTimestamp"] = base::rfc3339(at_unix_s);
  if (grace_s) metadata["deletionGracePeriodSeconds"] = *grace_s;
}

void raise_generation(json::value& object) {
  if (const auto generation = integer_at(object, {"metadata", "generation"}); generation > 0) object_at(object, {"metadata"})["generation"] = generation + 1;
}

std::vector<std::string> finalizers_of(const json::value& object) {
  std::vector<std::string> out;
  if (const auto* list = list_at(object, {"metadata", "finalizers"}))
    for (const auto& entry : *list)
      if (const auto* text = entry.if_string()) out.emplace_back(*text);
  return out;
}

void set_finalizers(json::value& object, const std::vector<std::string>& finalizers) {
  auto& metadata = object_at(object, {"metadata"});
  if (finalizers.empty()) {
    metadata.erase("finalizers");
    return;
  }
  auto& list = metadata["finalizers"].emplace_array();
  for (const auto& entry : finalizers) list.emplace_back(entry);
}

}  // namespace keelson::verbs
