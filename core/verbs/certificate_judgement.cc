#include "core/verbs/certificate_judgement.hpp"

#include <algorithm>

#include "core/base/base64.hpp"
#include "core/base/instant.hpp"
#include "core/verbs/certificate_keeper.hpp"

namespace keelson::verbs {
namespace {

using Step = Judgement::Step;

const json::value* condition_of(const json::value& object, std::string_view type) {
  if (const auto* conditions = list_at(object, {"status", "conditions"}))
    for (const auto& one : *conditions)
      if (text_at(one, {"type"}) == type) return &one;
  return nullptr;
}

bool older(std::string_view time, std::int64_t age_s, std::int64_t now_unix_s) {
  const auto at = base::parse_time(time);
  return at && at->seconds < now_unix_s - age_s;
}

bool decided_long_ago(const json::value& object, std::string_view type, std::int64_t now_unix_s) {
  const auto* condition = condition_of(object, type);
  return condition && older(text_at(*condition, {"lastUpdateTime"}), kDecidedRequestLifetime_s, now_unix_s);
}

bool is_over(const json::value& object, std::int64_t now_unix_s) {
  const auto* conditions = list_at(object, {"status", "conditions"});
  if ((!conditions || conditions->empty()) && older(text_at(object, {"metadata", "creationTimestamp"}), kPendingRequestLifetime_s, now_unix_s)) return true;
  if (decided_long_ago(object, "Denied", now_unix_s) || decided_long_ago(object, "Failed", now_unix_s)) return true;
  const auto certificate = base::base64_decode(text_at(object, {"status", "certificate"}));
  if (!certificate || certificate->empty() || !condition_of(object, "Approved")) return false;
  if (decided_long_ago(object, "Approved", now_unix_s)) return true;
  const auto end = auth::certificate_expiry(*certificate);
  return end && *end < now_unix_s;
}

std::vector<std::string> texts_of(const json::value* list) {
  std::vector<std::string> out;
  if (list && list->is_array())
    for (const auto& one : list->get_array())
      if (one.is_string()) out.emplace_back(one.get_string());
  return out;
}

auth::Identity requester(const json::value& object) {
  auth::Identity user;
  user.name = text_at(object, {"spec", "username"});
  user.uid = text_at(object, {"spec", "uid"});
  user.groups = texts_of(find(object, {"spec", "groups"}));
  if (const auto* extra = find(object, {"spec", "extra"}); extra && extra->is_object())
    for (const auto& [key, values] : extra->get_object()) user.extra[std::string(key)] = texts_of(&values);
  return user;
}

bool may_create(const auth::Chains& chains, const auth::Identity& user, const char* subresource) {
  auth::Attributes asked;
  asked.user = &user;
  asked.verb = "create";
  asked.group = "certificates.k8s.io";
  asked.resource = "certificatesigningrequests";
  asked.subresource = subresource;
  return chains.authorize(asked).decision == auth::Decision::allow;
}

Judgement approval_of(const json::value& object, const auth::Chains& chains) {
  if (text_at(object, {"spec", "signerName"}) != auth::kKubeletClientSigner) return {};
  const auto request = auth::read_signing_request(request_of(object));
  if (!request || !auth::signer_refusal(auth::kKubeletClientSigner, *request, usages_of(object)).empty()) return {};
  const auto user = requester(object);
  if (user.name == request->common_names.front() && may_create(chains, user, "selfnodeclient"))
    return {Step::approve, "Auto approving self kubelet client certificate after SubjectAccessReview."};
  if (may_create(chains, user, "nodeclient")) return {Step::approve, "Auto approving kubelet client certificate after SubjectAccessReview."};
  return {Step::ask_again};
}

Judgement signature_of(const json::value& object) {
  const auto signer = text_at(object, {"spec", "signerName"});
  if (!auth::is_own_signer(signer)) return {};
  const auto request = auth::read_signing_request(request_of(object));
  if (!request) return {Step::fail, request.error().message};
  auto refusal = auth::signer_refusal(signer, *request, usages_of(object));
  return refusal.empty() ? Judgement{Step::sign} : Judgement{Step::fail, std::move(refusal)};
}

}  // namespace

std::string request_of(const json::value& object) { return base::base64_decode(text_at(object, {"spec", "request"})).value_or(std::string()); }

auth::Usages usages_of(const json::value& object) {
  const auto listed = texts_of(find(object, {"spec", "usages"}));
  return {listed.begin(), listed.end()};
}

Judgement judge_signing_request(const json::value& object, const auth::Chains& chains, std::int64_t now_unix_s) {
  if (find(object, {"metadata", "deletionTimestamp"})) return {};
  if (is_over(object, now_unix_s)) return {Step::remove};
  const auto* failed = condition_of(object, "Failed");
  if (condition_of(object, "Denied") || (failed && text_at(*failed, {"status"}) == "True") || !text_at(object, {"status", "certificate"}).empty()) return {};
  const auto* approved = condition_of(object, "Approved");
  if (!approved) return approval_of(object, chains);
  return text_at(*approved, {"status"}) == "True" ? signature_of(object) : Judgement{};
}

}  // namespace keelson::verbs
