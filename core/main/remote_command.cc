#include "core/main/remote_command.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "core/main/plugin_command.hpp"
#include "core/main/plugin_wiring.hpp"
#include "core/remote/remote_host.hpp"

namespace keelson::server {
namespace {

struct RemoteFlags {
  remote::RemoteArguments arguments;
  std::vector<std::string> config, keys;
  std::string kinds = "missing", log_level = "info";
  bool alone = false;
};

int complain(const std::string& what) {
  std::cerr << "keelson: " << what << "\n";
  return 1;
}

int run_flags(RemoteFlags& flags) {
  auto& arguments = flags.arguments;
  if (arguments.kubeconfig.empty() || arguments.file.empty()) return complain("plugin-host needs --kubeconfig FILE and the plugin's file");
  for (const auto& pair : flags.config) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos) return complain("--config " + pair + ": expected key=value");
    arguments.config[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  const auto keys = trusted_keys(flags.keys);
  if (!keys) return complain(keys.error().message);
  arguments.keys = *keys;
  arguments.ours = bundled_plugins();
  arguments.elect = !flags.alone;
  using remote::InstallKinds;
  arguments.install_kinds = flags.kinds == "always" ? InstallKinds::always : flags.kinds == "never" ? InstallKinds::never : InstallKinds::if_missing;
  return remote::run_remote(arguments);
}

}  // namespace

std::function<int()> add_remote_command(CLI::App& plugin_host) {
  const auto flags = std::make_shared<RemoteFlags>();   // shared: by the parser and the result
  auto& arguments = flags->arguments;
  plugin_host.add_option("plugin", arguments.file, "the plugin's file");
  plugin_host.add_option("--kubeconfig", arguments.kubeconfig, "the API server to work on")->envname("KUBECONFIG");
  plugin_host.add_option("--context", arguments.context, "context of the kubeconfig (default: its current one)");
  plugin_host.add_option("--config", flags->config, "key=value of the plugin's configuration, repeated")->allow_extra_args(false);
  plugin_host.add_option("--install-kinds", flags->kinds, "the plugin's kinds as CustomResourceDefinitions: missing, always or never (default missing)")
      ->check(CLI::IsMember({"missing", "always", "never"}));
  plugin_host.add_option("--workers", arguments.workers, "workers of each controller (default: as the plugin says)");
  plugin_host.add_option("--metrics-address", arguments.metrics_address, "host:port of /metrics, /healthz and /readyz (default: none)");
  plugin_host.add_option("--lease", arguments.lease, "name of the Lease by which one of several leads (default keelson-<plugin>)");
  plugin_host.add_option("--lease-namespace", arguments.lease_ns, "its namespace (default: the context's)");
  plugin_host.add_flag("--no-election", flags->alone, "lead without asking: for exactly one process");
  plugin_host.add_option("--plugin-keys", flags->keys, "minisign public keys, or files or folders of them: the plugin needs a signature")->delimiter(',')->allow_extra_args(false);
  return [flags] { return run_flags(*flags); };
}

}  // namespace keelson::server
