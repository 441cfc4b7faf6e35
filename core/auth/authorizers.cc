#include "core/auth/authorizers.hpp"

#include <algorithm>

#include "core/auth/rules.hpp"

namespace keelson::auth {
namespace {

constexpr Verdict kNoOpinion{};

class CertificateAuthenticator final : public Authenticator {
 public:
  base::Outcome<std::optional<Identity>> authenticate(const Credentials& credentials) override {
    if (!credentials.certificate) return std::optional<Identity>();
    if (credentials.certificate->common_name.empty()) return base::unauthorized();
    Identity identity;
    identity.name = credentials.certificate->common_name;
    identity.groups.reserve(credentials.certificate->organizations.size() + 1);
    identity.groups = credentials.certificate->organizations;
    if (!identity.member_of("system:authenticated")) identity.groups.emplace_back("system:authenticated");
    return std::optional<Identity>(std::move(identity));
  }
};

class MastersAuthorizer final : public Authorizer, public RulesSource {
 public:
  Verdict authorize(const Attributes& attributes) override {
    return attributes.user && attributes.user->member_of("system:masters") ? Verdict{Decision::allow, ""} : kNoOpinion;
  }
  void rules(const Identity& user, const std::string&, Rules& into) const override {
    if (!user.member_of("system:masters")) return;
    into.rules.push_back({{"*"}, {"*"}, {"*"}, {}, {}});
    into.rules.push_back({{"*"}, {}, {}, {}, {"*"}});
  }
};

class PluginsAuthorizer final : public Authorizer, public RulesSource {
 public:
  Verdict authorize(const Attributes& attributes) override {
    const auto* user = attributes.user;
    if (!user || !acts(*user)) return kNoOpinion;
    if (user->rights && allows(*user->rights, attributes)) return {Decision::allow, ""};
    return {Decision::no_opinion, "the plugin does not ask for it"};
  }
  void rules(const Identity& user, const std::string&, Rules& into) const override {
    if (acts(user) && user.rights) into.rules.insert(into.rules.end(), user.rights->rules.begin(), user.rights->rules.end());
  }

 private:
  // Both: a certificate may name any group, but only the plugin host sets `plugin`.
  static bool acts(const Identity& user) { return !user.plugin.empty() && user.member_of("system:plugins"); }
};

bool below(std::string_view path, std::string_view root) {
  return path == root || (path.size() > root.size() && path.substr(0, root.size()) == root && path[root.size()] == '/');
}

class EverybodyAuthorizer final : public Authorizer {
 public:
  Verdict authorize(const Attributes& attributes) override {
    if (!attributes.user) return kNoOpinion;
    const bool known = attributes.user->member_of("system:authenticated");
    const bool allowed = attributes.resource_request ? known && self_review(attributes) : attributes.verb == "get" && path_allowed(attributes.path, known);
    return allowed ? Verdict{Decision::allow, ""} : kNoOpinion;
  }

 private:
  static bool self_review(const Attributes& attributes) {
    if (attributes.verb != "create") return false;
    if (attributes.group == "authorization.k8s.io") return attributes.resource == "selfsubjectaccessreviews" || attributes.resource == "selfsubjectrulesreviews";
    return attributes.group == "authentication.k8s.io" && attributes.resource == "selfsubjectreviews";
  }
  static bool path_allowed(std::string_view path, bool known) {
    constexpr std::string_view kPublic[] = {"/healthz", "/livez", "/readyz", "/version", "/version/"};
    if (std::find(std::begin(kPublic), std::end(kPublic), path) != std::end(kPublic)) return true;
    return known && (below(path, "/api") || below(path, "/apis") || below(path, "/openapi"));
  }
};

}  // namespace

std::shared_ptr<Authenticator> certificate_authenticator() { return std::make_shared<CertificateAuthenticator>(); }
std::shared_ptr<Authorizer> masters_authorizer() { return std::make_shared<MastersAuthorizer>(); }
std::shared_ptr<Authorizer> plugins_authorizer() { return std::make_shared<PluginsAuthorizer>(); }
std::shared_ptr<Authorizer> everybody_authorizer() { return std::make_shared<EverybodyAuthorizer>(); }

}  // namespace keelson::auth
