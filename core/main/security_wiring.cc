#include "core/main/security_wiring.hpp"

#include <filesystem>

#include "core/api/auditing.hpp"
#include "core/main/identity.hpp"

namespace keelson::server {
namespace {

constexpr std::uint64_t kMegabyte = 1u << 20;

base::Outcome<audit::Policy> audit_policy(const Settings& settings) {
  const auto& path = settings.audit_policy_file;
  if (path.empty()) return audit::parse_policy(audit::default_policy_text(), "the default audit policy");
  const auto text = read_file(path);
  if (!text) return text.error();
  return audit::parse_policy(*text, path);
}

}  // namespace

base::Outcome<std::shared_ptr<audit::Audit>> open_audit(const Settings& settings, base::Runtime& runtime, base::Metrics& metrics) {
  if (settings.audit_log_path == "off") return base::Outcome<std::shared_ptr<audit::Audit>>(nullptr);
  auto policy = audit_policy(settings);
  if (!policy) return policy.error();
  audit::AuditOptions options;
  options.policy = std::move(*policy);
  options.file.path = settings.audit_log_path.empty() ? settings.data_dir + "/audit/audit.log" : settings.audit_log_path;
  options.file.bytes_max = static_cast<std::uint64_t>(settings.audit_log_maxsize) * kMegabyte;
  options.file.backups_max = settings.audit_log_maxbackup;
  options.file.age_max_days = settings.audit_log_maxage;
  options.read_body = api::audited_body;
  return audit::make_audit(std::move(options), runtime, metrics);
}

std::string encryption_file_of(const Settings& settings) {
  return settings.encryption_provider_config.empty() ? settings.data_dir + "/tls/encryption.yaml" : settings.encryption_provider_config;
}

base::Outcome<std::shared_ptr<const store::Encryption>> open_encryption(const Settings& settings, base::Runtime& runtime) {
  const auto path = encryption_file_of(settings);
  std::error_code ignored;
  if (settings.encryption_provider_config.empty() && !std::filesystem::exists(path, ignored))
    if (auto made = write_private_file(path, store::new_encryption_file(runtime)); !made) return made.error();
  const auto text = read_file(path);
  if (!text) return text.error();
  return store::parse_encryption(*text, path, runtime);
}

}  // namespace keelson::server
