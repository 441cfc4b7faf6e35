#include "core/verbs/conversion.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"
#include "core/kinds/convert/converter.hpp"
#include "core/kinds/crd/schema_rules.hpp"
#include "core/store/unreadable.hpp"
#include "core/verbs/versions.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kDeclared = "crd:", kByPlugin = "plugin:", kGroupVersion = "apiextensions.k8s.io/";

json::value parsed(std::string_view text) {
  boost::system::error_code fault;
  auto value = base::json_of(text, fault);
  return fault ? json::value() : value;
}

std::string version_of_review(const json::value& webhook) {
  if (const auto* versions = list_at(webhook, {"conversionReviewVersions"}))
    for (const auto& version : *versions)
      if (version == "v1" || version == "v1beta1") return std::string(version.get_string());
  return {};
}

/// As upstream prints a group, version and kind.
std::string shown(const json::value& object) { return std::string(text_at(object, {"apiVersion"})) + ", Kind=" + std::string(text_at(object, {"kind"})); }

base::Error failed(const json::value& object, std::string_view how) { return base::raw_500("conversion webhook for " + shown(object) + " " + std::string(how)); }

/// The converted objects of a review; an error's message says what is wrong with it.
base::Outcome<json::array> read_answer(const std::string& text, const std::string& version, const std::string& uid) {
  auto review = parsed(text);
  const auto wanted = std::string(kGroupVersion) + version + ", Kind=ConversionReview";
  if (version == "v1" && shown(review) != wanted) return base::raw_500("expected webhook response of " + wanted + ", got " + shown(review));
  if (!find(review, {"response"})) return base::raw_500("no response provided");
  const auto answered = text_at(review, {"response", "uid"});
  if (version == "v1" && answered != uid) return base::raw_500("expected response.uid=" + base::quoted(uid) + ", got " + base::quoted(answered));
  const auto status = text_at(review, {"response", "result", "status"}), message = text_at(review, {"response", "result", "message"});
  if (status != "Success") return base::raw_500(message.empty() ? "response.result.status was '" + std::string(status) + "', not 'Success'" : std::string(message));
  return std::move(list_in(object_at(review, {"response"}), "convertedObjects"));
}

std::optional<std::string> difference(const json::value& before, const json::value& after, std::string_view field) {
  const auto was = text_at(before, {"metadata", field}), is = text_at(after, {"metadata", field});
  if (was == is) return std::nullopt;
  return "returned invalid object: must have the same " + std::string(field == "uid" ? "UID" : field) + ": " + std::string(was) + " != " + std::string(is);
}

/// Only labels and annotations are the webhook's to change.
void keep_metadata(const json::value& before, json::value& after) {
  const auto* metadata = find(before, {"metadata"});
  json::value kept = metadata ? *metadata : json::value(json::object());
  for (const std::string_view field : {"labels", "annotations"}) {
    auto& members = object_at(kept, {});
    members.erase(field);
    if (const auto* given = find(after, {"metadata", field})) members[field] = *given;
  }
  object_at(after, {})["metadata"] = std::move(kept);
}

/// Why `after` is not what `before` was converted to.
std::optional<std::string> complaint(const json::value& before, const json::value& after, std::string_view to) {
  const auto version = text_at(after, {"apiVersion"}), was = text_at(before, {"kind"}), is = text_at(after, {"kind"});
  if (version != to) return "returned invalid object at index 0: invalid groupVersion (expected " + std::string(to) + ", received " + std::string(version) + ")";
  if (was != is) return "returned invalid object at index 0: invalid kind (expected " + std::string(was) + ", received " + std::string(is) + ")";
  const auto* metadata = find(after, {"metadata"});
  if (!metadata || !metadata->is_object()) return "returned invalid metadata: invalid metadata";
  for (const std::string_view field : {"name", "namespace", "uid"})
    if (auto differs = difference(before, after, field)) return differs;
  return std::nullopt;
}

}  // namespace

Conversions::DefinitionRef Conversions::definition_of(const kinds::Kind& kind) const {
  if (!kinds::converted_by_webhook(kind)) return nullptr;
  if (kind.declared_by.starts_with(kByPlugin)) return declared_by_plugin(kind);
  if (!kind.declared_by.starts_with(kDeclared)) return nullptr;
  static const base::Atom resource("customresourcedefinitions.apiextensions.k8s.io");
  const auto name = kind.declared_by.substr(kDeclared.size());
  const auto stored = parts_.store.snapshot().get({resource, "", name});
  const std::lock_guard lock(mutex_);
  if (!stored) return definitions_.erase(name), nullptr;
  auto& known = definitions_[name];
  if (!known || known->revision != stored->revision()) {
    auto read = std::make_shared<Definition>();
    read->revision = stored->revision();
    const auto definition = parsed(stored->body());
    if (text_at(definition, {"spec", "conversion", "strategy"}) == "Webhook")
      if (const auto* webhook = find(definition, {"spec", "conversion", "webhook"})) read->webhook = *webhook;
    read->self = std::make_shared<const webhook::Caller>(webhook::Caller{"apiextensions.k8s.io/v1", "CustomResourceDefinition", name, std::string(stored->columns().uid)});
    known = std::move(read);
  }
  return known->webhook.is_null() ? nullptr : known;
}

// What a plugin declares is stored nowhere: the kind itself knows who converts it.
Conversions::DefinitionRef Conversions::declared_by_plugin(const kinds::Kind& kind) const {
  const auto text = kinds::converter_of(kind);
  if (text.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  auto& known = definitions_[kind.declared_by + "/" + std::string(kind.storage_key.text())];
  if (!known || known->text != text) {
    auto read = std::make_shared<Definition>();
    read->text = text;
    read->webhook = parsed(text);
    known = std::move(read);
  }
  return known->webhook.is_null() ? nullptr : known;
}

struct Conversions::Verdict {
  base::Outcome<json::array> objects;
  std::string_view failure = {};
};

Conversions::Verdict Conversions::judge(const json::array& sent, const std::string& to, const std::string& version, const std::string& uid, base::Outcome<std::string> answer) {
  if (!answer) return {failed(sent.front(), "failed: " + answer.error().message), "conversion_webhook_call_failure"};
  auto converted = read_answer(*answer, version, uid);
  if (!converted) return {failed(sent.front(), "failed: " + converted.error().message), "conversion_webhook_malformed_response_failure"};
  if (converted->size() != sent.size())
    return {failed(sent.front(), "returned " + std::to_string(converted->size()) + " objects, expected " + std::to_string(sent.size())), "conversion_webhook_partial_response_failure"};
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (const auto wrong = complaint(sent[i], (*converted)[i], to)) return {failed(sent[i], *wrong), "conversion_webhook_invalid_converted_object_failure"};
    keep_metadata(sent[i], (*converted)[i]);
  }
  return {std::move(converted)};
}

void Conversions::count(base::Monotonic began, std::string_view failure) const {
  static const std::vector<double> kSeconds = {0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 30};
  const base::Labels labels{{"failure_type", std::string(failure)}, {"result", failure.empty() ? "success" : "failure"}};
  parts_.metrics.counter("apiserver_conversion_webhook_request_total", "Reviews that conversion webhooks were asked for.", labels).add();
  parts_.metrics.histogram("apiserver_conversion_webhook_duration_seconds", "How long conversion webhooks took to answer.", kSeconds, labels)
      .observe(static_cast<double>(parts_.runtime.monotonic_ns() - began) / static_cast<double>(base::kNanosPerSecond));
}

void Conversions::ask(const Definition& definition, std::string to, json::array objects, base::Monotonic deadline, std::function<void(base::Outcome<json::array>)> done) const {
  const auto version = version_of_review(definition.webhook);
  if (version.empty()) return done(base::raw_500("no supported conversion review versions"));
  const auto* config = find(definition.webhook, {"clientConfig"});
  if (!config || !ask_webhook_) return done(failed(objects.front(), "failed: there is no way to it"));
  const auto uid = base::uuid_v4(parts_.runtime);
  json::object review{{"kind", "ConversionReview"}, {"apiVersion", std::string(kGroupVersion) + version}};
  review["request"] = json::object{{"uid", uid}, {"desiredAPIVersion", to}, {"objects", objects}};
  auto text = json::serialize(review);
  ask_webhook_({*config, std::move(text), std::min(deadline, parts_.runtime.in_ms(kConversion_ms)), definition.self},
               [this, version, uid, to = std::move(to), sent = std::move(objects), began = parts_.runtime.monotonic_ns(), done = std::move(done)](base::Outcome<std::string> answer) {
    auto verdict = judge(sent, to, version, uid, std::move(answer));
    count(began, verdict.failure);
    done(std::move(verdict.objects));
  });
}

void Conversions::in_form_of(const Core& core, kinds::KindRef to, Objects objects, base::Monotonic deadline, OnConverted done) const {
  const auto definition = definition_of(*to);
  std::vector<std::size_t> asked;
  json::array sent;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (objects[i]->columns().schema_epoch == to->schema_epoch) continue;
    auto value = definition ? parsed(objects[i]->body()) : json::value();
    if (!definition || store::is_unreadable(*objects[i]) || text_at(value, {"apiVersion"}) == to->api_version()) {
      auto formed = verbs::in_form_of(core, *to, std::move(objects[i]));
      if (!formed) return done(formed.error());
      objects[i] = std::move(*formed);
      continue;
    }
    if (objects[i]->revision() == 0) object_at(value, {"metadata"}).erase("resourceVersion");   // it has none yet
    asked.push_back(i);
    sent.push_back(std::move(value));
  }
  if (asked.empty()) return done(std::move(objects));
  ask(*definition, to->api_version(), std::move(sent), deadline,
      [to, objects = std::move(objects), asked = std::move(asked), done = std::move(done)](base::Outcome<json::array> converted) mutable {
    if (!converted) return done(converted.error());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      auto& object = objects[asked[i]];
      auto printed = in_form_of_value(*to, std::move((*converted)[i]), *object);
      if (!printed) return done(printed.error());
      object = std::move(*printed);
    }
    done(std::move(objects));
  });
}

}  // namespace keelson::verbs
