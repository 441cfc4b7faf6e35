// PluginWiring: the plugin host as the server uses it.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/api/health.hpp"
#include "core/auth/auth.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/main/settings.hpp"
#include "core/plugins/pass_on.hpp"
#include "core/plugins/route.hpp"
#include "core/plugins/trust.hpp"
#include "core/store/store.hpp"
#include "core/verbs/ask_webhook.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::plugins {
class Hooks;
}

namespace keelson::server {

struct PluginParts {
  store::Store& store;
  verbs::Verbs& verbs;
  kinds::Registry& registry;
  auth::Chains& chains;
  base::Runtime& runtime;
  base::Metrics& metrics;
  api::HealthChecks& health;
  std::vector<plugins::TrustedKey> keys;
  std::shared_ptr<plugins::Hooks> hooks;
  plugins::PassOn pass_on;
};

/// Before anything is served: the hooks that earlier runs require hold from the start.
std::shared_ptr<plugins::Hooks> make_plugin_hooks(auth::Chains& chains, base::Metrics& metrics, const std::string& data_dir);
/// Conversions by plugins; `otherwise` asks webhooks.
verbs::AskWebhook ask_plugins_or(std::shared_ptr<plugins::Hooks> hooks, base::Runtime& runtime, verbs::AskWebhook otherwise);

/// A plugin that hangs in its start does not hold the server's readiness longer.
inline constexpr std::int64_t kLoadWait_ms = 10'000;

class PluginWiring {
 public:
  virtual ~PluginWiring() = default;
  /// Valid before start(), empty until plugins have loaded.
  virtual const plugins::RouteTable* routes() const = 0;
  /// `facts`: configuration that every plugin gets.
  virtual void start(const std::map<std::string, std::string>& facts) = 0;
  /// True once the plugins that were there at the start have been loaded (or kLoadWait_ms has passed).
  virtual bool loaded() const = 0;
  virtual void stop(base::Monotonic deadline) = 0;
};

std::unique_ptr<PluginWiring> make_plugin_wiring(PluginParts parts, const Settings& settings);
/// SHA-256 of the plugins of this build; none in flavours that are not packaged.
std::set<std::string> bundled_plugins();
/// Kinds that plugins declared in earlier runs, before the store is opened.
void restore_plugin_kinds(kinds::Registry& registry, const std::string& data_dir);

}  // namespace keelson::server
