#include "core/admission/webhook_call.hpp"

#include <algorithm>
#include <atomic>

#include "core/base/json_text.hpp"
#include "core/base/log.hpp"
#include "core/webhook/client_config.hpp"

namespace keelson::admission {
namespace {

constexpr int kCodeMax = 600;   // as upstream: metrics stay bounded
const std::vector<double> kSeconds = {0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10, 25};

WebhookOutcome failed(const std::string& webhook, const std::string& why, int code) {
  WebhookOutcome out;
  out.kind = WebhookOutcome::Kind::failed;
  out.error = base::internal("failed calling webhook " + base::quoted(webhook) + ": " + why);
  out.code = code;
  return out;
}

/// As messages and the webhook itself see the time it has, in whole seconds.
std::string with_timeout(const std::string& path, std::int64_t left_ns) {
  const auto seconds = std::max<std::int64_t>(1, (left_ns + base::kNanosPerSecond - 1) / base::kNanosPerSecond);
  return path + (path.find('?') == std::string::npos ? "?" : "&") + "timeout=" + std::to_string(seconds) + "s";
}

/// What a clientConfig would be called by, for messages about one that leads nowhere.
std::string shown_url(const json::value& config) {
  if (const auto url = text_at(config, {"url"}); !url.empty()) return std::string(url);
  const auto port = integer_at(config, {"service", "port"}, 443);
  return "https://" + std::string(text_at(config, {"service", "name"})) + "." + std::string(text_at(config, {"service", "namespace"})) + ".svc:" + std::to_string(port) +
         std::string(text_at(config, {"service", "path"}));
}

}  // namespace

// --- configurations ----------------------------------------------------------------------------------------------------

std::vector<WebhookRef> WebhookSource::compile(const store::Object& configuration) {
  std::vector<WebhookRef> out;
  const auto body = body_of(configuration);
  const auto caller = std::make_shared<const webhook::Caller>(
      webhook::Caller{std::string(text_at(body, {"apiVersion"})), std::string(text_at(body, {"kind"})), configuration.key().name, std::string(configuration.columns().uid)});
  const auto* list = list_at(body, {"webhooks"});
  if (!list) return out;
  for (const auto& entry : *list) {
    auto webhook = std::make_shared<Webhook>();
    webhook->name = text_at(entry, {"name"});
    webhook->configuration = configuration.key().name;
    webhook->caller = caller;
    if (const auto* config = find(entry, {"clientConfig"})) webhook->client_config = *config;
    webhook->matcher = Matcher::of_webhook(entry);
    webhook->conditions = compiled_conditions(entry);
    webhook->versions = texts_at(entry, {"admissionReviewVersions"});
    webhook->timeout_s = integer_at(entry, {"timeoutSeconds"}, kWebhookTimeoutDefault_s);
    webhook->ignores_failure = text_at(entry, {"failurePolicy"}) == "Ignore";
    const auto effects = text_at(entry, {"sideEffects"});
    webhook->dry_run = effects == "None" || effects == "NoneOnDryRun";
    webhook->reinvoked = text_at(entry, {"reinvocationPolicy"}) == "IfNeeded";
    out.push_back(std::move(webhook));
  }
  return out;
}

WebhookSource::List WebhookSource::of(const store::Snapshot& snapshot) {
  if (snapshot.count(resource_) == 0) return nullptr;
  const auto known = std::atomic_load(&compiled_);
  std::vector<store::ObjectRef> sources;
  snapshot.scan(resource_, "", nullptr, [&](const store::ObjectRef& object) {
    sources.push_back(object);
    return true;
  });
  if (known && known->sources == sources) return known->webhooks;
  std::vector<WebhookRef> webhooks;
  for (const auto& source : sources)
    for (auto& webhook : compile(*source)) webhooks.push_back(std::move(webhook));
  auto fresh = std::make_shared<const Compiled>(Compiled{std::move(sources), std::make_shared<const std::vector<WebhookRef>>(std::move(webhooks))});
  std::atomic_store(&compiled_, fresh);
  return fresh->webhooks;
}

// --- one question ------------------------------------------------------------------------------------------------------

/// What is needed once the answer is there; the request may be gone then only after `done`.
struct WebhookCaller::Question {
  WebhookRef webhook;
  AdmissionRequest* request = nullptr;
  std::string version, uid;
  base::Monotonic began = 0;
  std::function<void(base::Outcome<ReviewAnswer>)> done;
};

base::Outcome<kinds::KindRef> WebhookCaller::wanted(const Webhook& webhook, AdmissionRequest& request) const {
  auto kind = webhook.matcher.match(request, *parts_.registry.current());
  if (!kind || !*kind || webhook.conditions.empty()) return kind;
  Inputs inputs(request, **kind, parts_.chains);
  const auto conditions = check_conditions(webhook.conditions, inputs);
  const base::Labels labels{{"name", webhook.name}, {"kind", "webhook"}, {"type", type_}, {"operation", std::string(operation_name(request.operation))}};
  if (!conditions.holds) {
    parts_.metrics.counter("apiserver_admission_match_condition_exclusions_total", "Requests that match conditions kept from a webhook or policy.", labels).add();
    return kinds::KindRef();
  }
  if (conditions.error.empty()) return kind;
  parts_.metrics.counter("apiserver_admission_match_condition_evaluation_errors_total", "Match conditions that could not be evaluated.", labels).add();
  if (webhook.ignores_failure) return kinds::KindRef();
  return base::forbidden(request.kind->group, request.kind->resource, request.name, conditions.error);
}

void WebhookCaller::ask(const WebhookRef& webhook, AdmissionRequest& request, const kinds::Kind& as, std::function<void(base::Outcome<ReviewAnswer>)> done) const {
  auto question = std::make_shared<Question>(Question{webhook, &request, {}, {}, parts_.runtime.monotonic_ns(), std::move(done)});
  if (request.dry_run && !webhook->dry_run) {
    WebhookOutcome refused;
    refused.kind = WebhookOutcome::Kind::refused;
    refused.error = base::bad_request("admission webhook " + base::quoted(webhook->name) + " does not support dry run");
    return conclude(*question, std::move(refused));
  }
  auto call = prepared(*question, request, as);
  if (!call) return conclude(*question, failed(webhook->name, call.error().message, call.error().code));
  parts_.client->post(std::move(*call), [this, question](base::Outcome<webhook::Answer> answer) { conclude(*question, read(*question, std::move(answer))); });
}

base::Outcome<webhook::Call> WebhookCaller::prepared(Question& question, const AdmissionRequest& request, const kinds::Kind& as) const {
  const auto& webhook = *question.webhook;
  question.version = review_version(webhook.versions);
  if (question.version.empty()) {
    auto error = base::bad_request("could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)");
    return error;
  }
  question.uid = base::uuid_v4(parts_.runtime);
  webhook::Call call;
  call.deadline = std::min(request.deadline, parts_.runtime.in_ms(webhook.timeout_s * 1000));
  const auto left = call.deadline - parts_.runtime.monotonic_ns();
  auto endpoint = webhook::endpoint_of(webhook.client_config, request.snapshot, parts_.runtime.random_u64());
  if (!endpoint) return base::raw_500("failed to call webhook: Post " + base::quoted(with_timeout(shown_url(webhook.client_config), left)) + ": " + endpoint.error().message);
  if (!parts_.client) return base::raw_500("failed to call webhook: there is no network here");
  call.endpoint = std::move(*endpoint);
  call.endpoint.path = with_timeout(call.endpoint.path, left);
  call.body = review_text(request, as, question.version, question.uid);
  call.caller = webhook.caller;
  return call;
}

WebhookOutcome WebhookCaller::read(const Question& question, base::Outcome<webhook::Answer> answer) const {
  constexpr int kUnavailable = 503;
  const auto& name = question.webhook->name;
  if (!answer) {
    auto out = failed(name, "failed to call webhook: " + answer.error().message, kUnavailable);
    out.asked = answer.error().reason != webhook::kPaused;
    return out;
  }
  if (answer->status != 200) return failed(name, "failed to call webhook: " + webhook::status_text(answer->status), answer->status);
  auto review = read_review(answer->body, question.version, question.uid, type_ == "admit");
  if (!review) return failed(name, review.error().message, kUnavailable);
  WebhookOutcome out;
  out.answer = std::move(*review);
  if (out.answer.allowed) return out;
  out.kind = WebhookOutcome::Kind::rejected;
  out.error = rejection(*question.request, name, out.answer.status);
  out.code = out.error.code;
  return out;
}

void WebhookCaller::conclude(const Question& question, WebhookOutcome outcome) const {
  using Kind = WebhookOutcome::Kind;
  const auto& webhook = *question.webhook;
  const bool ignored = outcome.kind == Kind::failed && webhook.ignores_failure;
  count(question, outcome, ignored);
  if (outcome.kind == Kind::allowed) {
    for (auto& [key, value] : outcome.answer.annotations) key = webhook.name + "/" + key;
    return question.done(std::move(outcome.answer));
  }
  if (outcome.kind == Kind::failed && outcome.asked) base::log_warn("admission", ignored ? "webhook failed, ignored" : "webhook failed", {{"webhook", webhook.name}, {"what", outcome.error.message}});
  if (!ignored) return question.done(std::move(outcome.error));
  if (parts_.runtime.monotonic_ns() >= question.request->deadline) return question.done(base::timeout("Timeout: request did not complete within requested timeout"));
  question.done(ReviewAnswer{});
}

void WebhookCaller::count_rejection(const std::string& name, std::string_view operation, const std::string& error_type, int code) const {
  parts_.metrics
      .counter("apiserver_admission_webhook_rejection_count", "Requests that a webhook refused, or that were refused because of it.",
               {{"name", name}, {"type", type_}, {"operation", std::string(operation)}, {"error_type", error_type}, {"rejection_code", std::to_string(std::min(code, kCodeMax))}})
      .add();
}

void WebhookCaller::observe_internal_error(const Webhook& webhook, const AdmissionRequest& request) const {
  count_rejection(webhook.name, operation_name(request.operation), "apiserver_internal_error", 0);
}

void WebhookCaller::count(const Question& question, const WebhookOutcome& outcome, bool ignored) const {
  using Kind = WebhookOutcome::Kind;
  auto& metrics = parts_.metrics;
  const auto& name = question.webhook->name;
  const auto operation = operation_name(question.request->operation);
  const std::string rejected = outcome.kind != Kind::allowed && !ignored ? "true" : "false";
  base::Labels labels{{"name", name}, {"type", type_}, {"operation", std::string(operation)}, {"rejected", rejected}};
  metrics.histogram("apiserver_admission_webhook_admission_duration_seconds", "How long webhooks took to answer.", kSeconds, labels)
      .observe(static_cast<double>(parts_.runtime.monotonic_ns() - question.began) / static_cast<double>(base::kNanosPerSecond));
  labels["code"] = std::to_string(std::min(outcome.code, kCodeMax));
  metrics.counter("apiserver_admission_webhook_request_total", "Questions to webhooks.", labels).add();
  if (ignored) metrics.counter("apiserver_admission_webhook_fail_open_count", "Webhooks that failed and were ignored.", {{"name", name}, {"type", type_}}).add();
  else if (outcome.kind == Kind::rejected) count_rejection(name, operation, "no_error", outcome.code);
  else if (outcome.kind == Kind::failed) count_rejection(name, operation, "calling_webhook_error", outcome.code);
  else if (outcome.kind == Kind::refused) count_rejection(name, operation, "apiserver_internal_error", 0);
}

}  // namespace keelson::admission
