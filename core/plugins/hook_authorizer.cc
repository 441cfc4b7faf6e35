// authorization: the hooks of plugins as one authorizer of the chain.
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
using AskedList = std::vector<std::shared_ptr<Asked>>;

auth::Verdict verdict_of(const Hook& hook, const HookAnswer& answer) {
  if (answer.status != 0) {
    const auto why = "authorizer \"" + hook.name() + "\" failed: " + message_of(answer.error_json);
    return {hook.declared().fail_closed ? auth::Decision::deny : auth::Decision::no_opinion, why};
  }
  const auto decision = answer.decision == KEELSON_ALLOW ? auth::Decision::allow : answer.decision == KEELSON_DENY ? auth::Decision::deny : auth::Decision::no_opinion;
  return {decision, answer.text};
}

class Authorizer final : public HookAuthorizer {
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

  // A hook that stays keeps its answers.
  void set(std::vector<HookRef> hooks) override {
    auto next = std::make_shared<AskedList>();
    for (auto& hook : hooks) {
      std::shared_ptr<Asked> same;
      for (const auto& asked : *std::atomic_load(&hooks_))
        if (asked->hook == hook) same = asked;
      next->push_back(same ? std::move(same) : std::make_shared<Asked>(std::move(hook)));
    }
    std::atomic_store(&hooks_, std::shared_ptr<const AskedList>(std::move(next)));
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
  base::Counter& kept_;
  base::Counter& asked_;
};

}  // namespace

std::shared_ptr<HookAuthorizer> make_hook_authorizer(base::Metrics& metrics) { return std::make_shared<Authorizer>(metrics); }

}  // namespace keelson::plugins
