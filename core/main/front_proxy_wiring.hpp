// Front proxy wiring: whose word about users counts (proxies, an outside issuer of tokens), and as whom other API servers know this one, by the settings.
//
// Threads: at start. Ownership: values. Errors: a file that cannot be read; the server does not start without it.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "core/api/front_proxy.hpp"
#include "core/auth/oidc.hpp"
#include "core/main/identity.hpp"
#include "core/main/settings.hpp"
#include "core/webhook/outgoing.hpp"

namespace keelson::server {

struct FrontProxySetting {
  std::string ca_pem;
  api::FrontProxy rules;
  std::shared_ptr<const webhook::ClientCertificate> certificate;
  /// As extension API servers read it in a ConfigMap.
  std::map<std::string, std::string> published() const;
};
base::Outcome<FrontProxySetting> front_proxy_setting(const Settings& settings, const Identity& identity);
/// Null: none is configured.
base::Outcome<std::shared_ptr<auth::Oidc>> outside_issuer(const Settings& settings, webhook::Outgoing& outgoing, store::Store& store, base::Runtime& runtime);
std::shared_ptr<const webhook::ClientCertificate> shown_certificate(const auth::KeyPair& pair);

}  // namespace keelson::server
