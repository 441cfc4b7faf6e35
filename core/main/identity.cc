#include "core/main/identity.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/auth/certificate_life.hpp"
#include "core/base/durable_file.hpp"
#include "core/base/log.hpp"

namespace keelson::server {
namespace {

constexpr mode_t kPrivateFile = 0600, kPrivateFolder = 0700, kFolder = 0755;

base::Error io_error(const std::string& what, const std::string& path) { return base::internal(what + " " + path + ": " + std::strerror(errno)); }

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

base::Outcome<void> save(const std::string& stem, const auth::KeyPair& pair) {
  if (auto key = write_private_file(stem + ".key", pair.key_pem); !key) return key;
  return write_private_file(stem + ".crt", pair.certificate_pem);
}

base::Outcome<auth::KeyPair> load(const std::string& stem) {
  auto certificate = read_file(stem + ".crt");
  if (!certificate) return certificate.error();
  auto key = read_file(stem + ".key");
  if (!key) return key.error();
  return auth::KeyPair{std::move(*certificate), std::move(*key)};
}

base::Outcome<auth::KeyPair> load_ca(const std::string& stem, const std::string& name, base::Runtime& runtime) {
  if (exists(stem + ".crt") && exists(stem + ".key")) return load(stem);
  auto ca = auth::make_ca(name, runtime.unix_s(), kCaLifetime_s);
  if (!ca) return ca;
  if (auto saved = save(stem, *ca); !saved) return saved.error();
  return ca;
}

/// The pair at `stem`, made anew when it is due or another CA's.
base::Outcome<auth::KeyPair> load_client(const std::string& stem, const auth::KeyPair& ca, const auth::LeafRequest& request, base::Runtime& runtime) {
  if (exists(stem + ".crt") && exists(stem + ".key")) {
    auto client = load(stem);
    const auto expiry = client ? auth::certificate_expiry(client->certificate_pem) : base::Outcome<std::int64_t>(client.error());
    if (expiry && !auth::renewal_due(*expiry, request.lifetime_s, runtime.unix_s())) return client;
  }
  auto client = auth::issue_certificate(ca, request, runtime.unix_s());
  if (!client) return client;
  if (auto saved = save(stem, *client); !saved) return saved.error();
  return client;
}

base::Outcome<auth::KeyPair> load_admin(const std::string& folder, const auth::KeyPair& ca, base::Runtime& runtime) {
  auth::LeafRequest request;
  request.common_name = "system:admin";
  request.organizations = {"system:masters"};
  request.client = true;
  request.lifetime_s = kAdminLifetime_s;
  return load_client(folder + "/admin", ca, request, runtime);
}

base::Outcome<auth::KeyPair> load_front_proxy(const std::string& folder, const auth::KeyPair& ca, base::Runtime& runtime) {
  auth::LeafRequest request;
  request.common_name = "front-proxy-client";
  request.client = true;
  request.lifetime_s = kFrontProxyLifetime_s;
  return load_client(folder + "/front-proxy-client", ca, request, runtime);
}

auth::LeafRequest server_request(const ServerNames& names) {
  auth::LeafRequest request;
  request.common_name = "keelson-server";
  request.server = true;
  request.lifetime_s = kServerLifetime_s;
  request.dns_names = {"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + names.cluster_domain};
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) == 0 && host[0]) request.dns_names.emplace_back(host);
  request.ip_addresses = {"127.0.0.1", "::1", names.service_address};
  for (auto& address : machine_addresses()) request.ip_addresses.push_back(std::move(address));
  if (std::find(request.ip_addresses.begin(), request.ip_addresses.end(), names.bind_address) == request.ip_addresses.end() && names.bind_address != "0.0.0.0" && names.bind_address != "::")
    request.ip_addresses.push_back(names.bind_address);
  return request;
}

/// What a certificate was made for, one word a line: names, addresses, CA.
std::string purpose_of(const auth::LeafRequest& request, const auth::KeyPair& ca) {
  std::string text;
  for (const auto* words : {&request.dns_names, &request.ip_addresses})
    for (const auto& word : *words) (text += word) += '\n';
  return text + ca.certificate_pem;
}

// server.for says until when the pair beside it is valid and what it was made for: reading a certificate costs a millisecond.
// It goes before the pair is replaced and comes after.
bool server_fits(const std::string& stem, const std::string& purpose, base::Runtime& runtime) {
  const auto known = read_file(stem + ".for");
  return known && known->ends_with("\n" + purpose) && !auth::renewal_due(std::atoll(known->c_str()), kServerLifetime_s, runtime.unix_s());
}

base::Outcome<auth::KeyPair> make_server(const std::string& stem, const auth::LeafRequest& request, const std::string& purpose, const auth::KeyPair& ca, base::Runtime& runtime) {
  auto server = auth::issue_certificate(ca, request, runtime.unix_s());
  if (!server) return server;
  const auto expiry = auth::certificate_expiry(server->certificate_pem);
  if (!expiry) return expiry.error();
  const auto note = stem + ".for";
  ::unlink(note.c_str());
  if (auto saved = save(stem, *server); !saved) return saved.error();
  if (auto noted = write_private_file(note, std::to_string(*expiry) + "\n" + purpose); !noted) return noted.error();
  return server;
}

base::Outcome<auth::KeyPair> load_server(const std::string& folder, const auth::KeyPair& ca, const ServerNames& names, base::Runtime& runtime) {
  const auto stem = folder + "/server";
  const auto request = server_request(names);
  const auto purpose = purpose_of(request, ca);
  if (server_fits(stem, purpose, runtime))
    if (auto kept = load(stem)) return kept;
  return make_server(stem, request, purpose, ca, runtime);
}

bool is_private(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && (facts.st_mode & 07777) == kPrivateFile;
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t j) { return j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0u; };
    const unsigned group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    out += digits[group >> 18];
    out += digits[group >> 12 & 63];
    out += i + 1 < bytes.size() ? digits[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? digits[group & 63] : '=';
  }
  return out;
}

}  // namespace

base::Outcome<void> write_private_file(const std::string& path, const std::string& text) {
  if (is_private(path))
    if (const auto now = read_file(path); now && *now == text) return {};
  if (auto made = base::make_durable_directory(std::filesystem::path(path).parent_path().string(), kFolder); !made) return made;
  return base::write_durable_file(path, text, kPrivateFile);
}

base::Outcome<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return io_error("open", path);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

std::vector<std::string> machine_addresses() {
  std::vector<std::string> v4, v6;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return v4;
  for (const auto* at = all; at; at = at->ifa_next) {
    if (!at->ifa_addr || (at->ifa_flags & IFF_LOOPBACK) || !(at->ifa_flags & IFF_UP)) continue;
    char text[INET6_ADDRSTRLEN] = {};
    if (at->ifa_addr->sa_family == AF_INET) {
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr, text, sizeof text);
      v4.emplace_back(text);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      const auto& address = reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr;
      if (IN6_IS_ADDR_LINKLOCAL(&address)) continue;
      ::inet_ntop(AF_INET6, &address, text, sizeof text);
      v6.emplace_back(text);
    }
  }
  ::freeifaddrs(all);
  v4.insert(v4.end(), v6.begin(), v6.end());
  return v4;
}

base::Outcome<Renewed> renew_due(Identity& identity, const std::string& data_dir, const ServerNames& names, base::Runtime& runtime) {
  Renewed renewed;
  const auto folder = data_dir + "/tls", stem = folder + "/server";
  const auto request = server_request(names);
  const auto purpose = purpose_of(request, identity.ca);
  if (!server_fits(stem, purpose, runtime)) {
    auto server = make_server(stem, request, purpose, identity.ca, runtime);
    if (!server) return server.error();
    identity.server = std::move(*server);
    renewed.server = true;
  }
  auto admin = load_admin(folder, identity.ca, runtime);
  if (!admin) return admin.error();
  renewed.admin = admin->certificate_pem != identity.admin.certificate_pem;
  identity.admin = std::move(*admin);
  auto proxy = load_front_proxy(folder, identity.front_proxy_ca, runtime);
  if (!proxy) return proxy.error();
  renewed.front_proxy = proxy->certificate_pem != identity.front_proxy.certificate_pem;
  identity.front_proxy = std::move(*proxy);
  auto keys = load_token_keys(folder);
  if (!keys) return base::log_error("main", "the key of tokens was not taken up", {{"what", keys.error().message}}), renewed;   // half written, perhaps: the old one goes on
  renewed.token_key = keys->signing != identity.token_keys.signing;
  identity.token_keys = std::move(*keys);
  return renewed;
}

base::Outcome<Identity> load_identity(const std::string& data_dir, const ServerNames& names, base::Runtime& runtime) {
  const auto folder = data_dir + "/tls";
  if (auto made = base::make_durable_directory(folder, kPrivateFolder); !made) return made.error();
  for (const auto& own : {data_dir, folder}) ::chmod(own.c_str(), kPrivateFolder);
  auto ca = load_ca(folder + "/ca", "keelson-ca", runtime);
  if (!ca) return ca.error();
  auto server = load_server(folder, *ca, names, runtime);
  if (!server) return server.error();
  auto admin = load_admin(folder, *ca, runtime);
  if (!admin) return admin.error();
  auto proxy_ca = load_ca(folder + "/front-proxy-ca", "keelson-front-proxy-ca", runtime);
  if (!proxy_ca) return proxy_ca.error();
  auto proxy = load_front_proxy(folder, *proxy_ca, runtime);
  if (!proxy) return proxy.error();
  auto keys = load_token_keys(folder);
  if (!keys) return keys.error();
  return Identity{std::move(*ca), std::move(*server), std::move(*admin), std::move(*proxy_ca), std::move(*proxy), std::move(*keys)};
}

std::string admin_kubeconfig(const Identity& identity, const std::string& url) {
  return "apiVersion: v1\n"
         "kind: Config\n"
         "clusters:\n"
         "- name: keelson\n"
         "  cluster:\n"
         "    server: " + url + "\n"
         "    certificate-authority-data: " + base64(identity.ca.certificate_pem) + "\n"
         "users:\n"
         "- name: keelson-admin\n"
         "  user:\n"
         "    client-certificate-data: " + base64(identity.admin.certificate_pem) + "\n"
         "    client-key-data: " + base64(identity.admin.key_pem) + "\n"
         "contexts:\n"
         "- name: keelson\n"
         "  context:\n"
         "    cluster: keelson\n"
         "    user: keelson-admin\n"
         "current-context: keelson\n";
}

}  // namespace keelson::server
