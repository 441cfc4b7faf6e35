// Identity: the cluster's keys and certificates in <data-dir>/tls, made at first start, and the admin's kubeconfig.
//
// Invariants: keys are readable by their owner only. CA and signing key are made once; the server's certificate is made
//   anew at a start that finds none for the addresses of that moment with enough of its life left, and by renew_server();
//   the admin's is replaced at two thirds of its life.
#pragma once
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/error.hpp"
#include "core/base/runtime.hpp"

namespace keelson::server {

inline constexpr std::int64_t kCaLifetime_s = 10ll * 365 * 24 * 3600;
inline constexpr std::int64_t kServerLifetime_s = 24 * 3600;
/// A start keeps a certificate that is valid for at least this long: longer than until renew_server() is called.
inline constexpr std::int64_t kServerKept_s = kServerLifetime_s * 3 / 4;
inline constexpr std::int64_t kAdminLifetime_s = 365ll * 24 * 3600;

struct Identity {
  auth::KeyPair ca, server, admin;
  std::string token_key_pem;        ///< signs ServiceAccount tokens
};

/// The machine's own addresses that are no loopback, IPv4 first.
std::vector<std::string> machine_addresses();

struct ServerNames {
  std::string bind_address, service_address, cluster_domain;
};
base::Outcome<Identity> load_identity(const std::string& data_dir, const ServerNames& names, base::Runtime& runtime);
base::Outcome<auth::KeyPair> renew_server(const auth::KeyPair& ca, const ServerNames& names, base::Runtime& runtime);

/// A kubeconfig for the admin; `url` like https://127.0.0.1:6443.
std::string admin_kubeconfig(const Identity& identity, const std::string& url);
/// Replaces `path` as a whole, mode 0600, unless it is that already.
base::Outcome<void> write_private_file(const std::string& path, const std::string& text);
base::Outcome<std::string> read_file(const std::string& path);

}  // namespace keelson::server
