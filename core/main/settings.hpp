// Settings: what `keelson server` was told, by flags, KEELSON_ variables and a configuration file, in that order of rank.
//
// A key has one name in three spellings: --https-port, KEELSON_HTTPS_PORT, https-port. In the file a list may be written as
// a list; `key+` appends to what earlier files said. `plugins: {name: {key: value}}` configures plugins.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/error.hpp"

namespace keelson::server {

inline constexpr const char* kDefaultDataDir = "/var/lib/keelson";
inline constexpr const char* kDefaultConfig = "/etc/keelson/config.yaml";
inline constexpr const char* kDefaultKubeconfig = "/etc/keelson/keelson.yaml";

inline constexpr std::uint64_t kHistoryBytesMin = 64ull << 10, kHistoryBytesMax = 64ull << 30;

inline constexpr std::int64_t kPodPidsNone = -1, kPodPidsMost = 1ll << 22;   ///< no bound; as many as Linux can number

/// Without these nothing can be deleted for good. All that safe mode loads.
inline constexpr const char* kEssentialPlugins[] = {"namespace", "garbage-collector", "rbac"};

struct Settings {
  std::string data_dir = kDefaultDataDir;
  std::string bind_address = "0.0.0.0";
  std::uint16_t https_port = 6443;
  std::vector<std::string> plugin_dirs;
  std::vector<std::string> disabled;
  std::vector<std::string> plugin_keys;             ///< minisign public keys, or files or folders of them
  bool safe_mode = false;                           ///< only kEssentialPlugins
  bool upstream_only = false;                       ///< clients find nothing that upstream has not
  std::string write_kubeconfig;                     ///< empty: only in the data folder
  std::string node_name;                            ///< default: the host's name
  std::string service_cidr = "10.96.0.0/12";
  std::string cluster_cidr = "10.42.0.0/16";
  std::string cluster_domain = "cluster.local";
  std::optional<std::int64_t> pod_max_pids;         ///< nothing: as the node agent has it
  auth::PodSecurityDefaults pod_security;
  int network_threads = 1;
  std::uint64_t history_max_bytes = 256ull << 20;   ///< of changes that watches resume from, shared by the resources
  std::string log_level = "info";
  std::string requestheader_client_ca_file;         ///< empty: the CA made at first start
  std::vector<std::string> requestheader_allowed_names;   ///< empty, with a CA of one's own: any
  std::vector<std::string> requestheader_username_headers = {"X-Remote-User"}, requestheader_uid_headers, requestheader_group_headers = {"X-Remote-Group"};
  std::vector<std::string> requestheader_extra_headers_prefix = {"X-Remote-Extra-"};
  std::string proxy_client_cert_file, proxy_client_key_file;   ///< empty: the pair made at first start
  std::string oidc_issuer_url, oidc_client_id, oidc_ca_file;   ///< empty issuer: no tokens of others
  std::string oidc_username_claim = "sub", oidc_username_prefix, oidc_groups_claim, oidc_groups_prefix;
  std::vector<std::string> oidc_signing_algs = {"RS256"}, oidc_required_claim;   ///< claims as key=value
  std::string encryption_provider_config;           ///< empty: tls/encryption.yaml in the data folder, made at first start
  std::string audit_policy_file;                    ///< empty: audit::default_policy_text()
  std::string audit_log_path;                       ///< empty: audit/audit.log in the data folder; "-": standard output; "off": none
  int audit_log_maxsize = 100;                      ///< MB, then the file is rotated
  int audit_log_maxbackup = 10;                     ///< rotated files kept, 0 = all
  int audit_log_maxage = 30;                        ///< days that rotated files are kept, 0 = for ever
  std::map<std::string, std::map<std::string, std::string>> plugin_config;
};

/// One settable key.
struct SettingKey {
  const char* name;
  const char* help;
  bool flag = false;                                ///< on the command line its name alone says true
};
const std::vector<SettingKey>& setting_keys();

/// Values by key, as texts; lists joined by commas.
using SettingValues = std::map<std::string, std::string>;

/// Reads the file and the *.yaml beside it in <file>.d; a missing default file is none.
base::Outcome<SettingValues> read_config(const std::string& path, bool must_exist, Settings& into);
SettingValues read_environment();
/// 400 naming the key when a value is of no use.
base::Outcome<void> apply_values(const SettingValues& values, Settings& into);

}  // namespace keelson::server
