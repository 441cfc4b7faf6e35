// authorization: the hooks of plugins as one authorizer of the chain.
#include <boost/json.hpp>

#include "core/auth/rules.hpp"
#include "core/base/json_value.hpp"
#include "core/plugins/hook_fields.hpp"
#include "core/plugins/hooks.hpp"
#include "core/plugins/instance.hpp"
#include "core/plugins/verdict_cache.hpp"

namespace keelson::plugins {
namespace {

/// Answers that rest on something that no hook_changed() announces are not kept.
constexpr std::uint64_t kDoNotKeep = KEELSON_HOOK_DO_NOT_KEEP;

struct Asked {
  explicit Asked(HookRef asked) : hook(std::move(asked)) {}
  const HookRef hook;
  VerdictCache cache;
};
using HookList = std::vector<HookRef>;
using AskedList = std::vector<std::shared_ptr<Asked>>;

auth::Verdict verdict_of(const Hook& hook, const HookAnswer& answer) {
  if (answer.status != 0) {
    const auto why = "authorizer \"" + hook.name() + "\" failed: " + message_of(answer.error_json);
    return {hook.declared().fail_closed ? auth::Decision::deny : auth::Decision::no_opinion, why};
  }
  const auto decision = answer.decision == KEELSON_ALLOW ? auth::Decision::allow : answer.decision == KEELSON_DENY ? auth::Decision::deny : auth::Decision::no_opinion;
  return {decision, answer.text};
}

void append_texts(std::vector<std::string>& to, const boost::json::object& rule, std::string_view name) {
  const auto* list = rule.if_contains(name);
  if (list == nullptr || !list->is_array()) return;
  for (const auto& item : list->get_array())
    if (item.is_string()) to.emplace_back(item.get_string());
}

/// `body`: {"rules": [as in a role], "missing": "why there may be more"}
bool read_rules(const std::string& body, auth::Rules& into) {
  boost::system::error_code failed;
  const auto value = base::json_of(body, failed);
  if (failed || !value.is_object()) return false;
  const auto& object = value.get_object();
  if (const auto* rules = object.if_contains("rules"); rules != nullptr && rules->is_array())
    for (const auto& entry : rules->get_array()) {
      if (!entry.is_object()) return false;
      const auto& rule = entry.get_object();
      auto& read = into.rules.emplace_back();
      append_texts(read.verbs, rule, "verbs");
      append_texts(read.groups, rule, "apiGroups");
      append_texts(read.resources, rule, "resources");
      append_texts(read.names, rule, "resourceNames");
      append_texts(read.paths, rule, "nonResourceURLs");
    }
  const auto* missing = object.if_contains("missing");
  if (missing == nullptr || !missing->is_string() || missing->get_string().empty()) return true;
  into.incomplete = true;
  into.why += (into.why.empty() ? "" : ", ") + std::string(missing->get_string());
  return true;
}

class Authorizer final : public HookAuthorizer, public auth::RulesSource {
 public:
  explicit Authorizer(base::Metrics& metrics)
      : kept_(metrics.counter("keelson_authorization_answers_total", "Answers of authorization hooks.", {{"from", "cache"}})),
        asked_(metrics.counter("keelson_authorization_answers_total", "Answers of authorization hooks.", {{"from", "plugin"}})) {}

  auth::Verdict authorize(const auth::Attributes& attributes) override {
    const auto hooks = std::atomic_load(&hooks_);
    std::string reasons;
    for (const auto& asked : *hooks) {
      auto verdict = ask(*asked, attributes);
      if (verdict.decision != auth::Decision::no_opinion) return verdict;
      if (!verdict.reason.empty()) reasons += (reasons.empty() ? "" : "\n") + verdict.reason;
    }
    return {auth::Decision::no_opinion, std::move(reasons)};
  }

  void rules(const auth::Identity& user, const std::string& ns, auth::Rules& into) const override {
    auth::Attributes attributes;
    attributes.user = &user;
    attributes.ns = ns;
    const auto listers = std::atomic_load(&listers_);
    for (const auto& hook : *listers) {
      const auto answer = hook->ask({hook->declared().point, authorization_fields(attributes), {}});
      if (answer.status == 0 && read_rules(answer.body, into)) continue;
      into.incomplete = true;
      into.why += (into.why.empty() ? "" : ", ") + (answer.status == 0 ? hook->name() + " answered no rules" : message_of(answer.error_json));
    }
  }

  // A hook that stays keeps its answers.
  void set(std::vector<HookRef> hooks) override {
    auto next = std::make_shared<AskedList>();
    auto listers = std::make_shared<HookList>();
    const auto before = std::atomic_load(&hooks_);
    for (auto& hook : hooks) {
      if (hook->declared().point == "authorization.rules") {
        listers->push_back(std::move(hook));
        continue;
      }
      std::shared_ptr<Asked> same;
      for (const auto& asked : *before)
        if (asked->hook == hook) same = asked;
      next->push_back(same ? std::move(same) : std::make_shared<Asked>(std::move(hook)));
    }
    std::atomic_store(&hooks_, std::shared_ptr<const AskedList>(std::move(next)));
    std::atomic_store(&listers_, std::shared_ptr<const HookList>(std::move(listers)));
  }

 private:
  auth::Verdict ask(Asked& asked, const auth::Attributes& attributes) {
    const auto& hook = *asked.hook;
    if (!hook.answering()) return verdict_of(hook, hook.absent());   // what it once said does not outlive it
    const auto generation = hook.generation();
    if (auto kept = asked.cache.find(attributes, generation)) {
      kept_.add();
      return std::move(*kept);
    }
    asked_.add();
    const auto answer = hook.ask({hook.declared().point, authorization_fields(attributes), {}});
    auto verdict = verdict_of(hook, answer);
    if (answer.status == 0 && (answer.independent & kDoNotKeep) == 0) asked.cache.keep(attributes, answer.independent, generation, verdict);
    return verdict;
  }

  std::shared_ptr<const AskedList> hooks_ = std::make_shared<const AskedList>();
  std::shared_ptr<const HookList> listers_ = std::make_shared<const HookList>();
  base::Counter& kept_;
  base::Counter& asked_;
};

}  // namespace

std::shared_ptr<HookAuthorizer> make_hook_authorizer(base::Metrics& metrics) { return std::make_shared<Authorizer>(metrics); }

}  // namespace keelson::plugins
