#include "core/main/identity.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
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

namespace keelson::server {
namespace {

constexpr mode_t kPrivateFile = 0600, kPrivateFolder = 0700;

base::Error io_error(const std::string& what, const std::string& path) { return base::internal(what + " " + path + ": " + std::strerror(errno)); }

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

base::Outcome<void> write_all(int fd, const std::string& text, const std::string& path) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto put = ::write(fd, text.data() + at, text.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_error("write", path);
    at += static_cast<std::size_t>(put);
  }
  if (::fsync(fd) != 0) return io_error("sync", path);
  return {};
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

base::Outcome<auth::KeyPair> load_ca(const std::string& folder, base::Runtime& runtime) {
  const auto stem = folder + "/ca";
  if (exists(stem + ".crt") && exists(stem + ".key")) return load(stem);
  auto ca = auth::make_ca("keelson-ca", runtime.unix_s(), kCaLifetime_s);
  if (!ca) return ca;
  if (auto saved = save(stem, *ca); !saved) return saved.error();
  return ca;
}

base::Outcome<std::string> load_token_key(const std::string& folder) {
  const auto path = folder + "/service-account.key";
  if (exists(path)) return read_file(path);
  auto key = auth::make_ec_key_pem();
  if (auto saved = write_private_file(path, key); !saved) return saved.error();
  return key;
}

base::Outcome<auth::KeyPair> load_admin(const std::string& folder, const auth::KeyPair& ca, base::Runtime& runtime) {
  const auto stem = folder + "/admin";
  if (exists(stem + ".crt") && exists(stem + ".key")) {
    auto admin = load(stem);
    const auto expiry = admin ? auth::certificate_expiry(admin->certificate_pem) : base::Outcome<std::int64_t>(admin.error());
    if (expiry && *expiry - runtime.unix_s() > kAdminLifetime_s / 3) return admin;
  }
  auth::LeafRequest request;
  request.common_name = "system:admin";
  request.organizations = {"system:masters"};
  request.client = true;
  request.lifetime_s = kAdminLifetime_s;
  auto admin = auth::issue_certificate(ca, request, runtime.unix_s());
  if (!admin) return admin;
  if (auto saved = save(stem, *admin); !saved) return saved.error();
  return admin;
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
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  const auto fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kPrivateFile);
  if (fd < 0) return io_error("open", fresh);
  ::fchmod(fd, kPrivateFile);
  auto written = write_all(fd, text, fresh);
  ::close(fd);
  if (written && ::rename(fresh.c_str(), path.c_str()) != 0) written = io_error("rename", fresh);
  return written;
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

base::Outcome<auth::KeyPair> renew_server(const auth::KeyPair& ca, const ServerNames& names, base::Runtime& runtime) {
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
  return auth::issue_certificate(ca, request, runtime.unix_s());
}

base::Outcome<Identity> load_identity(const std::string& data_dir, const ServerNames& names, base::Runtime& runtime) {
  const auto folder = data_dir + "/tls";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return base::internal("make " + folder + ": " + error.message());
  ::chmod(folder.c_str(), kPrivateFolder);
  auto ca = load_ca(folder, runtime);
  if (!ca) return ca.error();
  auto server = renew_server(*ca, names, runtime);
  if (!server) return server.error();
  if (auto saved = save(folder + "/server", *server); !saved) return saved.error();
  auto admin = load_admin(folder, *ca, runtime);
  if (!admin) return admin.error();
  auto key = load_token_key(folder);
  if (!key) return key.error();
  return Identity{std::move(*ca), std::move(*server), std::move(*admin), std::move(*key)};
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
