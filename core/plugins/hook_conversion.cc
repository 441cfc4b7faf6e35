#include "core/plugins/hook_conversion.hpp"

#include <boost/json.hpp>

#include "core/plugins/hooks.hpp"
#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

constexpr std::string_view kScheme = "https://", kHost = ".plugins.keelson.dev";
using Done = std::function<void(base::Outcome<std::string>)>;

HookRef converter(const Hooks& hooks, const std::string& plugin) {
  for (auto& hook : hooks.at("conversion"))
    if (hook->plugin() == plugin) return hook;
  return nullptr;
}

base::Outcome<std::string> converted(HookAnswer answer) {
  if (answer.status != 0) return base::raw_500(message_of(answer.error_json));
  if (answer.decision == KEELSON_DENY) return base::raw_500(answer.text.empty() ? message_of(answer.error_json) : answer.text);
  return std::move(answer.body);
}

void ask(const HookRef& hook, std::string review, Done done) {
  HookQuestion question{"conversion", {std::move(review)}, {}};
  if (hook->declared().is_inline) return done(converted(hook->ask(question)));
  hook->ask_later(std::move(question), [done = std::move(done)](HookAnswer answer) { done(converted(std::move(answer))); });
}

}  // namespace

std::string converting_plugin(const boost::json::value& client_config) {
  const auto* config = client_config.if_object();
  const auto* url = config ? config->if_contains("url") : nullptr;
  if (!url || !url->is_string()) return {};
  std::string_view host(url->get_string().data(), url->get_string().size());
  if (!host.starts_with(kScheme)) return {};
  host = host.substr(kScheme.size());
  host = host.substr(0, host.find_first_of("/?#:"));
  if (!host.ends_with(kHost)) return {};
  return std::string(host.substr(0, host.size() - kHost.size()));
}

verbs::AskWebhook ask_plugins(std::shared_ptr<Hooks> hooks, verbs::AskWebhook otherwise) {
  return [hooks = std::move(hooks), otherwise = std::move(otherwise)](const boost::json::value& config, std::string body, base::Monotonic deadline, Done done) {
    const auto plugin = converting_plugin(config);
    if (plugin.empty()) return otherwise ? otherwise(config, std::move(body), deadline, std::move(done)) : done(base::raw_500("there is no way to it"));
    const auto hook = converter(*hooks, plugin);
    if (!hook) return done(base::raw_500("there is no plugin " + plugin + " that converts"));
    ask(hook, std::move(body), std::move(done));
  };
}

}  // namespace keelson::plugins
