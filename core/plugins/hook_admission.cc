// admission.mutate and admission.validate: hooks of plugins as units of the admission chain.
#include <boost/json.hpp>

#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/kinds/engine.hpp"
#include "core/plugins/hook_fields.hpp"
#include "core/plugins/hooks.hpp"
#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;
using auth::AdmissionRequest;
using Done = std::function<void(base::Outcome<void>)>;

/// Whoever could not pause or delete a broken policy would be locked out by it.
bool always_admitted(const kinds::Kind& kind) { return kind.storage_key.text() == "plugins.keelson.dev"; }

std::string text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// A Status as an error; what is no Status is the reason of a 403.
base::Error refusal(const AdmissionRequest& request, const Hook& hook, const HookAnswer& answer) {
  if (!answer.error_json.empty()) {
    boost::system::error_code failed;
    const auto value = base::json_of(answer.error_json, failed);
    if (!failed && value.is_object()) {
      const auto& status = value.get_object();
      base::Error error;
      const auto* code = status.if_contains("code");
      error.code = code != nullptr && code->is_int64() ? static_cast<int>(code->get_int64()) : 403;
      error.reason = text_member(status, "reason");
      error.message = text_member(status, "message");
      const auto qualified = request.kind->group.empty() ? request.kind->kind : request.kind->kind + "." + request.kind->group;
      if (error.reason == "Invalid" && !error.message.starts_with(qualified + " ")) error.message = qualified + " " + base::quoted(request.name) + " is invalid: " + error.message;
      error.group = request.kind->group;
      error.kind = error.reason == "Invalid" ? request.kind->kind : request.kind->resource;
      error.name = request.name;
      if (const auto* details = status.if_contains("details"); details != nullptr && details->is_object())
        if (const auto* causes = details->get_object().if_contains("causes"); causes != nullptr && causes->is_array())
          for (const auto& cause : causes->get_array())
            if (cause.is_object()) error.causes.push_back({text_member(cause.get_object(), "reason"), text_member(cause.get_object(), "message"), text_member(cause.get_object(), "field")});
      return error;
    }
  }
  const auto why = answer.text.empty() ? std::string() : ": " + answer.text;
  return base::forbidden(request.kind->group, request.kind->resource, request.name.empty() ? "Unknown" : request.name, "plugin \"" + hook.name() + "\" denied the request" + why);
}

/// A mutation changes what an object says, never which object it is.
bool same_identity(const json::value& before, const json::value& after) {
  const auto at = [](const json::value& object, std::string_view name) -> json::value {
    const auto* o = object.if_object();
    const auto* metadata = o != nullptr ? o->if_contains("metadata") : nullptr;
    const auto* found = metadata != nullptr && metadata->is_object() ? metadata->get_object().if_contains(name) : nullptr;
    return found != nullptr ? *found : json::value();
  };
  for (const std::string_view name : {"name", "namespace", "uid", "resourceVersion", "generateName"})
    if (at(before, name) != at(after, name)) return false;
  return true;
}

class HookUnit final : public auth::AdmissionUnit {
 public:
  HookUnit(HookRef hook, base::Metrics& metrics)
      : hook_(std::move(hook)), mutates_(hook_->declared().point == "admission.mutate"),
        failures_(metrics.counter("keelson_hook_failures_total", "Questions that a hook could not answer, by plugin and hook.", {{"plugin", hook_->plugin()}, {"hook", hook_->declared().name}})) {}

  std::string_view name() const override { return hook_->name(); }
  bool reinvoke() const override { return mutates_ && hook_->declared().reinvoke; }
  bool handles(AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    if (always_admitted(kind)) return false;
    for (const auto& rule : hook_->declared().rules)
      if (rule.matches(operation_name(operation), kind.group, kind.resource, subresource)) return true;
    return false;
  }
  void mutate(AdmissionRequest& request, Done done) override { mutates_ ? ask(request, std::move(done)) : done({}); }
  void validate(AdmissionRequest& request, Done done) override { mutates_ ? done({}) : ask(request, std::move(done)); }

 private:
  void ask(AdmissionRequest& request, Done done) {
    HookQuestion question{hook_->declared().point, admission_fields(request), {}};
    if (request.object) question.fields[KEELSON_IN_OBJECT] = json::serialize(*request.object);
    if (hook_->declared().is_inline) return done(take(request, hook_->ask(question)));
    hook_->ask_later(std::move(question), [this, keep = hook_, &request, done = std::move(done)](HookAnswer answer) { done(take(request, std::move(answer))); });
  }

  base::Outcome<void> take(AdmissionRequest& request, HookAnswer answer) {
    if (answer.status != 0) return failed(answer);
    if (answer.decision == KEELSON_DENY) return refusal(request, *hook_, answer);
    if (mutates_ && !answer.body.empty())
      if (auto replaced = replace(request, answer.body); !replaced) return replaced;
    if (request.expectations) request.expectations->insert(request.expectations->end(), answer.reads.begin(), answer.reads.end());
    if (request.warnings) request.warnings->insert(request.warnings->end(), answer.warnings.begin(), answer.warnings.end());
    if (!answer.writes.empty() && !request.additions) return base::bad_request("plugin " + hook_->name() + " adds writes where nothing can be added");
    for (auto& write : answer.writes) request.additions->push_back(std::move(write));
    return {};
  }

  base::Outcome<void> failed(const HookAnswer& answer) {
    failures_.add();
    const auto message = message_of(answer.error_json);
    if (!hook_->declared().fail_closed) {
      base::log_warn("plugins", "hook ignored", {{"hook", hook_->name()}, {"error", message}});
      return {};
    }
    if (answer.status == 503) return base::unavailable(message);
    return base::internal("failed calling hook \"" + hook_->name() + "\": " + message);
  }

  base::Outcome<void> replace(AdmissionRequest& request, const std::string& body) {
    if (!request.object) return base::internal("hook " + hook_->name() + " answered an object for a request without one");
    auto parsed = kinds::parse(kinds::Media::json, body, request.object->storage());
    if (!parsed) return base::internal("hook " + hook_->name() + " answered an unreadable object: " + parsed.error().message);
    const auto& form = request.form ? *request.form : *request.kind;
    auto decoded = kinds::decode_value(form, std::move(*parsed), kinds::FieldValidation::ignore);
    if (!decoded) return base::internal("hook " + hook_->name() + " answered a wrong object: " + decoded.error().message);
    if (!same_identity(*request.object, decoded->object)) return base::internal("hook " + hook_->name() + " changed which object it is");
    kinds::apply_defaults(form, decoded->object);
    if (decoded->object == *request.object) return {};
    *request.object = std::move(decoded->object);
    ++request.changes;
    return {};
  }

  const HookRef hook_;
  const bool mutates_;
  base::Counter& failures_;
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> admission_unit(HookRef hook, base::Metrics& metrics) { return std::make_shared<HookUnit>(std::move(hook), metrics); }

}  // namespace keelson::plugins
