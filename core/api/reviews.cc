// Reviews: questions about identity and rights, answered at once and never stored.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/api/attributes.hpp"
#include "core/api/core.hpp"
#include "core/api/negotiate.hpp"
#include "core/api/options.hpp"
#include "core/auth/node.hpp"
#include "core/auth/rules.hpp"
#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

const json::object& child(const json::object& object, std::string_view key) {
  static const json::object empty;
  const auto* value = object.if_contains(key);
  return value && value->is_object() ? value->as_object() : empty;
}

std::vector<std::string> texts_of(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  if (const auto* value = object.if_contains(key); value && value->is_array())
    for (const auto& item : value->as_array())
      if (item.is_string()) out.emplace_back(item.as_string());
  return out;
}

json::array array_of(const std::vector<std::string>& values) {
  json::array out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

json::object user_info(const auth::Identity& user) {
  json::object out{{"username", user.name}};
  if (!user.uid.empty()) out["uid"] = user.uid;
  if (!user.groups.empty()) out["groups"] = array_of(user.groups);
  json::object extra;
  for (const auto& [key, values] : user.extra) extra[key] = array_of(values);
  if (!extra.empty()) out["extra"] = std::move(extra);
  return out;
}

/// Of FieldSelectorAttributes what fixes a field: "spec.nodeName=n1".
std::vector<std::string> selected_fields(const json::object& selector) {
  std::vector<std::string> out;
  if (const auto* requirements = selector.if_contains("requirements"); requirements && requirements->is_array())
    for (const auto& one : requirements->get_array()) {
      if (!one.is_object() || text_of(one.get_object(), "operator") != "In") continue;
      if (const auto values = texts_of(one.get_object(), "values"); values.size() == 1) out.push_back(text_of(one.get_object(), "key") + "=" + values.front());
    }
  return out;
}

auth::Attributes attributes_of(const json::object& spec, const auth::Identity& user) {
  auth::Attributes attributes;
  attributes.user = &user;
  const auto& path = child(spec, "nonResourceAttributes");
  const auto& resource = child(spec, "resourceAttributes");
  attributes.resource_request = path.empty();
  attributes.verb = text_of(attributes.resource_request ? resource : path, "verb");
  attributes.path = attributes.resource_request ? auth::selecting(selected_fields(child(resource, "fieldSelector"))) : text_of(path, "path");
  attributes.group = text_of(resource, "group");
  attributes.version = text_of(resource, "version");
  attributes.resource = text_of(resource, "resource");
  attributes.subresource = text_of(resource, "subresource");
  attributes.ns = text_of(resource, "namespace");
  attributes.name = text_of(resource, "name");
  return attributes;
}

json::object access_status(const auth::Chains& chains, const json::object& spec, const auth::Identity& user) {
  const auto verdict = chains.authorize(attributes_of(spec, user));
  json::object status{{"allowed", verdict.decision == auth::Decision::allow}};
  if (verdict.decision == auth::Decision::deny) status["denied"] = true;
  if (!verdict.reason.empty()) status["reason"] = verdict.reason;
  return status;
}

json::object rule_object(const auth::Rules::Rule& rule) {
  json::object out{{"verbs", array_of(rule.verbs)}};
  const auto add = [&](std::string_view name, const std::vector<std::string>& values) {
    if (!values.empty()) out[name] = array_of(values);
  };
  add("apiGroups", rule.groups);
  add("resources", rule.resources);
  add("resourceNames", rule.names);
  add("nonResourceURLs", rule.paths);
  return out;
}

json::object rules_status(const auth::Chains& chains, const auth::Identity& user, const std::string& ns) {
  json::array resources, paths;
  const auto all = auth::all_rules(chains, user, ns);
  for (const auto& rule : all.rules) (rule.paths.empty() ? resources : paths).emplace_back(rule_object(rule));
  json::object status{{"resourceRules", std::move(resources)}, {"nonResourceRules", std::move(paths)}, {"incomplete", all.incomplete}};
  if (!all.why.empty()) status["evaluationError"] = all.why;
  return status;
}

/// Tokens that name no audience are for this server alone (upstream: WrapAudienceAgnosticToken).
std::vector<std::string> granted(const auth::Identity& user, const std::vector<std::string>& wanted, const std::string& own) {
  if (!user.audiences.empty()) return user.audiences;
  const bool ours = wanted.empty() || std::find(wanted.begin(), wanted.end(), own) != wanted.end();
  return ours ? std::vector<std::string>{own} : std::vector<std::string>();
}

json::object token_status(const CallRef& call, const json::object& spec) {
  const auto& parts = call->core.parts;
  auth::Credentials credentials;
  credentials.bearer_token = text_of(spec, "token");
  credentials.audiences = texts_of(spec, "audiences");
  const auto user = parts.chains.authenticate(credentials);
  const bool known = user && user->name != auth::anonymous().name;
  const auto audiences = known ? granted(*user, credentials.audiences, parts.issuer) : std::vector<std::string>();
  if (audiences.empty()) return {{"user", json::object()}, {"error", "[invalid bearer token, token lookup failed]"}};
  return {{"authenticated", true}, {"user", user_info(*user)}, {"audiences", array_of(audiences)}};
}

auth::Identity subject_of(const json::object& spec) {
  auth::Identity user;
  user.name = text_of(spec, "user");
  user.uid = text_of(spec, "uid");
  user.groups = texts_of(spec, "groups");
  for (const auto& [key, value] : child(spec, "extra")) user.extra[std::string(key)] = texts_of(child(spec, "extra"), key);
  return user;
}

struct Review {
  std::string_view group, resource, kind;
  bool self;   // about the caller: any authenticated user may ask
};
constexpr Review kReviews[] = {
    {"authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", true},
    {"authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", true},
    {"authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false},
    {"authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", false},
    {"authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", true},
    {"authentication.k8s.io", "tokenreviews", "TokenReview", false},
};

json::object status_of(const CallRef& call, const Review& review, const json::object& spec) {
  const auto& chains = call->core.parts.chains;
  const auto& user = call->context.user;
  if (review.resource == "selfsubjectaccessreviews") return access_status(chains, spec, user);
  if (review.resource == "selfsubjectrulesreviews") return rules_status(chains, user, text_of(spec, "namespace"));
  if (review.resource == "selfsubjectreviews") return {{"userInfo", user_info(user)}};
  if (review.resource == "tokenreviews") return token_status(call, spec);
  return access_status(chains, spec, subject_of(spec));
}

base::Cause wrong(std::string field, const std::string& value, const std::string& why) { return {"FieldValueInvalid", "Invalid value: " + value + ": " + why, std::move(field)}; }

std::string shown(const json::object& spec, std::string_view member) {
  const auto* value = spec.if_contains(member);
  return value ? json::serialize(*value) : "null";
}

/// A selector is told as text or in parts.
void selector_faults(const json::object& resource, std::vector<base::Cause>& faults) {
  for (const std::string_view name : {"fieldSelector", "labelSelector"}) {
    const auto& selector = child(resource, name);
    const auto raw = text_of(selector, "rawSelector"), field = "spec.resourceAttributes." + std::string(name);
    const auto* parts = selector.if_contains("requirements");
    const bool in_parts = parts && parts->is_array() && !parts->get_array().empty();
    if (!raw.empty() && in_parts) faults.push_back(wrong(field + ".rawSelector", base::quoted(raw), "may not specified at the same time as requirements"));
    if (raw.empty() && !in_parts && resource.contains(name) && resource.at(name).is_object())
      faults.push_back({"FieldValueRequired", "Required value: when " + field + " is specified, requirements or rawSelector is required", field + ".requirements"});
  }
}

/// Who may do what is asked of nothing that has a name (upstream: ValidateSubjectAccessReview and its like).
void metadata_faults(const Review& review, const json::object& metadata, std::vector<base::Cause>& faults) {
  const bool local = review.resource == "localsubjectaccessreviews";
  const bool empty = std::all_of(metadata.begin(), metadata.end(), [&](const auto& member) { return kinds::is_zero(member.value()) || member.key() == "managedFields" || (local && member.key() == "namespace"); });
  if (!empty) faults.push_back(wrong("metadata", json::serialize(metadata), local ? "must be empty except for namespace" : "must be empty"));
}

std::vector<base::Cause> access_faults(const Review& review, const json::object& metadata, const json::object& spec, const std::string& ns) {
  std::vector<base::Cause> faults;
  const bool of_resource = spec.if_contains("resourceAttributes") && !spec.at("resourceAttributes").is_null();
  const bool of_path = spec.if_contains("nonResourceAttributes") && !spec.at("nonResourceAttributes").is_null();
  if (of_resource && of_path) faults.push_back(wrong("spec.nonResourceAttributes", shown(spec, "nonResourceAttributes"), "cannot be specified in combination with resourceAttributes"));
  if (!of_resource && !of_path) faults.push_back(wrong("spec.resourceAttributes", "null", "exactly one of nonResourceAttributes or resourceAttributes must be specified"));
  if (!review.self && text_of(spec, "user").empty() && texts_of(spec, "groups").empty())
    faults.push_back(wrong("spec.user", "\"\"", "at least one of user or group must be specified"));
  if (of_resource) selector_faults(child(spec, "resourceAttributes"), faults);
  metadata_faults(review, metadata, faults);
  if (review.resource != "localsubjectaccessreviews") return faults;
  if (const auto named = text_of(child(spec, "resourceAttributes"), "namespace"); of_resource && named != ns)
    faults.push_back(wrong("spec.resourceAttributes.namespace", base::quoted(named), "must match metadata.namespace"));
  if (of_path) faults.push_back(wrong("spec.nonResourceAttributes", shown(spec, "nonResourceAttributes"), "disallowed on this kind of request"));
  return faults;
}

/// What the review cannot be about.
std::optional<base::Error> complaint(const Review& review, const json::object& metadata, const json::object& spec, const std::string& ns) {
  if (review.resource == "tokenreviews" && text_of(spec, "token").empty()) return base::bad_request("token is required for TokenReview in authentication");
  if (review.resource == "selfsubjectrulesreviews" && text_of(spec, "namespace").empty()) return base::bad_request("no namespace on request");
  if (!review.kind.ends_with("AccessReview")) return std::nullopt;
  auto faults = access_faults(review, metadata, spec, ns);
  if (faults.empty()) return std::nullopt;
  return base::invalid(review.group, review.kind, "", std::move(faults));
}

/// What is asked of whoever asks is answered by an object of its own (upstream: selfsubjectreview's and selfsubjectrulesreview's REST.Create).
json::object metadata_of(const CallRef& call, const Review& review, const json::object& sent) {
  if (review.resource == "selfsubjectreviews") return {{"creationTimestamp", base::rfc3339(call->core.parts.runtime.unix_s())}};
  if (review.resource == "selfsubjectrulesreviews") return {};
  auto out = sent;
  if (!call->info.ns.empty()) out["namespace"] = call->info.ns;
  return out;
}

bool allowed(const CallRef& call, const Review& review) {
  const auto& user = call->context.user;
  if (review.self && user.member_of("system:authenticated")) return true;
  auth::Attributes attributes;
  attributes.user = &user;
  attributes.verb = call->info.verb;
  attributes.group = review.group;
  attributes.version = call->info.version;
  attributes.resource = review.resource;
  attributes.ns = call->info.ns;
  return permitted(*call, attributes);
}

void answer(const CallRef& call, const Review& review) {
  if (!allowed(call, review)) return;
  if (call->info.verb != "create") return call->fail(method_not_routed());
  // An answer without metadata has no form but its own.
  if (const auto form = negotiate(call->request.joined("Accept"), {.transforms = false, .routed = true}); !form) return call->fail(form.error());
  const auto sent = read_body(call->request.header("Content-Type"), call->request.body);
  if (!sent) return call->fail(sent.error());
  const auto options = write_query(call->query, "CreateOptions");
  if (!options) return call->fail(options.error());
  auto body = kinds::decode(kinds::body_kind(review.kind), sent->media, sent->bytes, options->write.validation, {});
  if (!body) return call->fail(body.error());
  call->warnings = std::move(body->warnings);
  const auto& object = body->object.as_object();
  const auto& metadata = child(object, "metadata");
  if (const auto ns = text_of(metadata, "namespace"); !call->info.ns.empty() && !ns.empty() && ns != call->info.ns)
    return call->fail(base::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
  json::object out{{"kind", review.kind}, {"apiVersion", std::string(review.group) + "/" + call->info.version}};
  out["metadata"] = metadata_of(call, review, metadata);
  const auto& spec = child(object, "spec");
  if (const auto wrong = complaint(review, metadata, spec, call->info.ns)) return call->fail(*wrong);
  if (review.resource != "selfsubjectreviews") out["spec"] = review.resource == "selfsubjectrulesreviews" ? json::object() : spec;
  out["status"] = status_of(call, review, spec);
  call->json(201, json::serialize(out) + "\n");
}

}  // namespace

bool answer_review(const CallRef& call) {
  for (const auto& review : kReviews) {
    if (call->info.group != review.group || call->info.resource != review.resource || call->info.version != "v1") continue;
    answer(call, review);
    return true;
  }
  return false;
}

}  // namespace keelson::api
