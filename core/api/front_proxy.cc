#include "core/api/front_proxy.hpp"

#include <algorithm>

#include "core/aggregation/aggregation.hpp"
#include "core/api/request_info.hpp"

namespace keelson::api {
namespace {

bool begins(std::string_view name, std::string_view prefix) { return name.size() >= prefix.size() && http::same_text(name.substr(0, prefix.size()), prefix); }

bool named(std::string_view header, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return http::same_text(header, name); });
}

const std::string* prefix_of(std::string_view header, const std::vector<std::string>& prefixes) {
  for (const auto& prefix : prefixes)
    if (begins(header, prefix)) return &prefix;
  return nullptr;
}

bool claims(std::string_view header, const FrontProxy& rules) {
  return aggregation::claims_identity(header) || named(header, rules.user_headers) || named(header, rules.uid_headers) || named(header, rules.group_headers) ||
         prefix_of(header, rules.extra_prefixes) != nullptr;
}

/// The first header of the first name that says anything.
std::string first_value(const http::Request& request, const std::vector<std::string>& names) {
  for (const auto& name : names)
    if (const auto value = request.header(name); !value.empty()) return std::string(value);
  return {};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

auth::Identity identity_in(const http::Request& request, const FrontProxy& rules) {
  auth::Identity identity;
  identity.name = first_value(request, rules.user_headers);
  identity.uid = first_value(request, rules.uid_headers);
  for (const auto& name : rules.group_headers)
    for (const auto& [header, value] : request.headers)
      if (http::same_text(header, name) && !value.empty()) identity.groups.push_back(value);
  for (const auto& [header, value] : request.headers)
    if (const auto* prefix = prefix_of(header, rules.extra_prefixes)) identity.extra[percent_decode(lower(std::string_view(header).substr(prefix->size())))].push_back(value);
  const bool told = identity.name == "system:anonymous" || identity.member_of("system:authenticated") || identity.member_of("system:unauthenticated");
  if (!told) identity.groups.emplace_back("system:authenticated");
  return identity;
}

bool trusted(const http::PeerCertificate* certificate, const FrontProxy& rules) {
  if (!certificate || !certificate->front_proxy) return false;
  return rules.allowed_names.empty() || std::find(rules.allowed_names.begin(), rules.allowed_names.end(), certificate->subject.common_name) != rules.allowed_names.end();
}

}  // namespace

base::Outcome<std::optional<auth::Identity>> spoken_for(http::Request& request, const FrontProxy& rules) {
  if (std::none_of(request.headers.begin(), request.headers.end(), [&](const auto& header) { return claims(header.first, rules); })) return std::optional<auth::Identity>();
  std::optional<auth::Identity> identity;
  if (trusted(request.certificate.get(), rules)) identity = identity_in(request, rules);
  std::erase_if(request.headers, [&](const auto& header) { return claims(header.first, rules); });
  if (!identity || identity->name.empty()) return std::optional<auth::Identity>();
  if (identity->uid.starts_with(auth::kPluginUidPrefix)) return base::unauthorized();
  return identity;
}

}  // namespace keelson::api
