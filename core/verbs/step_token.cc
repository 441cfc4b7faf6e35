#include "core/verbs/step_token.hpp"

#include "core/auth/jwt.hpp"
#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"
#include "core/kinds/body_kinds.hpp"

namespace keelson::verbs {
namespace {

const kinds::Kind& token_kind() { return kinds::body_kind("TokenRequest"); }

base::Outcome<std::int64_t> lifetime_of(const json::value& request) {
  const auto seconds = integer_at(request, {"spec", "expirationSeconds"}, kTokenLifetimeDefault_s);
  std::string_view why;
  if (seconds < kTokenLifetimeMin_s) why = "may not specify a duration less than 10 minutes";
  if (seconds > kTokenLifetimeMax_s) why = "may not specify a duration larger than 2^32 seconds";
  if (!why.empty()) return base::invalid("authentication.k8s.io", "TokenRequest", "", {invalid_value("spec.expirationSeconds", std::to_string(seconds), why)});
  return seconds;
}

base::Error another_uid(std::string_view kind, const std::string& name, const std::string& uid) {
  return base::conflict("", kind, name, "the UID in the bound object reference (" + uid + ") does not match the UID in record. The object might have been deleted and then recreated");
}

}  // namespace

base::Outcome<store::ObjectRef> TokenRun::bound(std::string_view kind, const store::Key& key, const std::string& uid) const {
  auto object = in_.view.get(key);
  if (!object) return base::not_found("", key.resource.text(), key.name);
  if (!uid.empty() && object->columns().uid != uid) return another_uid(kind, key.name, uid);
  return object;
}

base::Outcome<void> TokenRun::bind_pod(const store::ObjectRef& pod, auth::TokenIssuer::Claims& claims) const {
  auto value = kinds::parse(kinds::Media::json, pod->body(), in_.memory);
  if (!value) return value.error();
  if (text_at(*value, {"spec", "serviceAccountName"}) != claims.service_account)
    return base::bad_request("cannot bind token for serviceaccount \"" + claims.service_account + "\" to pod running with different serviceaccount name.");
  claims.pod = pod->key().name;
  claims.pod_uid = pod->columns().uid;
  claims.node = text_at(*value, {"spec", "nodeName"});
  if (const auto node = in_.view.get({store::Atom("nodes"), "", claims.node})) claims.node_uid = node->columns().uid;
  return {};
}

base::Outcome<void> TokenRun::bind(const json::value& request, auth::TokenIssuer::Claims& claims) const {
  const auto* reference = find(request, {"spec", "boundObjectRef"});
  if (!reference || !reference->is_object()) return {};
  const std::string kind(text_at(*reference, {"kind"})), name(text_at(*reference, {"name"})), uid(text_at(*reference, {"uid"}));
  const bool known = kind == "Pod" || kind == "Node" || kind == "Secret";
  if (!known) return base::bad_request("cannot bind token to object of type " + kind);
  const auto resource = store::Atom(kind == "Pod" ? "pods" : kind == "Node" ? "nodes" : "secrets");
  auto object = bound(kind, {resource, kind == "Node" ? std::string() : claims.ns, name}, uid);
  if (!object) return object.error();
  if (kind == "Pod") return bind_pod(*object, claims);
  (kind == "Node" ? claims.node : claims.secret) = name;
  (kind == "Node" ? claims.node_uid : claims.secret_uid) = (*object)->columns().uid;
  return {};
}

base::Outcome<json::value> TokenRun::wanted() {
  const auto& body = in_.step.body;
  auto decoded = body.bytes.empty() ? kinds::decode_value(token_kind(), json::value(json::object(in_.memory)), in_.step.options.validation)
                                    : kinds::decode(token_kind(), body.media, body.bytes, in_.step.options.validation, in_.memory);
  if (!decoded) return decoded.error();
  warnings = std::move(decoded->warnings);
  return std::move(decoded->object);
}

base::Outcome<void> TokenRun::check_request_name(const json::value& request) const {
  const std::string name(text_at(request, {"metadata", "name"})), ns(text_at(request, {"metadata", "namespace"}));
  std::vector<base::Cause> causes;
  if (!name.empty() && name != target().name) causes.push_back(invalid_value("metadata.name", base::quoted(name), "must match the service account name if specified"));
  if (!ns.empty() && ns != target().ns) causes.push_back(invalid_value("metadata.namespace", base::quoted(ns), "must match the service account namespace if specified"));
  if (!causes.empty()) return base::invalid("authentication.k8s.io", "TokenRequest", name, std::move(causes));
  return {};
}

base::Outcome<StepRun::Next> TokenRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), "create", in_.authorize); !allowed) return allowed.error();
  if (!in_.core.parts.tokens) return base::no_such_resource();
  auto request = wanted();
  if (!request) return request.error();
  if (auto named = check_request_name(*request); !named) return named.error();
  object_at(*request, {"metadata"})["namespace"] = target().ns;
  asked_.emplace(std::move(*request));
  set_request(auth::AdmissionRequest::Operation::create);
  request_.form = &token_kind();
  request_.object = &*asked_;
  return Next::admit;
}

// What admission has made of the request counts; who may only refuse sees it as it is granted, but for the token.
base::Outcome<void> TokenRun::settle() {
  if (auto named = check_request_name(*asked_); !named) return named;
  account_ = in_.view.get(key_of(target()));
  if (!account_) return not_found(target());
  // upstream: TokenRequestServiceAccountUIDValidation
  if (const std::string uid(text_at(*asked_, {"metadata", "uid"})), own(account_->columns().uid); !uid.empty() && uid != own)
    return base::conflict("authentication.k8s.io", "TokenRequest", target().name, "the UID in the token request (" + uid + ") does not match the UID of the service account (" + own + ")");
  auto lifetime = lifetime_of(*asked_);
  if (!lifetime) return lifetime.error();
  claims_.lifetime_s = *lifetime;
  auto& metadata = object_at(*asked_, {"metadata"});
  metadata["name"] = target().name;
  metadata["namespace"] = target().ns;
  metadata["uid"] = account_->columns().uid;
  metadata["creationTimestamp"] = base::rfc3339(in_.core.parts.runtime.unix_s());
  auto& spec = object_at(*asked_, {"spec"});
  spec["expirationSeconds"] = *lifetime;
  if (auto& audiences = list_in(spec, "audiences"); audiences.empty()) audiences.emplace_back(in_.core.parts.tokens->audience());
  asked_->get_object().erase("status");
  return {};
}

void TokenRun::forget_documents() {
  asked_.reset();
  StepRun::forget_documents();
}

base::Outcome<void> TokenRun::finish() {
  claims_.ns = target().ns;
  claims_.service_account = target().name;
  claims_.service_account_uid = account_->columns().uid;
  if (const auto* audiences = list_at(*asked_, {"spec", "audiences"}))
    for (const auto& audience : *audiences)
      if (const auto* text = audience.if_string()) claims_.audiences.emplace_back(*text);
  if (auto bound = bind(*asked_, claims_); !bound) return bound;
  respond(std::move(*asked_), claims_, *account_);
  return {};
}

void TokenRun::respond(json::value request, const auth::TokenIssuer::Claims& claims, const store::Object& account) {
  const auto token = in_.core.parts.tokens->issue(claims);
  auto& fields = request.get_object();
  fields["kind"] = "TokenRequest";
  fields["apiVersion"] = "authentication.k8s.io/v1";
  auto& status = object_at(request, {"status"});
  status["token"] = token.text;
  status["expirationTimestamp"] = base::rfc3339(token.expires_unix_s);
  created_ = true;
  result_ = synthesized(std::move(request), copy_of(account.columns()), 0);
}

}  // namespace keelson::verbs
