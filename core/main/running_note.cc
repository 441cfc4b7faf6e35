#include "core/main/running_note.hpp"

#include "core/base/json_text.hpp"
#include "core/main/identity.hpp"

namespace keelson::server {
namespace {

std::string path_of(const std::string& data_dir) { return data_dir + "/running.yaml"; }

void add(std::string& text, const char* key, const std::string& value) {
  if (value.empty()) return;
  text += std::string(key) + ": ";
  base::append_json_string(text, value);
  text += '\n';
}

}  // namespace

base::Outcome<void> write_running_note(const Settings& settings) {
  std::string text = "# What this folder's server was last started with. Nothing reads it but `keelson check`.\n", folders;
  for (const auto& folder : settings.plugin_dirs) folders += (folders.empty() ? "" : ",") + folder;
  add(text, "plugin-dir", folders);
  add(text, "bind-address", settings.bind_address);
  add(text, "write-kubeconfig", settings.write_kubeconfig);
  add(text, "encryption-provider-config", settings.encryption_provider_config);
  add(text, "audit-policy-file", settings.audit_policy_file);
  add(text, "audit-log-path", settings.audit_log_path);
  add(text, "audit-log-maxsize", std::to_string(settings.audit_log_maxsize));
  add(text, "audit-log-maxbackup", std::to_string(settings.audit_log_maxbackup));
  add(text, "audit-log-maxage", std::to_string(settings.audit_log_maxage));
  return write_private_file(path_of(settings.data_dir), text);
}

base::Outcome<Settings> read_running_note(const std::string& data_dir) {
  Settings settings;
  auto values = read_config(path_of(data_dir), true, settings);
  if (!values) return values.error();
  (*values)["data-dir"] = data_dir;
  if (auto applied = apply_values(*values, settings); !applied) return applied.error();
  return settings;
}

}  // namespace keelson::server
