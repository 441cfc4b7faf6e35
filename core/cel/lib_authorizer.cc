// Authorization checks.
#include <string>

#include "core/base/formats.hpp"
#include "core/cel/authorizer.hpp"
#include "core/cel/environment.hpp"
#include "core/cel/function.hpp"

namespace keelson::cel {
namespace {

constexpr std::string_view kPathCheck = "kubernetes.authorization.PathCheck", kGroupCheck = "kubernetes.authorization.GroupCheck",
                           kResourceCheck = "kubernetes.authorization.ResourceCheck", kDecision = "kubernetes.authorization.Decision";

// The authorizer and the checks under way differ in type and in how much of the query is filled.
class Step final : public Opaque {
 public:
  Step(std::string_view type, const Authorizer& authorizer, const AccessQuery& query) : type_(type), authorizer(authorizer), query(query) {}
  std::string_view type_name() const override { return type_; }
  bool equal(const Opaque& other) const override { return this == &other; }

 private:
  std::string_view type_;

 public:
  const Authorizer& authorizer;
  AccessQuery query;
};

class Decision final : public Opaque {
 public:
  Decision(bool allowed, std::string_view reason, std::string_view error) : allowed(allowed), reason(reason), error(error) {}
  std::string_view type_name() const override { return kDecision; }
  bool equal(const Opaque& other) const override { return this == &other; }
  bool allowed;
  std::string_view reason, error;
};

Value make(std::string_view type, const Authorizer& authorizer, const AccessQuery& query, Arena& arena) {
  return Value::of(static_cast<const Opaque*>(arena.make<Step>(type, authorizer, query)));
}

const Step* step(const Value& value, std::string_view type) {
  return value.kind == Kind::opaque && value.opaque->type_name() == type ? static_cast<const Step*>(value.opaque) : nullptr;
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

// `from` with one part of the query set, as a step of type `to`.
Value with(const Call& call, std::string_view name, std::string_view from, std::string_view to, std::string_view AccessQuery::*part) {
  const auto* before = step(call[0], from);
  if (before == nullptr || call[1].kind != Kind::string) return no_such_overload(call, name);
  auto query = before->query;
  query.*part = call[1].view();
  return make(to, before->authorizer, query, call.arena);
}

Value path(const Call& call) {
  if (call[1].kind == Kind::string && blank(call[1].view())) return Value::error("path must not be empty");
  return with(call, "path", kAuthorizerType, kPathCheck, &AccessQuery::path);
}
Value group(const Call& call) { return with(call, "group", kAuthorizerType, kGroupCheck, &AccessQuery::group); }
Value resource(const Call& call) {
  if (call[1].kind == Kind::string && blank(call[1].view())) return Value::error("resource must not be empty");
  return with(call, "resource", kGroupCheck, kResourceCheck, &AccessQuery::resource);
}
Value subresource(const Call& call) { return with(call, "subresource", kResourceCheck, kResourceCheck, &AccessQuery::subresource); }
Value ns(const Call& call) { return with(call, "namespace", kResourceCheck, kResourceCheck, &AccessQuery::ns); }
Value name(const Call& call) { return with(call, "name", kResourceCheck, kResourceCheck, &AccessQuery::name); }
Value field_selector(const Call& call) { return with(call, "fieldSelector", kResourceCheck, kResourceCheck, &AccessQuery::field_selector); }
Value label_selector(const Call& call) { return with(call, "labelSelector", kResourceCheck, kResourceCheck, &AccessQuery::label_selector); }

Value service_account(const Call& call) {
  const auto* before = step(call[0], kAuthorizerType);
  if (before == nullptr || call[1].kind != Kind::string || call[2].kind != Kind::string) return no_such_overload(call, "serviceAccount");
  if (!base::check_subdomain_1123(call[2].view()).empty()) return Value::error("Invalid service account name");
  if (!base::check_label_1123(call[1].view()).empty()) return Value::error("Invalid service account namespace");
  auto query = before->query;
  query.service_account_namespace = call[1].view();
  query.service_account = call[2].view();
  return make(kAuthorizerType, before->authorizer, query, call.arena);
}

Value check(const Call& call) {
  const auto* asked = step(call[0], kResourceCheck);
  if (asked == nullptr) asked = step(call[0], kPathCheck);
  if (asked == nullptr || call[1].kind != Kind::string) return no_such_overload(call, "check");
  auto query = asked->query;
  query.verb = call[1].view();
  const auto answer = asked->authorizer.check(query);
  auto* decision = call.arena.make<Decision>(answer.allowed, call.arena.keep(answer.reason), call.arena.keep(answer.error));
  return Value::of(static_cast<const Opaque*>(decision));
}

const Decision* decision(const Call& call) {
  return call[0].kind == Kind::opaque && call[0].opaque->type_name() == kDecision ? static_cast<const Decision*>(call[0].opaque) : nullptr;
}
Value allowed(const Call& call) { return decision(call) != nullptr ? Value::of(decision(call)->allowed) : no_such_overload(call, "allowed"); }
Value reason(const Call& call) { return decision(call) != nullptr ? Value::string(decision(call)->reason) : no_such_overload(call, "reason"); }
Value error(const Call& call) { return decision(call) != nullptr ? Value::string(decision(call)->error) : no_such_overload(call, "error"); }
Value errored(const Call& call) { return decision(call) != nullptr ? Value::of(!decision(call)->error.empty()) : no_such_overload(call, "errored"); }

#define AUTHORIZATION(type) "kubernetes.authorization." type
#define NARROWED(function, id, run) \
  {function, id, "." AUTHORIZATION("ResourceCheck") ",string:" AUTHORIZATION("ResourceCheck"), Cost::unit, run}

constexpr Overload kAuthorization[] = {
    {"path", "authorizer_path", "." AUTHORIZATION("Authorizer") ",string:" AUTHORIZATION("PathCheck"), Cost::unit, path},
    {"group", "authorizer_group", "." AUTHORIZATION("Authorizer") ",string:" AUTHORIZATION("GroupCheck"), Cost::unit, group},
    {"serviceAccount", "authorizer_serviceaccount", "." AUTHORIZATION("Authorizer") ",string,string:" AUTHORIZATION("Authorizer"), Cost::unit, service_account},
    {"resource", "groupcheck_resource", "." AUTHORIZATION("GroupCheck") ",string:" AUTHORIZATION("ResourceCheck"), Cost::unit, resource},
    NARROWED("subresource", "resourcecheck_subresource", subresource),
    NARROWED("namespace", "resourcecheck_namespace", ns),
    NARROWED("name", "resourcecheck_name", name),
    {"fieldSelector", "authorizer_fieldselector", "." AUTHORIZATION("ResourceCheck") ",string:" AUTHORIZATION("ResourceCheck"), Cost::selector, field_selector},
    {"labelSelector", "authorizer_labelselector", "." AUTHORIZATION("ResourceCheck") ",string:" AUTHORIZATION("ResourceCheck"), Cost::selector, label_selector},
    {"check", "pathcheck_check", "." AUTHORIZATION("PathCheck") ",string:" AUTHORIZATION("Decision"), Cost::authorizer_check, check},
    {"check", "resourcecheck_check", "." AUTHORIZATION("ResourceCheck") ",string:" AUTHORIZATION("Decision"), Cost::authorizer_check, check},
    {"errored", "decision_errored", "." AUTHORIZATION("Decision") ":bool", Cost::unit, errored},
    {"error", "decision_error", "." AUTHORIZATION("Decision") ":string", Cost::unit, error},
    {"allowed", "decision_allowed", "." AUTHORIZATION("Decision") ":bool", Cost::unit, allowed},
    {"reason", "decision_reason", "." AUTHORIZATION("Decision") ":string", Cost::unit, reason},
};
#undef NARROWED
#undef AUTHORIZATION

}  // namespace

Library authorizer_library() { return kAuthorization; }

Value make_authorizer(const Authorizer& authorizer, Arena& arena) { return make(kAuthorizerType, authorizer, {}, arena); }
Value make_resource_check(const Authorizer& authorizer, const AccessQuery& query, Arena& arena) { return make(kResourceCheck, authorizer, query, arena); }

}  // namespace keelson::cel
