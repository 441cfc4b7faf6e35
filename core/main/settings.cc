#include "core/main/settings.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "core/auth/pod_security.hpp"

namespace keelson::server {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at <= text.size()) {
    const auto comma = std::min(text.find(',', at), text.size());
    if (comma > at) out.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

base::Error no_use(const std::string& key, const std::string& value) { return base::bad_request(key + ": \"" + value + "\" is of no use"); }

template <class Int>
base::Outcome<void> set_number(const std::string& key, const std::string& value, Int least, Int most, Int& into) {
  Int number{};
  const auto [at, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || at != value.data() + value.size() || number < least || number > most) return no_use(key, value);
  into = number;
  return {};
}

base::Outcome<void> set_flag(const std::string& key, const std::string& value, bool& into) {
  if (value != "true" && value != "false") return no_use(key, value);
  into = value == "true";
  return {};
}

std::string scalar_or_list(const YAML::Node& node) {
  if (!node.IsSequence()) return node.as<std::string>("");
  std::string joined;
  for (const auto& item : node) joined += (joined.empty() ? "" : ",") + item.as<std::string>("");
  return joined;
}

bool known(const std::string& key) {
  const auto& keys = setting_keys();
  return std::any_of(keys.begin(), keys.end(), [&](const auto& candidate) { return key == candidate.name; });
}

void read_plugins(const YAML::Node& node, Settings& into) {
  for (const auto& plugin : node)
    for (const auto& pair : plugin.second) into.plugin_config[plugin.first.as<std::string>()][pair.first.as<std::string>()] = scalar_or_list(pair.second);
}

base::Outcome<void> read_file(const std::string& path, SettingValues& values, Settings& into) try {
  const auto root = YAML::LoadFile(path);
  if (root.IsNull()) return {};
  if (!root.IsMap()) return base::bad_request(path + ": not a map of keys");
  for (const auto& pair : root) {
    auto key = pair.first.as<std::string>();
    if (key == "plugins") {
      read_plugins(pair.second, into);
      continue;
    }
    const bool append = key.ends_with('+');
    if (append) key.pop_back();
    if (!known(key)) return base::bad_request(path + ": unknown key " + key);
    auto& value = values[key];
    const auto text = scalar_or_list(pair.second);
    value = append && !value.empty() ? value + "," + text : text;
  }
  return {};
} catch (const YAML::Exception& error) {
  return base::bad_request(path + ": " + error.what());
}

}  // namespace

const std::vector<SettingKey>& setting_keys() {
  static const std::vector<SettingKey> keys = {
      {"data-dir", "folder of everything that is kept (default /var/lib/keelson)"},
      {"bind-address", "IP address to listen on (default 0.0.0.0)"},
      {"https-port", "port to listen on, 0 for any (default 6443)"},
      {"plugin-dir", "folders of plugins, later ones replace namesakes in earlier ones"},
      {"disable", "names of plugins that are not loaded"},
      {"plugin-keys", "minisign public keys, or files or folders of them: others' plugins need a signature (default /etc/keelson/trusted-keys)"},
      {"safe-mode", "load none but the essential plugins", true},
      {"upstream-only", "serve nothing that Kubernetes itself does not: no Plugin objects", true},
      {"write-kubeconfig", "file to write the admin's kubeconfig to"},
      {"node-name", "name of this machine's node (default: the host's name)"},
      {"service-cidr", "range of service addresses (default 10.96.0.0/12)"},
      {"cluster-cidr", "range of pod addresses (default 10.42.0.0/16)"},
      {"cluster-domain", "DNS domain of the cluster (default cluster.local)"},
      {"pod-max-pids", "processes and threads that a pod may have, -1 for any number (default 4096)"},
      {"pod-security-enforce", "Pod Security level of namespaces that name none: privileged, baseline or restricted (default privileged)"},
      {"pod-security-audit", "level that the audit log tells of (default privileged)"},
      {"pod-security-warn", "level that clients are warned of (default baseline)"},
      {"network-threads", "threads that serve connections, 1 to 64 (default 1)"},
      {"requestheader-client-ca-file", "CA certificates of front proxies, whose headers say who asks (default: one made at first start)"},
      {"requestheader-allowed-names", "common names of front proxies; empty for any that the CA signed (default front-proxy-client, with the CA made at first start)"},
      {"requestheader-username-headers", "headers in which front proxies name users (default X-Remote-User)"},
      {"requestheader-uid-headers", "headers in which front proxies give users' uids (default none)"},
      {"requestheader-group-headers", "headers in which front proxies name groups (default X-Remote-Group)"},
      {"requestheader-extra-headers-prefix", "how headers begin in which front proxies say more of users (default X-Remote-Extra-)"},
      {"proxy-client-cert-file", "certificate that this server shows to aggregated API servers (default: one made at first start)"},
      {"proxy-client-key-file", "its key"},
      {"oidc-issuer-url", "https URL of an outside issuer whose ID tokens are taken (default: none)"},
      {"oidc-client-id", "audience that its tokens must have"},
      {"oidc-username-claim", "claim with the user's name (default sub)"},
      {"oidc-username-prefix", "put before it; - for nothing (default: the issuer and #, but for the claim email)"},
      {"oidc-groups-claim", "claim with the user's groups (default: none)"},
      {"oidc-groups-prefix", "put before each of them"},
      {"oidc-required-claim", "key=value pairs that tokens must have"},
      {"oidc-signing-algs", "algorithms that tokens may be signed by (default RS256)"},
      {"oidc-ca-file", "CA certificates of the issuer's server (default: the system's)"},
      {"encryption-provider-config", "EncryptionConfiguration: what is sealed on disk, by which keys (default <data-dir>/tls/encryption.yaml: secrets, by a key of their own)"},
      {"audit-policy-file", "audit.k8s.io/v1 Policy (default: secrets, tokens, what changes rights or runs in pods)"},
      {"audit-log-path", "file of the audit log, - for standard output, off for none (default <data-dir>/audit/audit.log)"},
      {"audit-log-maxsize", "megabytes of the audit log before it is rotated (default 100)"},
      {"audit-log-maxbackup", "rotated files of the audit log that are kept, 0 for all (default 10)"},
      {"audit-log-maxage", "days that rotated files of the audit log are kept, 0 for ever (default 30)"},
      {"history-max-bytes", "bytes of past changes that watches may resume from (default 268435456); older than an hour they go anyway"},
      {"log-level", "debug, info, warn or error (default info)"},
  };
  return keys;
}

base::Outcome<SettingValues> read_config(const std::string& path, bool must_exist, Settings& into) {
  SettingValues values;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    if (auto read = read_file(path, values, into); !read) return read.error();
  } else if (must_exist) {
    return base::bad_request(path + ": no such file");
  }
  std::vector<std::string> more;
  for (auto at = std::filesystem::directory_iterator(path + ".d", ignored); at != std::filesystem::directory_iterator(); at.increment(ignored))
    if (at->path().extension() == ".yaml") more.push_back(at->path().string());
  std::sort(more.begin(), more.end());
  for (const auto& file : more)
    if (auto read = read_file(file, values, into); !read) return read.error();
  return values;
}

SettingValues read_environment() {
  SettingValues values;
  for (const auto& key : setting_keys()) {
    std::string name = "KEELSON_";
    for (const char* c = key.name; *c; ++c) name += *c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
    if (const char* value = std::getenv(name.c_str())) values[key.name] = value;
  }
  return values;
}

base::Outcome<void> apply_values(const SettingValues& values, Settings& into) {
  const std::map<std::string, std::string*> texts = {
      {"data-dir", &into.data_dir},         {"bind-address", &into.bind_address}, {"write-kubeconfig", &into.write_kubeconfig},
      {"node-name", &into.node_name},       {"service-cidr", &into.service_cidr}, {"cluster-cidr", &into.cluster_cidr},
      {"cluster-domain", &into.cluster_domain}, {"log-level", &into.log_level},
      {"pod-security-enforce", &into.pod_security.enforce}, {"pod-security-audit", &into.pod_security.audit}, {"pod-security-warn", &into.pod_security.warn},
      {"encryption-provider-config", &into.encryption_provider_config}, {"audit-policy-file", &into.audit_policy_file}, {"audit-log-path", &into.audit_log_path},
      {"requestheader-client-ca-file", &into.requestheader_client_ca_file}, {"proxy-client-cert-file", &into.proxy_client_cert_file}, {"proxy-client-key-file", &into.proxy_client_key_file},
      {"oidc-issuer-url", &into.oidc_issuer_url}, {"oidc-client-id", &into.oidc_client_id}, {"oidc-ca-file", &into.oidc_ca_file}, {"oidc-username-claim", &into.oidc_username_claim},
      {"oidc-username-prefix", &into.oidc_username_prefix}, {"oidc-groups-claim", &into.oidc_groups_claim}, {"oidc-groups-prefix", &into.oidc_groups_prefix}};
  const std::map<std::string, std::vector<std::string>*> lists = {
      {"requestheader-allowed-names", &into.requestheader_allowed_names}, {"requestheader-username-headers", &into.requestheader_username_headers},
      {"requestheader-uid-headers", &into.requestheader_uid_headers}, {"requestheader-group-headers", &into.requestheader_group_headers},
      {"requestheader-extra-headers-prefix", &into.requestheader_extra_headers_prefix},
      {"oidc-signing-algs", &into.oidc_signing_algs}, {"oidc-required-claim", &into.oidc_required_claim},
      {"plugin-dir", &into.plugin_dirs}, {"disable", &into.disabled}, {"plugin-keys", &into.plugin_keys}};
  const std::map<std::string, int*> counts = {{"audit-log-maxbackup", &into.audit_log_maxbackup}, {"audit-log-maxage", &into.audit_log_maxage}};
  for (const auto& [key, value] : values) {
    base::Outcome<void> done;
    if (const auto text = texts.find(key); text != texts.end()) *text->second = value;
    else if (const auto list = lists.find(key); list != lists.end()) *list->second = split(value);
    else if (const auto count = counts.find(key); count != counts.end()) done = set_number<int>(key, value, 0, 1'000'000, *count->second);
    else if (key == "audit-log-maxsize") done = set_number<int>(key, value, 1, 1'000'000, into.audit_log_maxsize);
    else if (key == "safe-mode") done = set_flag(key, value, into.safe_mode);
    else if (key == "upstream-only") done = set_flag(key, value, into.upstream_only);
    else if (key == "https-port") done = set_number<std::uint16_t>(key, value, 0, 65535, into.https_port);
    else if (key == "network-threads") done = set_number<int>(key, value, 1, 64, into.network_threads);
    else if (key == "pod-max-pids") done = set_number<std::int64_t>(key, value, kPodPidsNone, kPodPidsMost, into.pod_max_pids.emplace());
    else if (key == "history-max-bytes") done = set_number<std::uint64_t>(key, value, kHistoryBytesMin, kHistoryBytesMax, into.history_max_bytes);
    if (!done) return done;
  }
  if (into.proxy_client_cert_file.empty() != into.proxy_client_key_file.empty()) return base::bad_request("proxy-client-cert-file and proxy-client-key-file go together");
  if (into.data_dir.empty()) return no_use("data-dir", "");
  const std::vector<std::string> levels = {"debug", "info", "warn", "error"};
  if (std::find(levels.begin(), levels.end(), into.log_level) == levels.end()) return no_use("log-level", into.log_level);
  for (const auto& [key, level] : {std::pair{"pod-security-enforce", &into.pod_security.enforce}, {"pod-security-audit", &into.pod_security.audit}, {"pod-security-warn", &into.pod_security.warn}})
    if (!auth::pod_level(*level)) return no_use(key, *level);
  return {};
}

}  // namespace keelson::server
