#include "core/admission/quota_count.hpp"

#include <set>

namespace keelson::admission {
namespace {

Amounts count(const store::Snapshot& snapshot, const kinds::Catalog& catalog, const std::string& ns, const json::value& quota, const Amounts& hard,
              std::int64_t now_unix_s) {
  Amounts used;
  std::set<std::string> takers;
  for (const auto& [name, amount] : hard) {
    used.emplace(name, base::Quantity::whole(0));
    takers.insert(kind_taking(name));
  }
  for (const auto& taker : takers) {
    const auto kind = catalog.by_storage_key(store::Atom(taker));
    if (!kind) continue;
    snapshot.scan(kind->storage_key, ns, nullptr, [&](const store::ObjectRef& object) {
      const auto body = measured(*kind) ? body_of(*object) : json::value();
      if (!in_scope(quota, *kind, body)) return true;
      for (const auto& [name, amount] : usage_of(*kind, measured(*kind) ? &body : nullptr, now_unix_s))
        if (hard.contains(name)) add_to(used, name, amount);
      return true;
    });
  }
  return used;
}

}  // namespace

json::object counted_status(const store::Snapshot& snapshot, const kinds::Catalog& catalog, const std::string& ns, const json::value& quota, std::int64_t now_unix_s) {
  const auto hard = amounts_at(quota, {"spec", "hard"});
  json::object hard_now, used_now;
  for (const auto& [name, amount] : hard) hard_now[name] = amount.text();
  for (const auto& [name, amount] : count(snapshot, catalog, ns, quota, hard, now_unix_s)) used_now[name] = amount.text();
  return {{"hard", std::move(hard_now)}, {"used", std::move(used_now)}};
}

}  // namespace keelson::admission
