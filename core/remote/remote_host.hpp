// RemoteHost: `keelson plugin-host --kubeconfig FILE plugin.so`: one plugin as a controller on any Kubernetes API server.
//
// What the server's host does for a plugin is done here by the same code (core/plugins), over a mirror instead of the store
// and verbs that go over HTTPS. What a plugin needs beyond that is refused by name before anything of it works.
// Threads: run() keeps the calling one until it is told to end. Signals: SIGTERM and SIGINT end it.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/plugins/trust.hpp"
#include "core/remote/definitions.hpp"

namespace keelson::remote {

/// What works against any server. The others of plugins::kCapabilities do not.
inline constexpr std::string_view kOffered[] = {"submit"};
/// The plugin ends within this when the process is told to.
inline constexpr std::int64_t kStopWithin_ms = 10'000;
/// All that the plugin watches is shown within this, or it is not started.
inline constexpr std::int64_t kSyncDeadline_ms = 25'000;

struct RemoteArguments {
  std::string kubeconfig, context, file;
  std::map<std::string, std::string> config;   ///< the plugin's
  InstallKinds install_kinds = InstallKinds::if_missing;
  bool elect = true;
  std::string lease, lease_ns;                  ///< empty: keelson-<plugin>, the context's namespace
  int workers = 0;
  std::string metrics_address;                  ///< host:port of /metrics, /healthz and /readyz; empty: none
  bool check_permissions = true;
  std::vector<plugins::TrustedKey> keys;
  std::set<std::string> ours;                   ///< SHA-256 of plugins that need no signature
};

/// Returns the exit status: 0 when it was told to end, 1 when something ended it.
int run_remote(const RemoteArguments& arguments);

}  // namespace keelson::remote
