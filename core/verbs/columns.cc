#include <algorithm>
#include <ctime>

#include "core/auth/json_access.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::verbs {
namespace {

using auth::find;
using auth::flag_at;
using auth::integer_at;
using auth::list_at;
using auth::text_at;
namespace json = boost::json;

int digits(std::string_view text, std::size_t from, std::size_t count) {
  int out = 0;
  for (std::size_t i = from; i < from + count; ++i) out = out * 10 + (text[i] - '0');
  return out;
}

/// Days since 1970-01-01 of a civil date, without asking the C library for a time zone.
std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/// Stored times are canonical: "2006-01-02T15:04:05Z"; 0 for everything else.
std::int64_t unix_of(std::string_view time) {
  if (time.size() < 20) return 0;
  return days_from_civil(digits(time, 0, 4), digits(time, 5, 2), digits(time, 8, 2)) * 86400 + digits(time, 11, 2) * 3600 + digits(time, 14, 2) * 60 + digits(time, 17, 2);
}

void read_labels(const json::value& metadata, store::Columns& out) {
  const auto* labels = find(metadata, {"labels"});
  if (!labels || !labels->is_object()) return;
  for (const auto& [key, value] : labels->get_object())
    if (const auto* text = value.if_string()) out.labels.emplace_back(base::Atom(key), std::string(*text));
  std::sort(out.labels.begin(), out.labels.end());
}

void read_owners(const json::value& metadata, store::Columns& out) {
  const auto* owners = list_at(metadata, {"ownerReferences"});
  if (!owners) return;
  for (const auto& owner : *owners)
    out.owners.push_back({std::string(text_at(owner, {"apiVersion"})), std::string(text_at(owner, {"kind"})), std::string(text_at(owner, {"name"})),
                          std::string(text_at(owner, {"uid"})), flag_at(owner, {"controller"}), flag_at(owner, {"blockOwnerDeletion"})});
}

}  // namespace

store::Durability durability_of(const kinds::Kind& kind, std::string_view ns) {
  if (kind.resource == "events" && (kind.group.empty() || kind.group == "events.k8s.io")) return store::Durability::relaxed;
  if (kind.resource == "leases" && kind.group == "coordination.k8s.io" && ns == "kube-node-lease") return store::Durability::volatile_;
  return store::Durability::synced;
}

store::Columns columns_of(const kinds::Kind& kind, const json::value& object) { return columns_of(kind, object, kinds::selectable_values(kind, object)); }

store::Columns columns_of(const kinds::Kind& kind, const json::value& object, std::vector<std::string> selectable) {
  store::Columns out;
  out.key.resource = kind.storage_key;
  out.schema_epoch = kind.schema_epoch;
  if (const auto* metadata = find(object, {"metadata"})) {
    out.key.ns = text_at(*metadata, {"namespace"});
    out.key.name = text_at(*metadata, {"name"});
    out.uid = text_at(*metadata, {"uid"});
    out.creation_unix_s = unix_of(text_at(*metadata, {"creationTimestamp"}));
    out.deletion_unix_s = unix_of(text_at(*metadata, {"deletionTimestamp"}));
    out.deletion_grace_s = integer_at(*metadata, {"deletionGracePeriodSeconds"}, -1);
    out.generation = integer_at(*metadata, {"generation"});
    read_labels(*metadata, out);
    read_owners(*metadata, out);
    if (const auto* finalizers = list_at(*metadata, {"finalizers"}))
      for (const auto& entry : *finalizers)
        if (const auto* text = entry.if_string()) out.finalizers.emplace_back(*text);
  }
  out.fields = std::move(selectable);
  return out;
}

}  // namespace keelson::verbs
