#include "escalation.hpp"

#include <keelson/codec/json_write.hpp>

namespace rbac {
namespace {

using keelson::Context;
using keelson::Error;
using keelson::Result;
using keelson::Review;
using keelson::rbac_v1::ClusterRole;
using keelson::rbac_v1::ClusterRoleBinding;
using keelson::rbac_v1::Role;
using keelson::rbac_v1::RoleBinding;

constexpr std::string_view kMasters = "system:masters";
constexpr std::string_view kOwnUser = "system:plugin:rbac", kOwnUid = "plugin:rbac";

AccessRequest who(const Review& review) {
  AccessRequest request{};
  request.user = review.user();
  request.groups = review.groups();
  request.ns = review.ns();
  return request;
}

/// Plugins have a uid that no authenticator gives, so that a certificate of that name is none of them.
bool is_this_plugin(const Review& review) { return review.user() == kOwnUser && review.user_uid() == kOwnUid; }

bool is_free(const Review& review) { return is_this_plugin(review) || who(review).in_group(kMasters); }

Result refused(int code, const char* reason, std::string message) {
  Error error(code, reason, std::move(message));
  error.status_json = keelson::status_json(error);
  return Result::terminal(std::move(error));
}

Result forbidden(const Review& review, const std::string& why) {
  return refused(403, "Forbidden", std::string(review.gvk().resource) + "." + std::string(kGroup) + " " + quoted(review.name()) + " is forbidden: " + why);
}

/// Who takes away a finalizer or an owner gives nobody any right.
template <class T>
bool only_garbage_collection(const T& now, const std::optional<T>& old) {
  if (!old) return false;
  T same = now;
  same.meta.ownerReferences = old->meta.ownerReferences;
  same.meta.finalizers = old->meta.finalizers;
  same.meta.managedFields = old->meta.managedFields;
  same.meta.resourceVersion = old->meta.resourceVersion;
  return same == *old;
}

bool aggregates(const ClusterRole& role) { return role.aggregationRule.has_value(); }
bool aggregates(const Role&) { return false; }

std::string json_text(std::string_view text) {
  std::string out;
  keelson::codec::append_string(out, text);
  return out;
}

Result invalid(const Review& review, const std::vector<Fault>& faults) {
  if (faults.empty()) return keelson::done();
  std::string text, causes;
  for (const auto& [reason, field, message] : faults) {
    text += (text.empty() ? "" : ", ") + field + ": " + message;
    causes += std::string(causes.empty() ? "" : ",") + R"({"reason":)" + json_text(reason) + R"(,"message":)" + json_text(message) + R"(,"field":)" + json_text(field) + "}";
  }
  if (faults.size() > 1) text = "[" + text + "]";
  text = std::string(review.gvk().kind) + "." + std::string(kGroup) + " " + quoted(review.name()) + " is invalid: " + text;
  Error error(422, "Invalid", text);
  error.status_json = R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":422,"reason":"Invalid","message":)" + json_text(text) + R"(,"details":{"causes":[)" + causes + "]}}";
  return Result::terminal(std::move(error));
}

std::string shown(const RoleRef& role) {
  return R"({"apiGroup":)" + json_text(role.apiGroup) + R"(,"kind":)" + json_text(role.kind) + R"(,"name":)" + json_text(role.name) + "}";
}

struct Referred {
  bool there = false;
  std::vector<PolicyRule> rules;
};

/// As it is and has to stay until the commit.
Referred referred(Context& ctx, const RoleRef& role, std::string_view ns) {
  if (role.kind == "ClusterRole") {
    const auto found = ctx.find<ClusterRole>({"", role.name});
    return found ? Referred{true, found->rules} : Referred{};
  }
  const auto found = ctx.find<Role>({std::string(ns), role.name});
  return found ? Referred{true, found->rules} : Referred{};
}

}  // namespace

Result Guard::validate(Context& ctx, Review& review, std::string_view object_json) {
  const auto resource = review.gvk().resource;
  if (resource == Role::gvk.resource) return role<Role>(review, object_json);
  if (resource == ClusterRole::gvk.resource) return role<ClusterRole>(review, object_json);
  if (resource == RoleBinding::gvk.resource) return binding<RoleBinding>(ctx, review, object_json);
  return binding<ClusterRoleBinding>(ctx, review, object_json);
}

bool Guard::may(const Review& review, std::string_view verb, std::string_view resource, std::string_view name) const {
  auto request = who(review);
  request.verb = verb;
  request.group = kGroup;
  request.version = "v1";
  request.resource = resource;
  request.name = name;
  return policy_->authorize(request).kind == keelson::Verdict::Kind::allow;
}

std::string Guard::beyond_own(const Review& review, const std::vector<PolicyRule>& rules) const {
  const auto held = policy_->held(who(review));
  const auto missing = lacking(held.rules, rules);
  if (missing.empty()) return {};
  std::vector<std::string> groups;
  who(review).each_group([&](std::string_view group) { groups.emplace_back(group); });
  auto why = "user " + quoted(review.user()) + " (groups=" + quoted_list(groups) + ") is attempting to grant RBAC permissions not currently held:\n" + described(missing);
  if (!held.missing.empty()) why += "; resolution errors: [" + held.missing + "]";
  return why;
}

template <class T>
Result Guard::role(Review& review, std::string_view object_json) const {
  const auto now = keelson::decode<T>(object_json);
  const auto old = review.old<T>();
  // What is created has no name yet that a right to escalate could be about.
  const auto name = review.creates() ? std::string_view() : review.name();
  if (!is_free(review) && !only_garbage_collection(now, old) && !may(review, "escalate", review.gvk().resource, name)) {
    if (const auto why = beyond_own(review, now.rules); !why.empty()) return forbidden(review, why);
    // It gathers whatever roles will have that label one day.
    if ((aggregates(now) || (old && aggregates(*old))) && !beyond_own(review, everything()).empty())
      return forbidden(review, "must have cluster-admin privileges to use an aggregationRule");
  }
  return invalid(review, role_faults(now.rules, !review.ns().empty()));
}

template <class T>
Result Guard::binding(Context& ctx, Review& review, std::string_view object_json) const {
  const auto now = keelson::decode<T>(object_json);
  const auto old = review.old<T>();
  auto faults = binding_faults(now.roleRef, now.subjects, !review.ns().empty());
  if (old && !(old->roleRef == now.roleRef)) faults.push_back({"FieldValueInvalid", "roleRef", "Invalid value: " + shown(now.roleRef) + ": cannot change roleRef"});
  if (!faults.empty()) return invalid(review, faults);
  const std::string_view resource = now.roleRef.kind == "Role" ? "roles" : "clusterroles";
  if (is_free(review) || only_garbage_collection(now, old) || may(review, "bind", resource, now.roleRef.name)) return keelson::done();
  const auto role = referred(ctx, now.roleRef, review.ns());
  if (!role.there) return refused(404, "NotFound", std::string(resource) + "." + std::string(kGroup) + " " + quoted(now.roleRef.name) + " not found");
  const auto why = beyond_own(review, role.rules);
  return why.empty() ? keelson::done() : forbidden(review, why);
}

}  // namespace rbac
