// PluginHost: loads plugins from directories, runs them in the core, replaces and removes them while the server runs, and
// shows each as a Plugin object.
//
// Invariants: a wrong file disturbs nothing but its own Plugin object. A plugin's kinds outlive it, read-only, until
//   their last object is gone. The state of a plugin in its object is written when it changes; counters follow at a
//   bounded rate and not at all while nothing happens.
// Threads: all methods any thread; loading, unloading and object writes happen on the host's own thread.
// Ownership: must be stopped before the parts that it was made of go away. Plugins that are stuck are leaked on purpose:
//   their code must never be unmapped under them.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/plugins/pass_on.hpp"
#include "core/plugins/route.hpp"
#include "core/plugins/trust.hpp"
#include "core/store/store.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::plugins {

class Hooks;

struct HostParts {
  store::Store& store;
  verbs::Verbs& verbs;
  kinds::Registry& registry;
  auth::Chains& chains;
  base::Runtime& runtime;
  base::Metrics& metrics;
  /// Registers a named health check (empty text = well); the handle ends it. `counts`: the server is not ready while it fails; else it is
  /// only told. Null: nobody asks.
  std::function<std::shared_ptr<void>(std::string name, std::function<std::string()> check, bool counts)> add_check;
  /// Where the hooks of plugins go; made before anything is served, so that required ones hold from the start. Null: the
  /// host makes its own.
  std::shared_ptr<Hooks> hooks = nullptr;
  /// To aggregated APIs. Empty: there are none.
  PassOn pass_on = {};
};

struct HostOptions {
  std::vector<std::string> directories;            ///< a file in a later one replaces its namesake in an earlier one
  std::vector<std::string> disabled;               ///< names of plugins or files (without .so) that are not loaded
  std::string data_dir;                            ///< copies, declared kinds, crash marker; "": nothing is kept
  std::map<std::string, std::string> config;       ///< for every plugin
  std::map<std::string, std::map<std::string, std::string>> plugin_config;   ///< by plugin; goes before `config`
  bool watch_directories = true;
  bool check_permissions = true;
  std::vector<TrustedKey> plugin_keys;             ///< when there are any, files without a signature by one of them are refused
  std::set<std::string> ours;                      ///< SHA-256 of the plugins that came with this build: signed by being known
  std::optional<std::vector<std::string>> essential;   ///< safe mode: only these are loaded, from the earliest directory that has them
  std::int64_t observe_late_ms = 0;                ///< how long what only observers of everything want may wait
  std::string child_program;                       ///< runs plugins as `<program> plugin-host --child`; "": all of them run in the core
  bool catch_crashes = false;                      ///< installs handlers for fatal signals: for the server, not for tests
};

/// What is known of one plugin; also what its Plugin object shows.
struct PluginInfo {
  std::string name, version, abi, file, sha256;
  std::string host;                                ///< Core, Process
  std::string state;                               ///< Loading, Running, Paused, Draining, Refused, Failed, Stuck, Quarantined
  std::string reason, message;
  std::vector<std::string> kinds;
  std::int64_t queue_length = 0, reconciles = 0, errors = 0, restarts = 0;
};

class PluginHost {
 public:
  virtual ~PluginHost() = default;
  /// Starts to load what is in the directories; returns at once.
  virtual void start() = 0;
  /// Loads one file as if it were in a directory; returns at once.
  virtual void load(const std::string& file) = 0;
  /// As if the file of that plugin were removed; returns at once.
  virtual void unload(const std::string& name) = 0;
  /// Ends all plugins, at most until `deadline` for each; begin_stop() returns at once, stop() when it is done.
  virtual void begin_stop(base::Monotonic deadline) = 0;
  virtual void stop(base::Monotonic deadline) = 0;

  /// Every plugin loses the stream of changes once, as one that was too slow for it.
  virtual void lose_watches() = 0;

  virtual RouteTable& routes() = 0;
  virtual std::vector<PluginInfo> plugins() const = 0;
  /// Nothing is being loaded or unloaded.
  virtual bool settled() const = 0;
  /// Nothing is being loaded, no key is due and no reconcile runs.
  virtual bool idle() const = 0;
};

/// The hooks of plugins in `chains`, with those that earlier runs below `data_dir` ("": none) require.
std::shared_ptr<Hooks> make_hooks(auth::Chains& chains, base::Metrics& metrics, const std::string& data_dir);

std::unique_ptr<PluginHost> make_plugin_host(HostParts parts, HostOptions options);

/// Installs the kinds that plugins had declared in earlier runs, read-only until their plugin is back. Before the store
/// is opened, so that their objects find their kinds.
void restore_declared_kinds(kinds::Registry& registry, const std::string& data_dir);

}  // namespace keelson::plugins
