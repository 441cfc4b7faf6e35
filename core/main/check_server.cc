// Checks of the running server: who gets in, who may what, what is open.
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdlib>
#include <set>
#include <sstream>

#include "core/auth/event_rate.hpp"
#include "core/auth/json_access.hpp"
#include "core/http/server.hpp"
#include "core/main/check_list.hpp"

namespace keelson::server {
namespace {

namespace json = boost::json;
using Result = Finding::Result;

constexpr int kKubeletPort = 10'250, kReadOnlyPort = 10'255, kControllerPorts[] = {10'252, 10'257, 10'251, 10'259};
constexpr const char* kRoles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

Finding well(std::string reason) { return {Result::holds, std::move(reason)}; }
Finding bad(std::string reason) { return {Result::fails, std::move(reason)}; }
Finding upstream(std::string reason) { return {Result::upstream, std::move(reason)}; }
Finding not_here(std::string reason) { return {Result::not_here, std::move(reason)}; }

bool no_setting(std::initializer_list<std::string_view> names) {
  const auto& keys = setting_keys();
  return std::none_of(keys.begin(), keys.end(), [&](const auto& key) { return std::find(names.begin(), names.end(), key.name) != names.end(); });
}

bool refused(int status) { return status == 401 || status == 403; }

Finding anonymous(Probe& probe) {
  for (const char* path : {"/api", "/apis", "/api/v1/namespaces", "/openapi/v3", "/metrics"})
    if (!refused(probe.as_nobody(path))) return bad("nobody gets " + std::string(path));
  if (probe.as_nobody("/livez") != 200) return bad("/livez is not open to probes");
  return well("without credentials only health and version answer");
}

Finding no_passwords(Probe&) { return no_setting({"token-auth-file", "basic-auth-file"}) ? well("there is no setting for either") : bad("there is a setting for them"); }
Finding external_ips(Probe&) { return upstream("allowed, as the API's default has it: a policy can deny them"); }
Finding node_connection(Probe&) { return not_here("the node agent is a plugin of the server: there is no connection between them"); }

Finding not_always_allow(Probe& probe) {
  if (probe.may("check:nobody", {"system:authenticated"}, "get", "", "secrets", "kube-system")) return bad("a user without rights may read secrets");
  return no_setting({"authorization-mode"}) ? well("a user without rights is refused, and no setting changes the authorizers") : bad("the authorizers can be set");
}

Finding node_and_rbac(Probe& probe) {
  if (probe.may("system:node:check-none", {"system:nodes", "system:authenticated"}, "get", "", "secrets", "kube-system")) return bad("a node may read any secret");
  const auto roles = probe.read(kRoles);
  const auto* items = auth::list_at(roles, {"items"});
  if (!items || items->size() < 50) return bad("the bootstrap roles are not there");
  return well("a node without pods reads no secret; " + std::to_string(items->size()) + " cluster roles");
}

Finding event_rate(Probe&) { return well(std::to_string(static_cast<int>(auth::kEventsPerSecond)) + " a second and user, " + std::to_string(static_cast<int>(auth::kEventsBurst)) + " at once"); }
Finding fixed_admission(Probe&) { return no_setting({"enable-admission-plugins", "disable-admission-plugins"}) ? well("the chain is fixed by the build: no setting takes a unit out") : bad("units can be taken out"); }

Finding lifecycle(Probe& probe) {
  const auto status = probe.as_admin("POST", "/api/v1/namespaces/check-none-such/configmaps?dryRun=All", R"({"metadata":{"name":"check"}})");
  return status == 404 ? well("NamespaceLifecycle refuses what has no namespace; ServiceAccount and NodeRestriction cannot be taken out either") : bad("an object without its namespace got " + std::to_string(status));
}

Finding no_profiling(Probe& probe) {
  for (const char* path : {"/debug/pprof/", "/debug/pprof/profile", "/debug/flags/v", "/configz"})
    if (probe.as_admin("GET", path) != 404) return bad(std::string(path) + " answers");
  return well("there are no such endpoints");
}

Finding timeouts(Probe&) { return well("requests " + std::to_string(http::kRequestTimeout_ms / 1000) + " s, idle connections " + std::to_string(http::kIdleTimeout_ms / 1000) + " s"); }
Finding accounts_looked_up(Probe&) { return well("a token's account, and what it is bound to, are read from the store at each request; no setting turns it off"); }
Finding no_etcd(Probe&) { return not_here("the store is part of the process: no network"); }

Finding tls_only(Probe& probe) { return probe.plain_http() ? bad("the port answers without TLS") : well("the one port speaks TLS; client certificates are checked against the cluster's CA"); }

Finding tls_versions(Probe& probe) {
  if (!probe.tls(TLS1_3_VERSION, nullptr)) return bad("the server cannot be reached by TLS");
  if (probe.tls(TLS1_1_VERSION, nullptr)) return bad("TLS 1.1 is agreed to");
  if (probe.tls(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256:AES128-SHA")) return bad("a suite without authenticated encryption is agreed to");
  return well("TLS 1.2 and 1.3, authenticated encryption only");
}

Finding dead_pods(Probe& probe) {
  const auto plugin = probe.read("/apis/keelson.dev/v1/plugins/garbage-collector");
  if (auth::text_at(plugin, {"status", "state"}) != "Running") return bad("the garbage collector, which removes them, does not run");
  return well("of pods that have ended the garbage collector keeps 12,500, or endedPodsMax of its configuration");
}

Finding plugin_identities(Probe& probe) {
  const auto plugins = probe.read("/apis/keelson.dev/v1/plugins"), roles = probe.read(kRoles);
  std::set<std::string> names;
  if (const auto* items = auth::list_at(roles, {"items"}))
    for (const auto& role : *items) names.emplace(auth::text_at(role, {"metadata", "name"}));
  std::size_t count = 0;
  if (const auto* items = auth::list_at(plugins, {"items"}))
    for (const auto& plugin : *items) {
      const std::string name(auth::text_at(plugin, {"metadata", "name"}));
      if (!names.contains("system:plugin:" + name)) return bad("the plugin " + name + " has no role of its own");
      ++count;
    }
  return well(std::to_string(count) + " plugins act as system:plugin:<name>, each within the role that its manifest asks for");
}

Finding root_ca(Probe& probe) { return probe.as_admin("GET", "/api/v1/namespaces/default/configmaps/kube-root-ca.crt") == 200 ? well("kube-root-ca.crt is in every namespace") : bad("kube-root-ca.crt is not published"); }

Finding controllers(Probe& probe) {
  for (const int port : kControllerPorts)
    if (probe.listens(port)) return bad("something listens on " + std::to_string(port));
  return refused(probe.as_nobody("/metrics")) ? well("controllers and scheduler have no ports; metrics need a right") : bad("metrics are open");
}

Finding agent(Probe& probe) {
  if (!refused(probe.as_nobody("/api/v1/nodes/any/proxy/pods"))) return bad("nobody reaches the node");
  return probe.listens(kKubeletPort) ? bad("something listens on 10250") : well("the agent has no port: exec, logs and the like come through the server, which authorizes them");
}

Finding read_only_port(Probe& probe) { return probe.listens(kReadOnlyPort) ? bad("something listens on 10255") : well("there is none"); }
Finding stream_timeout(Probe&) { return well("streams end with their connection; idle ones after containerd's four hours"); }
bool runs(Probe& probe, const std::string& plugin) { return auth::text_at(probe.read("/apis/keelson.dev/v1/plugins/" + plugin), {"status", "state"}) == "Running"; }

Finding pid_limit(Probe& probe) {
  if (!runs(probe, "cri-shim")) return not_here("this server's node agent does not run: there are no containers");
  const auto limit = probe.metric("keelson_pod_pids_limit");
  return limit > 0 ? well("pods have " + std::to_string(limit) + " processes at most, all of them together nine tenths of the machine's") : bad("podPidsLimit is off, or this machine's control groups have no pids controller");
}

bool has(const json::value& rule, std::string_view member, std::initializer_list<std::string_view> words) {
  const auto* list = auth::list_at(rule, {member});
  return list && std::any_of(list->begin(), list->end(), [&](const auto& word) { return word.is_string() && std::find(words.begin(), words.end(), std::string_view(word.get_string())) != words.end(); });
}

Finding powerful_report(Probe& probe) {
  const auto roles = probe.read(kRoles), bindings = probe.read("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings");
  std::set<std::string> strong;
  if (const auto* items = auth::list_at(roles, {"items"}))
    for (const auto& role : *items)
      if (const auto* rules = auth::list_at(role, {"rules"}))
        for (const auto& rule : *rules)
          if (has(rule, "verbs", {"bind", "escalate", "impersonate"}) || (has(rule, "verbs", {"*"}) && has(rule, "resources", {"*"}) && has(rule, "apiGroups", {"*"}))) strong.emplace(auth::text_at(role, {"metadata", "name"}));
  std::string held;
  if (const auto* items = auth::list_at(bindings, {"items"}))
    for (const auto& binding : *items)
      if (const std::string role(auth::text_at(binding, {"roleRef", "name"})); strong.contains(role)) held += (held.empty() ? "" : ", ") + std::string(auth::text_at(binding, {"metadata", "name"})) + " (" + role + ")";
  return well("system:masters, and by binding: " + (held.empty() ? "nobody" : held));
}

Finding separate_rights(Probe& probe) {
  const auto edit = probe.read(std::string(kRoles) + "/edit");
  if (!auth::list_at(edit, {"rules"})) return bad("there is no role edit");
  for (const auto& rule : *auth::list_at(edit, {"rules"}))
    if (has(rule, "resources", {"*", "nodes/proxy", "certificatesigningrequests/approval", "validatingwebhookconfigurations", "mutatingwebhookconfigurations", "plugins"})) return bad("edit grants more than workloads");
  return well("edit grants no nodes/proxy, approval of certificates, webhook or plugin configuration: each is a right of its own");
}

Finding default_account(Probe& probe) {
  const std::vector<std::string> groups = {"system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"};
  for (const char* resource : {"secrets", "pods", "configmaps"})
    if (probe.may("system:serviceaccount:default:default", groups, "list", "", resource, "default")) return bad("the default account may list " + std::string(resource));
  return well("it may do nothing; automountServiceAccountToken: false is honoured");
}

Finding pod_security(Probe&) { return upstream("baseline and restricted are there by namespace label; without one privileged, as the API's default has it, with warnings at baseline (pod-security-enforce, pod-security-warn)"); }

bool installed(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  return false;
}

Finding network_policy(Probe& probe) {
  if (!runs(probe, "cni")) return not_here("this server's pod network does not run: whichever is used enforces them or not");
  if (!installed("nft")) return bad("nft is not installed: pods that a policy isolates do not start");
  const auto& address = probe.settings().bind_address;
  return well("by packet rules of the pod network. Of the control plane one port is open, on " + address + (address.starts_with("127.") ? ": pods and other machines do not reach it" : ", pods included: it asks for credentials"));
}

}  // namespace

const std::vector<Check>& server_checks() {
  static const std::vector<Check> checks = {
      {7, "anonymous requests get nothing", anonymous},
      {8, "no static tokens or passwords", no_passwords},
      {9, "external IPs are denied", external_ips},
      {10, "server and node agent know each other", node_connection},
      {11, "the authorizer is never AlwaysAllow", not_always_allow},
      {12, "Node authorizer and RBAC are on", node_and_rbac},
      {13, "events are limited", event_rate},
      {14, "the admission chain is fixed", fixed_admission},
      {15, "NamespaceLifecycle, ServiceAccount, NodeRestriction are on", lifecycle},
      {16, "no profiling or debug endpoints", no_profiling},
      {20, "requests have a deadline", timeouts},
      {21, "service accounts are looked up at each use", accounts_looked_up},
      {23, "the store's network is closed", no_etcd},
      {24, "TLS only", tls_only},
      {26, "TLS 1.2 and better, AEAD only", tls_versions},
      {27, "ended pods are bounded", dead_pods},
      {28, "each plugin has its own identity and least rights", plugin_identities},
      {29, "pods know the root CA", root_ca},
      {31, "controllers, scheduler and metrics are not open", controllers},
      {32, "the node agent asks who and whether", agent},
      {33, "no read-only port", read_only_port},
      {34, "streams end when idle", stream_timeout},
      {35, "pods have a limit of processes", pid_limit},
      {36, "who has all rights is listed", powerful_report},
      {37, "dangerous rights are separate", separate_rights},
      {38, "the default service account has no rights", default_account},
      {39, "Pod Security", pod_security},
      {40, "network policies are enforced", network_policy},
  };
  return checks;
}

}  // namespace keelson::server
