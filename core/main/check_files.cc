// Checks of files: modes, keys, audit, encryption, certificates.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "core/audit/policy.hpp"
#include "core/auth/json_access.hpp"
#include "core/base/base64.hpp"
#include "core/main/certificate_command.hpp"
#include "core/main/check_list.hpp"
#include "core/main/identity.hpp"
#include "core/main/security_wiring.hpp"

namespace keelson::server {
namespace {

using Result = Finding::Result;

constexpr std::size_t kCanaryBytesLeast = 12;

Finding well(std::string reason) { return {Result::holds, std::move(reason)}; }
Finding bad(std::string reason) { return {Result::fails, std::move(reason)}; }

Finding all_private(const std::vector<std::string>& paths, std::string reason) {
  for (const auto& path : paths)
    if (auto fault = not_private(path); !fault.empty()) return bad(std::move(fault));
  return well(std::move(reason));
}

Finding configuration(Probe&) {
  auto files = files_below(std::string(kDefaultConfig) + ".d", ".yaml");
  files.emplace_back(kDefaultConfig);
  return all_private(files, "what there is of " + std::string(kDefaultConfig) + " is its owner's");
}

Finding plugin_files(Probe& probe) {
  std::vector<std::string> paths = files_below(probe.settings().data_dir + "/agent/cni/net.d", "");
  for (const auto& folder : probe.settings().plugin_dirs) {
    paths.push_back(folder);
    for (auto& file : files_below(folder, ".so")) paths.push_back(std::move(file));
  }
  for (const auto& path : paths)
    if (auto fault = writable_by_others(path); !fault.empty()) return bad(std::move(fault));
  return well("no plugin, folder of plugins or CNI configuration can be written by others; one that can be is not loaded");
}

Finding data_folder(Probe& probe) { return all_private({probe.settings().data_dir, probe.settings().data_dir + "/db"}, probe.settings().data_dir + " is 0700"); }

Finding admin_files(Probe& probe) { return all_private({probe.settings().data_dir + "/admin.kubeconfig", probe.settings().write_kubeconfig, kDefaultKubeconfig}, "the admin's kubeconfig is 0600"); }

Finding credentials(Probe& probe) {
  const auto folder = probe.settings().data_dir + "/tls";
  auto files = files_below(folder, ".key");
  if (files.size() < 4) return bad("keys are missing in " + folder);
  files.push_back(encryption_file_of(probe.settings()));
  return all_private(files, std::to_string(files.size()) + " files with keys are 0600");
}

Finding pki(Probe& probe) {
  const auto folder = probe.settings().data_dir + "/tls";
  if (auto fault = not_private(folder); !fault.empty()) return bad(std::move(fault));
  for (const auto& file : files_below(folder, ".crt"))
    if (auto fault = writable_by_others(file); !fault.empty()) return bad(std::move(fault));
  return well("the folder is 0700, nobody else writes certificates");
}

std::string audit_path(const Settings& settings) { return settings.audit_log_path.empty() ? settings.data_dir + "/audit/audit.log" : settings.audit_log_path; }

Finding audit_is_on(Probe& probe) {
  const auto path = audit_path(probe.settings());
  if (path == "off") return bad("audit-log-path is off");
  if (probe.text("/metrics").find("apiserver_audit_event_total") == std::string::npos) return bad("the server does not count audit events");
  if (path != "-" && !read_file(path)) return bad(path + " is not there");
  return well("events go to " + path);
}

Finding audit_is_kept(Probe& probe) {
  const auto& settings = probe.settings();
  const bool enough = settings.audit_log_maxage >= 30 || settings.audit_log_maxage == 0;
  const bool files = settings.audit_log_maxbackup >= 10 || settings.audit_log_maxbackup == 0;
  const auto text = std::to_string(settings.audit_log_maxage) + " days, " + std::to_string(settings.audit_log_maxbackup) + " files of " + std::to_string(settings.audit_log_maxsize) + " MB";
  if (!enough || !files || settings.audit_log_maxsize < 100) return bad(text);
  return well(text + "; what a full disk or queue drops is counted in apiserver_audit_error_total");
}

Finding audit_policy(Probe& probe) {
  const auto& file = probe.settings().audit_policy_file;
  const auto text = file.empty() ? base::Outcome<std::string>(std::string(audit::default_policy_text())) : read_file(file);
  const auto policy = text ? audit::parse_policy(*text, file) : base::Outcome<audit::Policy>(text.error());
  if (!policy) return bad(policy.error().message);
  const auto level = [&](const char* verb, const char* group, const char* resource, const char* subresource) {
    auth::Identity user;
    user.name = "check";
    user.groups = {"system:authenticated"};
    auth::Attributes asked;
    asked.user = &user;
    asked.verb = verb;
    asked.group = group;
    asked.resource = resource;
    asked.subresource = subresource;
    asked.ns = "default";
    return policy->plan(asked).level;
  };
  if (level("get", "", "secrets", "") != audit::Level::metadata || level("create", "", "serviceaccounts", "token") != audit::Level::metadata) return bad("secrets and tokens are not kept at Metadata");
  if (level("create", "rbac.authorization.k8s.io", "clusterroles", "") != audit::Level::request_response) return bad("changes of rights are not kept at RequestResponse");
  if (level("create", "", "pods", "exec") != audit::Level::request_response) return bad("exec is not kept at RequestResponse");
  return well("Metadata of secrets and tokens, RequestResponse of rights and exec");
}

Finding token_key(Probe& probe) {
  const auto folder = probe.settings().data_dir + "/tls/";
  const auto own = read_file(folder + "service-account.key");
  if (!own) return bad("there is no key of its own for tokens");
  for (const char* other : {"ca.key", "server.key", "admin.key"})
    if (const auto text = read_file(folder + other); text && *text == *own) return bad("tokens are signed by " + std::string(other));
  return well("tokens have a key of their own");
}

/// Some secret value that is long enough to be looked for on the disk.
std::string canary(Probe& probe) {
  const auto list = probe.read("/api/v1/secrets");
  const auto* items = auth::list_at(list, {"items"});
  for (std::size_t i = 0; items && i < items->size(); ++i)
    if (const auto* data = auth::find((*items)[i], {"data"}); data && data->is_object())
      for (const auto& member : data->get_object())
        if (const auto* text = member.value().if_string(); text && text->size() >= kCanaryBytesLeast * 4 / 3) return std::string(*text);
  return {};
}

Finding sealed_secrets(Probe& probe) {
  const auto runtime = base::real_runtime();
  const auto path = encryption_file_of(probe.settings());
  const auto text = read_file(path);
  const auto encryption = text ? store::parse_encryption(*text, path, *runtime) : base::Outcome<std::shared_ptr<const store::Encryption>>(text.error());
  if (!encryption) return bad(encryption.error().message);
  const auto transform = (*encryption)->transform_of(store::Atom("secrets"));
  if (!transform || transform->current("")) return bad(path + " leaves secrets as they are");
  const auto value = canary(probe);
  if (value.empty()) return well("AES-GCM by " + path + "; there is no secret to look for on the disk");
  const auto plain = base::base64_decode(value);
  const auto folder = probe.settings().data_dir + "/db";
  if (holds(folder, value) || (plain && holds(folder, *plain))) return bad("a stored secret can be read in " + folder);
  return well("AES-GCM by " + path + "; a stored secret is not found on the disk");
}

Finding certificates(Probe& probe) {
  const auto now = base::real_runtime()->unix_s();
  for (const auto& state : certificate_states(probe.settings().data_dir, now)) {
    if (!state.complaint.empty()) return bad("the " + state.name + " certificate: " + state.complaint);
    if (state.name == "server" && state.expires_unix_s - now < kServerLifetime_s / 3 - 2 * kCertificateTurn_s) return bad("the server certificate is due and was not renewed");
  }
  return well("looked at every minute, renewed at two thirds of their life");
}

}  // namespace

const std::vector<Check>& file_checks() {
  static const std::vector<Check> checks = {
      {1, "configuration is private", configuration},
      {2, "plugins and CNI configuration cannot be written by others", plugin_files},
      {3, "the data folder is private", data_folder},
      {4, "the admin's kubeconfig is private", admin_files},
      {5, "credentials are private", credentials},
      {6, "the PKI folder is private", pki},
      {17, "audit is on", audit_is_on},
      {18, "audit is kept", audit_is_kept},
      {19, "the audit policy keeps what matters", audit_policy},
      {22, "tokens have a signing key of their own", token_key},
      {25, "secrets are sealed on the disk", sealed_secrets},
      {30, "certificates renew themselves", certificates},
  };
  return checks;
}

}  // namespace keelson::server
