#include "core/admission/webhooks.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <mutex>
#include <set>

#include "core/admission/webhook_call.hpp"
#include "core/base/json_text.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::admission {
namespace {

using Done = std::function<void(base::Outcome<void>)>;

void take_answer(AdmissionRequest& request, ReviewAnswer& answer) {
  if (request.warnings) request.warnings->insert(request.warnings->end(), answer.warnings.begin(), answer.warnings.end());
  if (request.annotations) request.annotations->insert(request.annotations->end(), answer.annotations.begin(), answer.annotations.end());
}

base::Error out_of_time() { return base::timeout("Timeout: request did not complete within requested timeout"); }

class Unit : public auth::AdmissionUnit {
 public:
  Unit(const WebhookParts& parts, std::string_view resource, std::string type) : caller_(parts, std::move(type)), source_(resource) {}
  bool handles(AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return !exempt(kind); }
  bool reads_objects(const AdmissionRequest& request) override {
    const auto webhooks = source_.of(request.snapshot);
    return webhooks && std::ranges::any_of(*webhooks, [&](const auto& webhook) { return webhook->matcher.wants(request, *caller_.parts().registry.current()); });
  }
  bool rests_on(const AdmissionRequest& request, auth::Grounds&) override {
    const auto webhooks = source_.of(request.snapshot);
    return !webhooks || std::ranges::none_of(*webhooks, [&](const auto& webhook) { return webhook->matcher.may_match(request, *caller_.parts().registry.current()); });
  }
  bool passes(const AdmissionRequest& request) override { return !reads_objects(request); }

 protected:
  const WebhookCaller caller_;
  WebhookSource source_;
};

// --- mutating ----------------------------------------------------------------------------------------------------------

/// What is known of a request between the two turns of its webhooks.
struct Turns {
  std::set<std::string> invoked, wanted_again;   // of those with reinvocationPolicy IfNeeded
  json::value last;                              // the object after the first turn
  bool second = false;
};

/// One turn: all webhooks that want the request, one after another.
class MutatingTurn : public std::enable_shared_from_this<MutatingTurn> {
 public:
  MutatingTurn(const WebhookCaller& caller, WebhookSource::List webhooks, AdmissionRequest& request, std::shared_ptr<Turns> turns, Done done)
      : caller_(caller), webhooks_(std::move(webhooks)), request_(request), turns_(std::move(turns)), done_(std::move(done)) {}

  void next() {
    while (at_ < webhooks_->size()) {
      const auto& webhook = (*webhooks_)[at_++];
      if (turns_->second && !turns_->wanted_again.contains(webhook->id())) continue;
      auto kind = caller_.wanted(*webhook, request_);
      if (!kind) return done_(kind.error());
      if (!*kind) continue;
      return caller_.ask(webhook, request_, **kind, [self = shared_from_this(), webhook, kind = *kind](base::Outcome<ReviewAnswer> answer) {
        self->answered(*webhook, *kind, std::move(answer));
      });
    }
    finish();
  }

 private:
  void answered(const Webhook& webhook, const kinds::Kind& as, base::Outcome<ReviewAnswer> answer) {
    if (!answer) return done_(answer.error());
    take_answer(request_, *answer);
    const auto before = request_.changes;
    if (answer->patch)
      if (auto applied = apply(webhook, as, *answer->patch); !applied) {
        caller_.observe_internal_error(webhook, request_);
        return done_(applied.error());
      }
    const bool changed = request_.changes != before;
    note(webhook, changed, answer->patch);
    if (changed) turns_->wanted_again = turns_->invoked;
    if (webhook.reinvoked) turns_->invoked.insert(webhook.id());
    next();
  }

  void note(const Webhook& webhook, bool changed, const std::optional<json::value>& patch) {
    if (!request_.annotations) return;
    const auto place = "round_" + std::to_string(turns_->second ? 1 : 0) + "_index_" + std::to_string(at_ - 1);
    json::object text{{"configuration", webhook.configuration}, {"webhook", webhook.name}, {"mutated", changed}};
    request_.annotations->emplace_back("mutation.webhook.admission.k8s.io/" + place, json::serialize(text));
    if (!changed || !patch) return;
    text.erase("mutated");
    text["patch"] = *patch;
    text["patchType"] = "JSONPatch";
    request_.annotations->emplace_back("patch.webhook.admission.k8s.io/" + place, json::serialize(text));
  }

  /// The object as patched in the webhook's version, in the form in which it is stored.
  base::Outcome<void> apply(const Webhook& webhook, const kinds::Kind& as, const json::value& patch) {
    if (!request_.object) return base::internal("admission webhook " + base::quoted(webhook.name) + " attempted to modify the object, which is not supported for this operation");
    const auto memory = request_.object->storage();
    const auto& stored = stored_kind();
    auto patched = kinds::patch(form_of(request_, as), kinds::PatchType::json, shown(request_, as, *request_.object), patch, memory);
    if (!patched) return base::internal(patched.error().message);
    auto decoded = kinds::decode_value(stored, in_form_of(stored, *patched), kinds::FieldValidation::ignore);
    if (!decoded) return base::internal(decoded.error().message);
    kinds::apply_defaults(stored, decoded->object);
    for (const std::string_view field : {"namespace", "uid", "resourceVersion", "creationTimestamp"})
      if (text_at(*request_.object, {"metadata", field}) != text_at(decoded->object, {"metadata", field}))
        return base::internal("admission webhook " + base::quoted(webhook.name) + " attempted to change metadata." + std::string(field));
    if (decoded->object == *request_.object) return {};
    *request_.object = json::value(std::move(decoded->object), memory);
    ++request_.changes;
    return {};
  }

  const kinds::Kind& stored_kind() {
    stored_ = caller_.parts().registry.current()->by_storage_key(request_.kind->storage_key);
    return form_of(request_, stored_ ? *stored_ : *request_.kind);
  }

  void finish() {
    if (!turns_->second && !turns_->invoked.empty()) {
      turns_->last = request_.object ? json::value(*request_.object, {}) : json::value();
      request_.again = true;
    }
    done_({});
  }

  const WebhookCaller& caller_;
  const WebhookSource::List webhooks_;
  AdmissionRequest& request_;
  const std::shared_ptr<Turns> turns_;
  Done done_;
  std::size_t at_ = 0;
  kinds::KindRef stored_;
};

class MutatingWebhooks final : public Unit {
 public:
  explicit MutatingWebhooks(const WebhookParts& parts) : Unit(parts, "mutatingwebhookconfigurations.admissionregistration.k8s.io", "admit") {}
  std::string_view name() const override { return "MutatingAdmissionWebhook"; }
  bool reinvoke() const override { return true; }
  void mutate(AdmissionRequest& request, Done done) override {
    if (request.spec_is_known) return done({});
    auto webhooks = source_.of(request.snapshot);
    if (!webhooks || webhooks->empty()) return done({});
    auto turns = std::make_shared<Turns>();
    if (auto& remembered = request.remembered[this]) {
      turns = std::static_pointer_cast<Turns>(remembered);
      turns->second = true;
      // What others have changed since asks for all of them.
      if (request.object && turns->last != *request.object) turns->wanted_again = turns->invoked;
      if (turns->wanted_again.empty()) return done({});
    } else {
      remembered = turns;
    }
    std::make_shared<MutatingTurn>(caller_, std::move(webhooks), request, std::move(turns), std::move(done))->next();
  }
};

// --- validating --------------------------------------------------------------------------------------------------------

/// All answers to one request.
struct Verdicts {
  Verdicts(AdmissionRequest& request, std::size_t open, Done done) : request(request), answers(open), open(open), done(std::move(done)) {}
  void take(std::size_t at, base::Outcome<ReviewAnswer> answer) {
    {
      const std::lock_guard lock(mutex);
      answers[at].emplace(std::move(answer));
      if (--open > 0) return;
    }
    for (auto& one : answers)
      if (!*one) return done(one->error());
    for (auto& one : answers) take_answer(request, **one);
    done({});
  }
  AdmissionRequest& request;
  std::mutex mutex;   // guards the next two until nothing is open
  std::vector<std::optional<base::Outcome<ReviewAnswer>>> answers;
  std::size_t open;
  const Done done;
};

class ValidatingWebhooks final : public Unit {
 public:
  explicit ValidatingWebhooks(const WebhookParts& parts) : Unit(parts, "validatingwebhookconfigurations.admissionregistration.k8s.io", "validating") {}
  std::string_view name() const override { return "ValidatingAdmissionWebhook"; }
  void validate(AdmissionRequest& request, Done done) override {
    if (request.spec_is_known) return done({});
    const auto webhooks = source_.of(request.snapshot);
    if (!webhooks || webhooks->empty()) return done({});
    std::vector<std::pair<WebhookRef, kinds::KindRef>> relevant;
    for (const auto& webhook : *webhooks) {
      auto kind = caller_.wanted(*webhook, request);
      if (!kind) return done(kind.error());
      if (*kind) relevant.emplace_back(webhook, *kind);
    }
    if (relevant.empty()) return done({});
    if (caller_.parts().runtime.monotonic_ns() >= request.deadline) return done(out_of_time());
    const auto verdicts = std::make_shared<Verdicts>(request, relevant.size(), std::move(done));
    for (std::size_t i = 0; i < relevant.size(); ++i)
      caller_.ask(relevant[i].first, request, *relevant[i].second, [verdicts, i](base::Outcome<ReviewAnswer> answer) { verdicts->take(i, std::move(answer)); });
  }
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> mutating_webhooks(const WebhookParts& parts) { return std::make_shared<MutatingWebhooks>(parts); }
std::shared_ptr<auth::AdmissionUnit> validating_webhooks(const WebhookParts& parts) { return std::make_shared<ValidatingWebhooks>(parts); }

}  // namespace keelson::admission
