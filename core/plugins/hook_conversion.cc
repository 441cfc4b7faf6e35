#include "core/plugins/hook_conversion.hpp"

#include <algorithm>
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

/// One question, until it is answered or was asked for long enough.
class Asking : public std::enable_shared_from_this<Asking> {
 public:
  Asking(std::shared_ptr<Hooks> hooks, base::Runtime& runtime, std::string plugin, std::string review, base::Monotonic deadline, Done done)
      : hooks_(std::move(hooks)), runtime_(runtime), plugin_(std::move(plugin)), review_(std::move(review)), until_(std::min(deadline, runtime.in_ms(kSwapWait_ms))), done_(std::move(done)) {}
  void begin() {
    const auto hook = converter(*hooks_, plugin_);
    if (hook && hook->declared().is_inline) return answered(hook, hook->ask(question()));
    look();
  }

 private:
  HookQuestion question() const { return {"conversion", {review_}, {}}; }

  // Never on the thread of a timer, which must not wait: also an inline one is asked on the plugin's workers then.
  void look() {
    const auto hook = converter(*hooks_, plugin_);
    if (!hook) return done_(base::raw_500("there is no plugin " + plugin_ + " that converts"));
    if (!hook->answering() && may_wait(*hook)) return look_again();
    hook->ask_later(question(), [self = shared_from_this(), hook](HookAnswer answer) { self->answered(hook, std::move(answer)); });
  }
  void look_again() {
    runtime_.schedule_at(runtime_.in_ms(kSwapLook_ms), [self = shared_from_this()] { self->look(); });
  }
  void answered(const HookRef& hook, HookAnswer answer) {
    if (answer.status == 503 && may_wait(*hook)) look_again();
    else done_(converted(std::move(answer)));
  }
  bool may_wait(const Hook& hook) const { return !hook.paused() && runtime_.monotonic_ns() < until_; }

  const std::shared_ptr<Hooks> hooks_;
  base::Runtime& runtime_;
  const std::string plugin_, review_;
  const base::Monotonic until_;
  const Done done_;
};

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

verbs::AskWebhook ask_plugins(std::shared_ptr<Hooks> hooks, base::Runtime& runtime, verbs::AskWebhook otherwise) {
  return [hooks = std::move(hooks), &runtime, otherwise = std::move(otherwise)](verbs::ConversionReview review, Done done) {
    const auto plugin = converting_plugin(review.client_config);
    if (plugin.empty()) return otherwise ? otherwise(std::move(review), std::move(done)) : done(base::raw_500("there is no way to it"));
    std::make_shared<Asking>(hooks, runtime, plugin, std::move(review.body), review.deadline, std::move(done))->begin();
  };
}

}  // namespace keelson::plugins
