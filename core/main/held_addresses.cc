#include "core/main/held_addresses.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <vector>

#include "core/base/log.hpp"
#include "core/store/unreadable.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::server {
namespace {

namespace json = boost::json;
using Steps = std::vector<verbs::Verbs::Step>;

/// The addresses in a stored Service, without reading the rest of it; `"clusterIPs":[` stands nowhere else unescaped.
std::vector<std::string> addresses_in(std::string_view body) {
  constexpr std::string_view kList = "\"clusterIPs\":[";
  std::vector<std::string> out;
  const auto at = body.find(kList);
  if (at == body.npos) return out;
  auto rest = body.substr(at + kList.size());
  rest = rest.substr(0, rest.find(']'));
  for (std::size_t open; (open = rest.find('"')) != rest.npos;) {
    const auto close = rest.find('"', open + 1);
    if (close == rest.npos) break;
    if (const auto text = rest.substr(open + 1, close - open - 1); text != "None" && !text.empty()) out.emplace_back(text);
    rest.remove_prefix(close + 1);
  }
  return out;
}

verbs::Verbs::Step held_by(const kinds::KindRef& kind, const store::Key& service, const std::string& address) {
  const json::object object{
      {"apiVersion", "networking.k8s.io/v1"},
      {"kind", "IPAddress"},
      {"metadata", {{"name", address}, {"labels", {{"ipaddress.kubernetes.io/ip-family", address.find(':') == address.npos ? "IPv4" : "IPv6"}, {"ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io"}}}}},
      {"spec", {{"parentRef", {{"resource", "services"}, {"namespace", std::string(service.ns)}, {"name", std::string(service.name)}}}}}};
  verbs::Verbs::Step step;
  step.op = verbs::Verbs::Step::Op::create;
  step.target = {kind, "", "", ""};
  step.body = {kinds::Media::json, json::serialize(object)};
  return step;
}

Steps missing(const store::Snapshot& now, const kinds::Kind& services, const kinds::KindRef& addresses) {
  Steps out;
  std::set<std::string> told;
  now.scan(services.storage_key, "", nullptr, [&](const store::ObjectRef& object) {
    if (store::is_unreadable(*object)) return true;
    for (const auto& address : addresses_in(object->body()))
      if (!now.get({addresses->storage_key, "", address}) && told.insert(address).second) out.push_back(held_by(addresses, object->key(), address));
    return true;
  });
  return out;
}

bool commit(verbs::Verbs& verbs, base::Runtime& runtime, Steps steps) {
  struct Shared {
    bool stored = false;
    std::unique_ptr<base::Waiter> waiter;
  };
  auto shared = std::make_shared<Shared>();   // the callback may come after the wait gave up
  shared->waiter = runtime.waiter();
  verbs.transact(verbs::own_context("addresses"), std::move(steps), {}, [shared](const auto& outcome) {
    shared->stored = outcome.has_value();
    shared->waiter->notify();
  });
  return shared->waiter->wait_until(runtime.in_ms(kHoldWait_ms)) && shared->stored;
}

}  // namespace

void hold_addresses(verbs::Verbs& verbs, const store::Store& store, const kinds::Registry& registry, base::Runtime& runtime) {
  const auto catalog = registry.current();
  const auto services = catalog->find("", "v1", "services"), addresses = catalog->find("networking.k8s.io", "v1", "ipaddresses");
  if (!services || !addresses) return;
  const auto steps = missing(store.snapshot(), *services, addresses);
  for (std::size_t at = 0; at < steps.size(); at += verbs::kTransactionWritesMax) {
    const Steps some(steps.begin() + static_cast<std::ptrdiff_t>(at), steps.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(at + verbs::kTransactionWritesMax, steps.size())));
    if (commit(verbs, runtime, some)) continue;
    for (const auto& one : some)   // one that cannot be held keeps no other from it
      if (!commit(verbs, runtime, {one})) base::log_warn("main", "the address of a stored Service could not be held", {{"object", one.body.bytes}});
  }
}

}  // namespace keelson::server
