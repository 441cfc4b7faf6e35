#include "core/verbs/signing_request_fields.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "core/auth/signing_request.hpp"
#include "core/base/base64.hpp"
#include "core/kinds/field_errors.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::verbs {
namespace {

/// Whatever the body says of it.
void write_who(const auth::Identity& user, json::value& object) {
  auto& spec = object_at(object, {"spec"});
  for (const auto* name : {"username", "uid", "groups", "extra"}) spec.erase(name);
  spec["username"] = user.name;
  if (!user.uid.empty()) spec["uid"] = user.uid;
  if (!user.groups.empty()) spec["groups"] = json::array(user.groups.begin(), user.groups.end());
  if (user.extra.empty()) return;
  auto& extra = spec["extra"].emplace_object();
  for (const auto& [key, values] : user.extra) extra[key] = json::array(values.begin(), values.end());
}

std::string_view transition_of(const json::value& old, const json::value& condition) {
  if (const auto* before = list_at(old, {"status", "conditions"}))
    for (const auto& one : *before)
      if (text_at(one, {"type"}) == text_at(condition, {"type"}) && text_at(one, {"status"}) == text_at(condition, {"status"})) return text_at(one, {"lastTransitionTime"});
  return {};
}

void write_times(std::int64_t now_unix_s, const json::value& old, json::value& object) {
  auto* const conditions = find(object, {"status", "conditions"});
  if (!conditions || !conditions->is_array()) return;
  const auto now = base::rfc3339(now_unix_s);
  for (auto& condition : conditions->get_array()) {
    if (!condition.is_object()) continue;
    if (text_at(condition, {"lastUpdateTime"}).empty()) condition.get_object()["lastUpdateTime"] = now;
    if (!text_at(condition, {"lastTransitionTime"}).empty()) continue;
    const auto before = transition_of(old, condition);
    condition.get_object()["lastTransitionTime"] = before.empty() ? std::string_view(now) : before;
  }
}

}  // namespace

bool is_signing_request(const kinds::Kind& kind) {
  static const base::Atom ours("certificatesigningrequests.certificates.k8s.io");
  return kind.storage_key == ours;
}

std::optional<base::Cause> request_fault(const json::value& object) {
  const auto* given = kinds::at_path(object, "spec.request");
  const auto read = auth::read_signing_request(base::base64_decode(text_at(object, {"spec", "request"})).value_or(""));
  if (read) return std::nullopt;
  return base::Cause{"FieldValueInvalid", "Invalid value: " + kinds::shown_value(given) + ": " + read.error().message, "spec.request"};
}

void settle_signing_request(const auth::Identity& user, std::int64_t now_unix_s, const json::value* old, json::value& object) {
  if (old) write_times(now_unix_s, *old, object);
  else write_who(user, object);
}

}  // namespace keelson::verbs
