#include "core/api/impersonation.hpp"

#include <algorithm>

#include "core/api/request_info.hpp"

namespace keelson::api {
namespace {

constexpr std::string_view kPrefix = "Impersonate-", kUser = "Impersonate-User", kGroup = "Impersonate-Group", kUid = "Impersonate-Uid", kExtra = "Impersonate-Extra-";
constexpr std::string_view kAccountPrefix = "system:serviceaccount:", kAnonymous = "system:anonymous";
constexpr std::string_view kAuthenticated = "system:authenticated", kUnauthenticated = "system:unauthenticated";

bool begins(std::string_view name, std::string_view prefix) { return name.size() > prefix.size() && http::same_text(name.substr(0, prefix.size()), prefix); }

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

std::vector<std::string> values_of(const http::Request& request, std::string_view name) {
  std::vector<std::string> all;
  for (const auto& [header, value] : request.headers)
    if (http::same_text(header, name)) all.push_back(value);
  return all;
}

struct Wanted {
  std::string user, uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;
  bool any() const { return !user.empty() || !uid.empty() || !groups.empty() || !extra.empty(); }
};

Wanted wanted_by(const http::Request& request) {
  Wanted wanted{std::string(request.header(kUser)), std::string(request.header(kUid)), values_of(request, kGroup), {}};
  for (const auto& [header, value] : request.headers)
    if (begins(header, kExtra)) wanted.extra[lower(percent_decode(std::string_view(header).substr(kExtra.size())))].push_back(value);
  return wanted;
}

struct Account { std::string ns, name; };
std::optional<Account> account_of(std::string_view user) {
  if (!user.starts_with(kAccountPrefix)) return std::nullopt;
  user.remove_prefix(kAccountPrefix.size());
  const auto colon = user.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == user.size() || user.find(':', colon + 1) != std::string_view::npos) return std::nullopt;
  return Account{std::string(user.substr(0, colon)), std::string(user.substr(colon + 1))};
}

/// What has to be allowed, in upstream's order: user, groups, extra, uid.
std::vector<auth::Attributes> questions(const Wanted& wanted, const auth::Identity& asker) {
  std::vector<auth::Attributes> all;
  const auto add = [&](std::string_view group, std::string_view resource, const std::string& name) -> auth::Attributes& {
    auto& asked = all.emplace_back();
    asked.user = &asker;
    asked.verb = "impersonate";
    asked.group = group;
    asked.version = "v1";
    asked.resource = resource;
    asked.name = name;
    return asked;
  };
  if (const auto account = account_of(wanted.user)) add("", "serviceaccounts", account->name).ns = account->ns;
  else add("", "users", wanted.user);
  for (const auto& group : wanted.groups) add("", "groups", group);
  for (const auto& [key, values] : wanted.extra)
    for (const auto& value : values) add("authentication.k8s.io", "userextras", value).subresource = key;
  if (!wanted.uid.empty()) add("authentication.k8s.io", "uids", wanted.uid);
  return all;
}

auth::Identity identity_of(Wanted wanted) {
  auth::Identity identity;
  identity.groups = std::move(wanted.groups);
  if (const auto account = account_of(wanted.user); account && identity.groups.empty()) identity.groups = {"system:serviceaccounts", "system:serviceaccounts:" + account->ns};
  const auto implied = wanted.user == kAnonymous ? kUnauthenticated : kAuthenticated;
  const bool told = identity.member_of(kUnauthenticated) || (wanted.user != kAnonymous && identity.member_of(kAuthenticated));
  if (!told) identity.groups.emplace_back(implied);
  identity.name = std::move(wanted.user);
  identity.uid = std::move(wanted.uid);
  identity.extra = std::move(wanted.extra);
  return identity;
}

}  // namespace

bool impersonates(std::string_view header_name) { return begins(header_name, kPrefix); }

bool impersonates(const http::Request& request) {
  return std::any_of(request.headers.begin(), request.headers.end(), [](const auto& header) { return impersonates(header.first); });
}

base::Outcome<auth::Identity> acting_as(const http::Request& request, const auth::Chains& chains, auth::Identity asker) {
  auto wanted = wanted_by(request);
  if (!wanted.any()) return asker;
  if (wanted.user.empty()) return base::bad_request("groups, a uid or extra can be impersonated only together with a user");
  for (const auto& asked : questions(wanted, asker)) {
    const auto verdict = chains.authorize(asked);
    if (verdict.decision != auth::Decision::allow) return auth::refusal(asked, verdict.reason);
    if (asked.resource == "uids" && wanted.uid.starts_with(auth::kPluginUidPrefix)) return auth::refusal(asked, "nobody acts as a plugin");
  }
  return identity_of(std::move(wanted));
}

}  // namespace keelson::api
