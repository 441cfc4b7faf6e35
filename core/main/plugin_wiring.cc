#include "core/main/plugin_wiring.hpp"

#include <atomic>

#include "core/plugins/hook_conversion.hpp"
#include "core/plugins/host.hpp"

namespace keelson::server {
namespace {

/// How long what only observers of everything want (garbage collection) may wait to be told together.
constexpr std::int64_t kObserveLate_ms = 10;

/// Routes are asked for before the host is made, which needs the server's address: until then nobody serves any.
class LateRoutes final : public plugins::RouteTable {
 public:
  std::shared_ptr<plugins::RouteHandler> find(base::Atom storage_key, std::string_view subresource) const override {
    auto* const table = table_.load();
    return table ? table->find(storage_key, subresource) : nullptr;
  }
  std::shared_ptr<plugins::RouteHandler> find_path(std::string_view path) const override {
    auto* const table = table_.load();
    return table ? table->find_path(path) : nullptr;
  }
  std::shared_ptr<const std::vector<plugins::ServedRoute>> served() const override {
    auto* const table = table_.load();
    return table ? table->served() : nullptr;
  }
  std::function<store::ObjectRef(const store::ObjectRef&)> live(base::Atom storage_key) const override {
    auto* const table = table_.load();
    return table ? table->live(storage_key) : nullptr;
  }
  void set(plugins::RouteTable* table) { table_ = table; }

 private:
  std::atomic<plugins::RouteTable*> table_{nullptr};
};

class HostWiring final : public PluginWiring {
 public:
  HostWiring(PluginParts parts, const Settings& settings)
      : parts_(std::move(parts)), settings_(settings) {}
  const plugins::RouteTable* routes() const override { return &routes_; }

  void start(const std::map<std::string, std::string>& facts) override {
    plugins::HostOptions options;
    options.directories = settings_.plugin_dirs;
    options.disabled = settings_.disabled;
    options.data_dir = settings_.data_dir;
    options.config = facts;
    options.plugin_config = settings_.plugin_config;
    options.catch_crashes = true;
    options.plugin_keys = parts_.keys;
    options.ours = bundled_plugins();
    if (settings_.safe_mode) options.essential.emplace(std::begin(kEssentialPlugins), std::end(kEssentialPlugins));
    options.observe_late_ms = kObserveLate_ms;
    options.child_program = "/proc/self/exe";
    auto add_check = [&health = parts_.health](std::string name, std::function<std::string()> check, bool counts) {
      return health.add(std::move(name), std::move(check), counts ? api::HealthChecks::Counts::ready : api::HealthChecks::Counts::told);
    };
    host_ = plugins::make_plugin_host({parts_.store, parts_.verbs, parts_.registry, parts_.chains, parts_.runtime, parts_.metrics, std::move(add_check), parts_.hooks, parts_.pass_on}, std::move(options));
    routes_.set(&host_->routes());
    host_->start();
    load_deadline_ = parts_.runtime.in_ms(kLoadWait_ms);
    started_ = true;
  }

  bool loaded() const override {
    if (!started_) return false;
    if (!loaded_ && (host_->settled() || parts_.runtime.monotonic_ns() > load_deadline_)) loaded_ = true;
    return loaded_;
  }

  void stop(base::Monotonic deadline) override {
    if (host_) host_->stop(deadline);
  }

 private:
  PluginParts parts_;
  const Settings settings_;
  LateRoutes routes_;
  std::unique_ptr<plugins::PluginHost> host_;
  base::Monotonic load_deadline_ = 0;
  std::atomic<bool> started_{false};
  mutable std::atomic<bool> loaded_{false};
};

}  // namespace

std::unique_ptr<PluginWiring> make_plugin_wiring(PluginParts parts, const Settings& settings) { return std::make_unique<HostWiring>(std::move(parts), settings); }

std::shared_ptr<plugins::Hooks> make_plugin_hooks(auth::Chains& chains, base::Metrics& metrics, const std::string& data_dir) { return plugins::make_hooks(chains, metrics, data_dir); }

verbs::AskWebhook ask_plugins_or(std::shared_ptr<plugins::Hooks> hooks, base::Runtime& runtime, verbs::AskWebhook otherwise) {
  return plugins::ask_plugins(std::move(hooks), runtime, std::move(otherwise));
}

void restore_plugin_kinds(kinds::Registry& registry, const std::string& data_dir) { plugins::restore_declared_kinds(registry, data_dir); }

}  // namespace keelson::server
