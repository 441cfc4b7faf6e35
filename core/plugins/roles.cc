// What plugins may do, shown where operators look for it: a ClusterRole and its binding for each. Giving a plugin more is a
// binding of another role; these two are what its file says, and made so again.
#include <boost/json.hpp>

#include "core/base/log.hpp"
#include "core/base/json_value.hpp"
#include "core/plugins/host_impl.hpp"
#include "core/plugins/rights.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;

constexpr std::string_view kRbac = "rbac.authorization.k8s.io", kRbacVersion = "v1", kRoles = "clusterroles", kBindings = "clusterrolebindings";

verbs::Context host_context() { return verbs::own_context("plugin-host", "system:plugin-host", "plugin-host"); }

json::object head(const char* kind, const std::string& name, const std::string& plugin) {
  return {{"apiVersion", "rbac.authorization.k8s.io/v1"}, {"kind", kind}, {"metadata", json::object{{"name", name}, {"labels", json::object{{"keelson.dev/plugin", plugin}}}}}};
}

json::object binding_of(const std::string& user, const std::string& plugin) {
  auto binding = head("ClusterRoleBinding", user, plugin);
  binding["roleRef"] = json::object{{"apiGroup", kRbac}, {"kind", "ClusterRole"}, {"name", user}};
  binding["subjects"] = json::array{json::object{{"apiGroup", kRbac}, {"kind", "User"}, {"name", user}}};
  return binding;
}

}  // namespace

base::Outcome<void> Host::apply_as_host(std::string_view resource, const std::string& name, std::string body) {
  const verbs::Target target{parts_.registry.current()->find(kRbac, kRbacVersion, resource), "", name, ""};
  if (!target.kind) return {};
  verbs::WriteOptions options;
  options.force = true;
  const auto written = await<base::Outcome<verbs::Written>>(parts_.runtime, [&](auto done) {
    parts_.verbs.patch(host_context(), target, kinds::PatchType::apply, {kinds::Media::json, std::move(body)}, options, std::move(done));
  });
  if (!written) return written.error();
  return {};
}

// False: not now; the policy that looks at roles may just be on its way.
bool Host::publish_role(Record& record) {
  if (!record.instance || !record.instance->identity().rights) return true;
  const auto rules = rules_json(*record.instance->identity().rights);
  if (rules == record.published_role) return true;
  const auto& user = record.instance->identity().name;
  auto role = head("ClusterRole", user, record.info.name);
  role["rules"] = base::json_of(rules);
  auto done = apply_as_host(kRoles, user, json::serialize(role));
  if (done) done = apply_as_host(kBindings, user, json::serialize(binding_of(user, record.info.name)));
  if (done) return record.published_role = rules, true;
  base::log_warn("plugins", "cannot write a plugin's role", {{"plugin", record.info.name}, {"error", done.error().message}});
  return false;
}

void Host::delete_role(const std::string& plugin) {
  const auto user = auth::plugin_identity(plugin).name;
  for (const auto resource : {kBindings, kRoles}) {
    const verbs::Target target{parts_.registry.current()->find(kRbac, kRbacVersion, resource), "", user, ""};
    if (!target.kind || !parts_.store.snapshot().get({target.kind->storage_key, "", user})) continue;
    await<base::Outcome<verbs::Written>>(parts_.runtime, [&](auto done) { parts_.verbs.remove(host_context(), target, {}, std::move(done)); });
  }
}

}  // namespace keelson::plugins
