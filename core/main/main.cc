// keelson: the executable. `server` runs a cluster; the other commands print something and end.
#include <CLI/CLI.hpp>
#include <csignal>
#include <ctime>
#include <iostream>

#include "core/api/api.hpp"
#include "core/api/build_info.hpp"
#include "core/base/log.hpp"
#include "core/base/memory.hpp"
#include "core/http/tls.hpp"
#include "core/main/bench_command.hpp"
#include "core/main/certificate_command.hpp"
#include "core/main/check_command.hpp"
#include "core/main/cluster.hpp"
#include "core/main/identity.hpp"
#include "core/main/plugin_command.hpp"
#include "core/main/remote_command.hpp"
#include "core/plugins/child/child_main.hpp"

namespace keelson::server {
namespace {

struct ServerFlags {
  std::map<std::string, std::string> values;   // by key; empty = not given
  std::string config = kDefaultConfig;
};

int complain(const base::Error& error) {
  std::cerr << "keelson: " << error.message << "\n";
  return 1;
}

base::Outcome<Settings> settle(const ServerFlags& flags, bool config_given) {
  Settings settings;
  auto values = read_config(flags.config, config_given, settings);
  if (!values) return values.error();
  for (auto& [key, value] : read_environment()) (*values)[key] = value;
  for (const auto& [key, value] : flags.values)
    if (!value.empty()) (*values)[key] = value;
  if (auto applied = apply_values(*values, settings); !applied) return applied.error();
  return settings;
}

base::LogLevel level_of(const std::string& name) {
  if (name == "debug") return base::LogLevel::debug;
  if (name == "warn") return base::LogLevel::warn;
  return name == "error" ? base::LogLevel::error : base::LogLevel::info;
}

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// Returns when the process is told to end; looks after certificates meanwhile, and at once by SIGHUP.
void wait_for_end(const sigset_t& signals, Cluster& cluster) {
  const timespec turn{kCertificateTurn_s, 0};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &turn);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP || (signal < 0 && errno == EAGAIN)) cluster.renew_certificates();
  }
}

int run_server(const ServerFlags& flags, bool config_given) {
  const auto settings = settle(flags, config_given);
  if (!settings) return complain(settings.error());
  base::set_log_level(level_of(settings->log_level));
  // Before any thread is there, so that all of them leave these signals to this one.
  const auto signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  base::use_huge_pages();
  const auto runtime = base::real_runtime();
  const auto began = runtime->monotonic_ns();
  auto cluster = start_cluster(*settings, *runtime);
  if (!cluster) return complain(cluster.error());
  const auto took_ms = (runtime->monotonic_ns() - began) / base::kNanosPerMs;
  base::log_info("main", "ready", {{"url", (*cluster)->url()}, {"data-dir", settings->data_dir}, {"took_ms", std::to_string(took_ms)}});
  wait_for_end(signals, **cluster);
  base::log_info("main", "stopping");
  (*cluster)->stop();
  cluster->reset();
  base::log_info("main", "stopped");
  return 0;
}

int print_kubeconfig(const std::string& data_dir) {
  const auto text = read_file(data_dir + "/admin.kubeconfig");
  if (!text) return complain(text.error());
  std::cout << *text;
  return 0;
}

int print_version(const std::string& format) {
  const auto& build = api::build_info();
  if (format == "json") std::cout << "{\"gitVersion\":\"" << api::kGitVersion << "\",\"gitCommit\":\"" << build.commit << "\",\"gitTreeState\":\"" << build.tree_state << "\",\"buildDate\":\"" << build.date << "\"}\n";
  else std::cout << "keelson " << api::kGitVersion << "\n";
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{"Keelson: a Kubernetes-compatible cluster in one process", "keelson"};
  app.require_subcommand(0, 1);
  ServerFlags flags;
  auto* const server = app.add_subcommand("server", "run a cluster in the foreground");
  auto* const config = server->add_option("--config", flags.config, "configuration file (default /etc/keelson/config.yaml)")->envname("KEELSON_CONFIG");
  for (const auto& key : setting_keys()) {
    if (key.flag) server->add_flag(std::string("--") + key.name + "{true}", flags.values[key.name], key.help);
    else server->add_option(std::string("--") + key.name, flags.values[key.name], key.help);
  }
  std::string format, data_dir = kDefaultDataDir;
  auto* const version = app.add_subcommand("version", "print the version");
  version->add_option("-o,--output", format, "json, or plain text");
  auto* const kubeconfig = app.add_subcommand("kubeconfig", "print the admin's kubeconfig");
  kubeconfig->add_option("--data-dir", data_dir, "the server's folder")->envname("KEELSON_DATA_DIR");
  const auto plugin_command = add_plugin_command(app);
  const auto certificate_command = add_certificate_command(app);
  const auto check_command = add_check_command(app);
  const auto bench_command = add_bench_command(app);
  plugins::ChildArguments child;
  auto* const plugin_host = app.add_subcommand("plugin-host", "run one plugin outside of the server");
  plugin_host->add_option("--child", child.name, "what the server starts: its plugin and its lanes are open already")->group("");
  plugin_host->add_option("--memory-bytes", child.memory_bytes_max, "private memory of the plugin")->group("");
  plugin_host->add_flag("--network", child.network, "let the plugin open sockets")->group("");
  const auto remote_command = add_remote_command(*plugin_host);
  CLI11_PARSE(app, argc, argv);
  if (*plugin_host) return child.name.empty() ? remote_command() : plugins::run_child(child);
  if (*server) return run_server(flags, config->count() > 0);
  if (app.got_subcommand("plugin")) return plugin_command();
  if (app.got_subcommand("certificate")) return certificate_command();
  if (app.got_subcommand("check")) return check_command();
  if (app.got_subcommand("bench")) return bench_command();
  if (*version) return print_version(format);
  if (*kubeconfig) return print_kubeconfig(data_dir);
  std::cout << app.help();
  return 0;
}

}  // namespace
}  // namespace keelson::server

int main(int argc, char** argv) { return keelson::server::run(argc, argv); }
