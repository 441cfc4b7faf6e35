#include "core/main/front_proxy_wiring.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace keelson::server {
namespace {

std::string listed(const std::vector<std::string>& words) { return boost::json::serialize(boost::json::array(words.begin(), words.end())); }

}  // namespace

std::map<std::string, std::string> FrontProxySetting::published() const {
  return {{"requestheader-client-ca-file", ca_pem},
          {"requestheader-allowed-names", listed(rules.allowed_names)},
          {"requestheader-username-headers", listed(rules.user_headers)},
          {"requestheader-uid-headers", listed(rules.uid_headers)},
          {"requestheader-group-headers", listed(rules.group_headers)},
          {"requestheader-extra-headers-prefix", listed(rules.extra_prefixes)}};
}

base::Outcome<std::shared_ptr<auth::Oidc>> outside_issuer(const Settings& settings, webhook::Outgoing& outgoing, store::Store& store, base::Runtime& runtime) {
  if (settings.oidc_issuer_url.empty()) return base::Outcome<std::shared_ptr<auth::Oidc>>(nullptr);
  auth::OidcOptions options{settings.oidc_issuer_url, settings.oidc_client_id, settings.oidc_username_claim, settings.oidc_username_prefix,
                            settings.oidc_groups_claim, settings.oidc_groups_prefix, {}, settings.oidc_signing_algs, {}};
  for (const auto& pair : settings.oidc_required_claim) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) return base::bad_request("oidc-required-claim: \"" + pair + "\" is not key=value");
    options.required_claims[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (!settings.oidc_ca_file.empty()) {
    auto ca = read_file(settings.oidc_ca_file);
    if (!ca) return ca.error();
    options.ca_pem = std::move(*ca);
  }
  return auth::make_oidc(std::move(options), outgoing, store, runtime);
}

std::shared_ptr<const webhook::ClientCertificate> shown_certificate(const auth::KeyPair& pair) {
  return std::make_shared<webhook::ClientCertificate>(webhook::ClientCertificate{pair.certificate_pem, pair.key_pem});
}

base::Outcome<FrontProxySetting> front_proxy_setting(const Settings& settings, const Identity& identity) {
  FrontProxySetting out;
  out.rules = {settings.requestheader_allowed_names, settings.requestheader_username_headers, settings.requestheader_uid_headers, settings.requestheader_group_headers,
               settings.requestheader_extra_headers_prefix};
  out.ca_pem = identity.front_proxy_ca.certificate_pem;
  out.certificate = shown_certificate(identity.front_proxy);
  if (!settings.requestheader_client_ca_file.empty()) {
    auto ca = read_file(settings.requestheader_client_ca_file);
    if (!ca) return ca.error();
    out.ca_pem = std::move(*ca);
  } else if (out.rules.allowed_names.empty()) {
    out.rules.allowed_names = {"front-proxy-client"};
  }
  if (settings.proxy_client_cert_file.empty()) return out;
  auto certificate = read_file(settings.proxy_client_cert_file);
  if (!certificate) return certificate.error();
  auto key = read_file(settings.proxy_client_key_file);
  if (!key) return key.error();
  out.certificate = shown_certificate({std::move(*certificate), std::move(*key)});
  return out;
}

}  // namespace keelson::server
