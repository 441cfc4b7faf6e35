#include "core/verbs/signing_request_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "core/auth/signing_request.hpp"
#include "core/base/base64.hpp"

namespace keelson::verbs {
namespace {

/// Bytes of a wrong request that an answer shows.
constexpr std::size_t kShownBytesMax = 1024;

/// Bytes as Go shows them.
std::string shown(std::string_view bytes) {
  std::string out = "[]byte{";
  for (std::size_t i = 0; i < std::min(bytes.size(), kShownBytesMax); ++i) out += fmt::format("{}{:#x}", i ? ", " : "", static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
  return out + (bytes.size() > kShownBytesMax ? ", ...}" : "}");
}

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

base::Outcome<void> check_request(const kinds::Kind& kind, const json::value& object) {
  const auto text = text_at(object, {"spec", "request"});
  if (text.empty()) return {};   // validation has said so
  const auto pem = base::base64_decode(text);
  if (!pem) return {};
  const auto read = auth::read_signing_request(*pem);
  if (read) return {};
  return base::invalid(kind.group, kind.kind, std::string(text_at(object, {"metadata", "name"})), {invalid_value("spec.request", shown(*pem), read.error().message)});
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

base::Outcome<void> settle_signing_request(const kinds::Kind& kind, const auth::Identity& user, std::int64_t now_unix_s, const json::value* old, json::value& object) {
  if (old) {
    write_times(now_unix_s, *old, object);
    return {};
  }
  write_who(user, object);
  return check_request(kind, object);
}

}  // namespace keelson::verbs
