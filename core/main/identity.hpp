// Identity: the cluster's keys and certificates in <data-dir>/tls, made at first start, and the admin's kubeconfig.
//
// Invariants: keys are readable by their owner only. CAs are made once; a signing key that was put in the place of the old one is taken up; the server's certificate is made
//   anew when two thirds of its life are over, when the machine's names or addresses are others, or when the clock was set back
//   behind its making, at a start and while the server runs; so is the admin's, with its kubeconfig. A wrong clock locks nobody
//   out: see core/auth/certificate_life.hpp.
#pragma once
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/error.hpp"
#include "core/base/runtime.hpp"
#include "core/main/token_keys.hpp"

namespace keelson::server {

inline constexpr std::int64_t kCaLifetime_s = 10ll * 365 * 24 * 3600;
inline constexpr std::int64_t kServerLifetime_s = 24 * 3600;
/// How often a running server looks whether one is due.
inline constexpr std::int64_t kCertificateTurn_s = 60;
inline constexpr std::int64_t kFrontProxyLifetime_s = 24 * 3600;
inline constexpr std::int64_t kAdminLifetime_s = 365ll * 24 * 3600;

struct Identity {
  auth::KeyPair ca, server, admin;
  auth::KeyPair front_proxy_ca;     ///< of those who may speak for others in headers
  auth::KeyPair front_proxy;        ///< as which other API servers know this one
  TokenKeys token_keys;             ///< of ServiceAccount tokens
};

/// The machine's own addresses that are no loopback, IPv4 first.
std::vector<std::string> machine_addresses();

struct ServerNames {
  std::string bind_address, service_address, cluster_domain;
};
base::Outcome<Identity> load_identity(const std::string& data_dir, const ServerNames& names, base::Runtime& runtime);
/// Replaces what is due, on disk and in `identity`.
struct Renewed { bool server = false, admin = false, front_proxy = false, token_key = false; };
base::Outcome<Renewed> renew_due(Identity& identity, const std::string& data_dir, const ServerNames& names, base::Runtime& runtime);

/// A kubeconfig for the admin; `url` like https://127.0.0.1:6443.
std::string admin_kubeconfig(const Identity& identity, const std::string& url);
/// Replaces `path` as a whole, mode 0600, unless it is that already.
base::Outcome<void> write_private_file(const std::string& path, const std::string& text);
base::Outcome<std::string> read_file(const std::string& path);

}  // namespace keelson::server
