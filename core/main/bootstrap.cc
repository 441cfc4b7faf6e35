#include "core/main/bootstrap.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

#include "core/store/unreadable.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::server {
namespace {

namespace json = boost::json;

struct Wanted {
  std::string group, version, resource, ns, name;
  json::object object;
  bool refresh = false;   // merge this into what exists
  json::object ready{};   // the Ready condition of its status, which a create does not store
};

json::object object_of(std::string_view api_version, std::string_view kind, std::string_view ns, std::string_view name) {
  json::object metadata{{"name", name}};
  if (!ns.empty()) metadata["namespace"] = ns;
  return {{"apiVersion", api_version}, {"kind", kind}, {"metadata", std::move(metadata)}};
}

Wanted name_space(const std::string& name) { return {"", "v1", "namespaces", "", name, object_of("v1", "Namespace", "", name), false}; }

Wanted kubernetes_service(const BootstrapFacts& facts) {
  auto object = object_of("v1", "Service", "default", "kubernetes");
  object["metadata"].as_object()["labels"] = {{"component", "apiserver"}, {"provider", "kubernetes"}};
  object["spec"] = {{"type", "ClusterIP"}, {"clusterIP", facts.service_address}, {"clusterIPs", {facts.service_address}},
                    {"sessionAffinity", "None"}, {"ipFamilies", {"IPv4"}}, {"ipFamilyPolicy", "SingleStack"},
                    {"ports", json::array{json::object{{"name", "https"}, {"protocol", "TCP"}, {"port", 443}, {"targetPort", facts.port}}}}};
  return {"", "v1", "services", "default", "kubernetes", std::move(object), false};
}

Wanted kubernetes_slice(const BootstrapFacts& facts) {
  auto object = object_of("discovery.k8s.io/v1", "EndpointSlice", "default", "kubernetes");
  object["metadata"].as_object()["labels"] = {{"kubernetes.io/service-name", "kubernetes"}};
  object["addressType"] = "IPv4";
  object["endpoints"] = json::array{json::object{{"addresses", {facts.public_address}}, {"conditions", {{"ready", true}}}}};
  object["ports"] = json::array{json::object{{"name", "https"}, {"protocol", "TCP"}, {"port", facts.port}}};
  return {"discovery.k8s.io", "v1", "endpointslices", "default", "kubernetes", std::move(object), true};
}

Wanted service_range(const BootstrapFacts& facts, const base::Runtime& runtime) {
  auto object = object_of("networking.k8s.io/v1", "ServiceCIDR", "", "kubernetes");
  object["spec"] = {{"cidrs", {facts.service_cidr}}};
  return {"networking.k8s.io", "v1", "servicecidrs", "", "kubernetes", std::move(object), false,
          {{"type", "Ready"}, {"status", "True"}, {"reason", ""}, {"message", "Kubernetes default Service CIDR is ready"}, {"lastTransitionTime", base::rfc3339(runtime.unix_s())}}};
}

Wanted client_ca(const BootstrapFacts& facts) {
  auto object = object_of("v1", "ConfigMap", "kube-system", "extension-apiserver-authentication");
  json::object data{{"client-ca-file", facts.ca_pem}};
  for (const auto& [key, value] : facts.front_proxy) data[key] = value;
  object["data"] = std::move(data);
  return {"", "v1", "configmaps", "kube-system", "extension-apiserver-authentication", std::move(object), true};
}

bool usable_endpoint(const std::string& address) { return !address.empty() && !address.starts_with("127.") && address.find(':') == std::string::npos; }

std::vector<Wanted> all_wanted(const BootstrapFacts& facts, const base::Runtime& runtime) {
  std::vector<Wanted> wanted;
  for (const char* name : {"kube-system", "default", "kube-public", "kube-node-lease"}) wanted.push_back(name_space(name));
  if (!facts.service_cidr.empty()) wanted.push_back(service_range(facts, runtime));
  wanted.push_back(kubernetes_service(facts));   // after the range that it takes its address from
  if (usable_endpoint(facts.public_address)) wanted.push_back(kubernetes_slice(facts));
  wanted.push_back(client_ca(facts));
  return wanted;
}

/// Makes a verb's callback something to wait for. Shared: the callback may come after the wait gave up.
struct Outcome1 {
  base::Outcome<verbs::Written> outcome = base::timeout("Timeout: the first objects were not stored in time");
  std::unique_ptr<base::Waiter> waiter;
};

base::Outcome<void> wait_for(base::Runtime& runtime, const std::function<void(verbs::OnWritten)>& begin) {
  auto shared = std::make_shared<Outcome1>();
  shared->waiter = runtime.waiter();
  begin([shared](base::Outcome<verbs::Written> outcome) {
    shared->outcome = std::move(outcome);
    shared->waiter->notify();
  });
  if (!shared->waiter->wait_until(runtime.in_ms(kBootstrapWait_ms))) return base::timeout("Timeout: the first objects were not stored in time");
  const auto outcome = std::move(shared->outcome);   // what it was made by holds the callback, which holds what is shared
  if (!outcome) return outcome.error();
  return {};
}

base::Outcome<void> make_ready(verbs::Verbs& verbs, const kinds::KindRef& kind, base::Runtime& runtime, const Wanted& wanted) {
  verbs::Body body{kinds::Media::json, json::serialize(json::object{{"status", {{"conditions", json::array{wanted.ready}}}}})};
  return wait_for(runtime, [&](verbs::OnWritten done) {
    verbs.patch(verbs::own_context("bootstrap"), {kind, wanted.ns, wanted.name, "status"}, kinds::PatchType::merge, std::move(body), {}, std::move(done));
  });
}

base::Outcome<void> ensure(verbs::Verbs& verbs, const store::Snapshot& now, const kinds::Catalog& catalog, base::Runtime& runtime, const Wanted& wanted) {
  const auto kind = catalog.find(wanted.group, wanted.version, wanted.resource);
  if (!kind) return {};
  const auto found = now.get({kind->storage_key, wanted.ns, wanted.name});
  if (found && store::is_unreadable(*found)) return {};   // the store has said so
  const bool unready = !wanted.ready.empty() && (!found || found->body().find("\"type\":\"Ready\"") == std::string_view::npos);
  if (found && !wanted.refresh) return unready ? make_ready(verbs, kind, runtime, wanted) : base::Outcome<void>();
  verbs::Target target{kind, wanted.ns, found ? wanted.name : std::string(), {}};
  verbs::Body body{kinds::Media::json, json::serialize(wanted.object)};
  auto written = wait_for(runtime, [&](verbs::OnWritten done) {
    if (found) verbs.patch(verbs::own_context("bootstrap"), std::move(target), kinds::PatchType::merge, std::move(body), {}, std::move(done));
    else verbs.create(verbs::own_context("bootstrap"), std::move(target), std::move(body), {}, std::move(done));
  });
  if (!written || !unready) return written;
  return make_ready(verbs, kind, runtime, wanted);
}

}  // namespace

base::Outcome<void> bootstrap(verbs::Verbs& verbs, const store::Store& store, const kinds::Registry& registry, base::Runtime& runtime, const BootstrapFacts& facts) {
  const auto catalog = registry.current();
  const auto now = store.snapshot();
  for (const auto& wanted : all_wanted(facts, runtime)) {
    auto done = ensure(verbs, now, *catalog, runtime, wanted);
    if (done || done.error().reason == "AlreadyExists") continue;
    auto error = done.error();
    error.message = wanted.resource + " " + wanted.name + ": " + error.message;
    return error;
  }
  return {};
}

}  // namespace keelson::server
