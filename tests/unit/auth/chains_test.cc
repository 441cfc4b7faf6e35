#include <catch2/catch.hpp>

#include "core/auth/rules.hpp"

using namespace keelson;
using namespace keelson::auth;

namespace {

Attributes about(const Identity& user, std::string verb, std::string group, std::string resource, std::string ns = "", std::string name = "") {
  Attributes out;
  out.user = &user;
  out.verb = std::move(verb);
  out.group = std::move(group);
  out.resource = std::move(resource);
  out.ns = std::move(ns);
  out.name = std::move(name);
  return out;
}

Attributes path(const Identity& user, std::string where, std::string verb = "get") {
  Attributes out;
  out.user = &user;
  out.verb = std::move(verb);
  out.resource_request = false;
  out.path = std::move(where);
  return out;
}

Identity user(std::vector<std::string> groups) {
  Identity out;
  out.name = "u";
  out.groups = std::move(groups);
  return out;
}

bool allowed(const Attributes& attributes) { return make_chains()->authorize(attributes).decision == Decision::allow; }

}  // namespace

TEST_CASE("system:masters may do everything") {
  const auto admin = user({"system:masters", "system:authenticated"});
  CHECK(allowed(about(admin, "delete", "", "nodes")));
  CHECK(allowed(path(admin, "/metrics")));
}

TEST_CASE("anonymous sees health and version only") {
  const auto nobody = anonymous();
  CHECK(allowed(path(nobody, "/livez")));
  CHECK(allowed(path(nobody, "/readyz")));
  CHECK(allowed(path(nobody, "/version")));
  CHECK_FALSE(allowed(path(nobody, "/api")));
  CHECK_FALSE(allowed(path(nobody, "/metrics")));
  CHECK_FALSE(allowed(path(nobody, "/version", "post")));
  CHECK_FALSE(allowed(about(nobody, "list", "", "pods")));
  CHECK_FALSE(allowed(about(nobody, "create", "authorization.k8s.io", "selfsubjectaccessreviews")));
}

TEST_CASE("the authenticated see discovery and may ask about themselves, no more") {
  const auto known = user({"system:authenticated"});
  CHECK(allowed(path(known, "/api")));
  CHECK(allowed(path(known, "/apis/apps/v1")));
  CHECK(allowed(path(known, "/openapi/v3")));
  CHECK_FALSE(allowed(path(known, "/apiserver")));
  CHECK_FALSE(allowed(path(known, "/metrics")));
  CHECK(allowed(about(known, "create", "authorization.k8s.io", "selfsubjectaccessreviews")));
  CHECK_FALSE(allowed(about(known, "create", "authorization.k8s.io", "subjectaccessreviews")));
  CHECK_FALSE(allowed(about(known, "get", "", "secrets", "default", "s")));
}

TEST_CASE("system:nodes is allowed nothing extra") { CHECK_FALSE(allowed(about(user({"system:nodes", "system:authenticated"}), "get", "", "secrets", "default", "s"))); }

TEST_CASE("a plugin is allowed what it asked for, a certificate that names its group is not") {
  auto plugin = plugin_identity("deployment");
  CHECK_FALSE(allowed(about(plugin, "create", "apps", "replicasets", "default")));
  auto impostor = user({"system:plugins", "system:authenticated"});
  for (auto* one : {&plugin, &impostor}) one->rights = std::make_shared<const Rules>(Rules{{{{"create"}, {"apps"}, {"replicasets"}, {}, {}}}, false, ""});
  CHECK(allowed(about(plugin, "create", "apps", "replicasets", "default")));
  CHECK_FALSE(allowed(about(plugin, "create", "apps", "deployments", "default")));
  CHECK_FALSE(allowed(about(impostor, "create", "apps", "replicasets", "default")));
}

TEST_CASE("rights are read as the rules of a role") {
  auto plugin = plugin_identity("scheduler");
  const Rules rights{{{{"get"}, {""}, {"pods", "*/status"}, {}, {}}, {{"*"}, {"apps"}, {"*"}, {}, {}}, {{"get"}, {""}, {"secrets"}, {"one"}, {}}, {{"get"}, {}, {}, {}, {"/metrics", "/logs/*"}}}, false, ""};
  plugin.rights = std::make_shared<const Rules>(rights);
  CHECK(allowed(about(plugin, "get", "", "pods", "n", "x")));
  CHECK_FALSE(allowed(about(plugin, "list", "", "pods", "n")));
  CHECK(allowed(about(plugin, "delete", "apps", "deployments", "n", "x")));
  CHECK(allowed(about(plugin, "get", "", "secrets", "n", "one")));
  CHECK_FALSE(allowed(about(plugin, "get", "", "secrets", "n", "two")));
  CHECK_FALSE(allowed(about(plugin, "get", "", "secrets", "n")));
  auto status = about(plugin, "get", "", "nodes", "", "x");
  CHECK_FALSE(allowed(status));
  status.subresource = "status";
  CHECK(allowed(status));
  CHECK(allowed(path(plugin, "/logs/x")));
  CHECK_FALSE(allowed(path(plugin, "/debug")));
}

TEST_CASE("members of system:masters hold all rules, others those that a source tells") {
  const auto chains = make_chains();
  const auto all = all_rules(*chains, user({"system:masters"}), "n");
  REQUIRE(all.rules.size() == 2);
  CHECK(all.rules[0].resources == std::vector<std::string>{"*"});
  CHECK(all.rules[1].paths == std::vector<std::string>{"*"});
  CHECK_FALSE(all.incomplete);
  CHECK(all_rules(*chains, user({"system:authenticated"}), "n").rules.empty());
  class Lister final : public Authorizer, public RulesSource {
    Verdict authorize(const Attributes&) override { return {}; }
    void rules(const Identity& who, const std::string& ns, Rules& into) const override {
      into.rules.push_back({{who.name}, {}, {ns}, {}, {}});
      into.incomplete = true;
    }
  };
  chains->add(std::make_shared<Lister>());
  const auto told = all_rules(*chains, user({}), "n");
  REQUIRE(told.rules.size() == 1);
  CHECK(told.rules[0].verbs == std::vector<std::string>{"u"});
  CHECK(told.rules[0].resources == std::vector<std::string>{"n"});
  CHECK(told.incomplete);
}

TEST_CASE("a refusal says who cannot do what where") {
  const auto someone = user({"system:authenticated"});
  auto error = refusal(about(someone, "list", "", "pods", "n"), "");
  CHECK(error.code == 403);
  CHECK(error.reason == "Forbidden");
  CHECK(error.message == "pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" in the namespace \"n\"");
  error = refusal(about(someone, "get", "apps", "deployments", "", "web"), "because");
  CHECK(error.message == "deployments.apps \"web\" is forbidden: User \"u\" cannot get resource \"deployments\" in API group \"apps\" at the cluster scope: because");
  CHECK(refusal(path(someone, "/<x>&"), "").message == "forbidden: User \"u\" cannot get path \"/&lt;x&gt;&amp;\"");
}

TEST_CASE("a client certificate names user and groups, one without a common name is refused") {
  const auto chains = make_chains();
  Credentials::Certificate shown{"jane", {"dev"}, ""};
  Credentials credentials;
  credentials.certificate = &shown;
  const auto jane = chains->authenticate(credentials);
  REQUIRE(jane.has_value());
  CHECK(jane->name == "jane");
  CHECK(jane->member_of("dev"));
  CHECK(jane->member_of("system:authenticated"));
  shown.common_name.clear();
  REQUIRE_FALSE(chains->authenticate(credentials).has_value());
  CHECK(chains->authenticate(credentials).error().code == 401);
}

TEST_CASE("no credentials are anonymous, unknown ones are refused") {
  const auto chains = make_chains();
  CHECK(chains->authenticate({})->name == "system:anonymous");
  Credentials credentials;
  credentials.bearer_token = "nobody knows";
  CHECK(chains->authenticate(credentials).error().message == "Unauthorized");
}

namespace {

class Recorder final : public AdmissionUnit {
 public:
  Recorder(std::string name, std::vector<std::string>& calls, std::vector<std::function<void()>>* later = nullptr, bool refuse = false)
      : name_(std::move(name)), calls_(calls), later_(later), refuse_(refuse) {}
  std::string_view name() const override { return name_; }
  bool handles(AdmissionRequest::Operation operation, const kinds::Kind&, std::string_view) const override { return operation == AdmissionRequest::Operation::create; }
  void mutate(AdmissionRequest&, std::function<void(base::Outcome<void>)> done) override {
    calls_.push_back(name_);
    const auto answer = [done, refuse = refuse_] {
      if (refuse) done(base::bad_request("no"));
      else done({});
    };
    if (later_) later_->push_back(answer);
    else answer();
  }

 private:
  std::string name_;
  std::vector<std::string>& calls_;
  std::vector<std::function<void()>>* later_;
  bool refuse_;
};

}  // namespace

TEST_CASE("admission runs in order, waits for a unit that answers later, and stops at the first refusal") {
  const auto chains = make_chains();
  std::vector<std::string> calls;
  std::vector<std::function<void()>> later;
  chains->add(3, std::make_shared<Recorder>("refuses", calls, nullptr, true));
  chains->add(1, std::make_shared<Recorder>("inline", calls));
  chains->add(2, std::make_shared<Recorder>("waits", calls, &later));
  chains->add(4, std::make_shared<Recorder>("never", calls));
  AdmissionRequest request{.kind = std::make_shared<kinds::Kind>(), .snapshot = store::Snapshot(nullptr)};
  std::optional<base::Outcome<void>> outcome;
  chains->admit_mutate(request, [&](base::Outcome<void> result) { outcome = std::move(result); });
  CHECK(calls == std::vector<std::string>{"inline", "waits"});
  CHECK_FALSE(outcome);
  later.front()();
  CHECK(calls == std::vector<std::string>{"inline", "waits", "refuses"});
  REQUIRE(outcome);
  CHECK(outcome->error().message == "no");
}

TEST_CASE("a removed unit is not asked any more") {
  const auto chains = make_chains();
  std::vector<std::string> calls;
  const auto unit = std::make_shared<Recorder>("x", calls, nullptr, true);
  chains->add(1, unit);
  chains->remove(unit.get());
  AdmissionRequest request{.kind = std::make_shared<kinds::Kind>(), .snapshot = store::Snapshot(nullptr)};
  bool good = false;
  chains->admit_mutate(request, [&](base::Outcome<void> result) { good = result.has_value(); });
  CHECK(good);
  CHECK(calls.empty());
}

TEST_CASE("a unit that is added counts from the next request, for every kind of request that it wants") {
  const auto chains = make_chains();
  std::vector<std::string> calls;
  AdmissionRequest request{.kind = std::make_shared<kinds::Kind>(), .snapshot = store::Snapshot(nullptr)};
  const auto ask = [&] { chains->admit_mutate(request, [](const base::Outcome<void>&) {}); };
  chains->add(1, std::make_shared<Recorder>("first", calls));
  ask();
  chains->add(0, std::make_shared<Recorder>("second", calls));
  ask();
  CHECK(calls == std::vector<std::string>{"first", "second", "first"});
  request.operation = AdmissionRequest::Operation::update;
  ask();
  CHECK(calls.size() == 3);
}

TEST_CASE("units that said what their answers rest on are those that are asked, whoever comes meanwhile; one that cannot say it is enough to have no grounds") {
  class Grounded final : public AdmissionUnit {
   public:
    explicit Grounded(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
    std::string_view name() const override { return "grounded"; }
    bool handles(AdmissionRequest::Operation, const kinds::Kind&, std::string_view) const override { return true; }
    bool rests_on(const AdmissionRequest&, Grounds& grounds) override { return grounds.add("what it saw"), meanwhile_(), true; }

   private:
    const std::function<void()> meanwhile_;
  };
  const auto chains = make_chains();
  std::vector<std::string> calls;
  chains->add(1, std::make_shared<Grounded>([&] { chains->add(2, std::make_shared<Recorder>("late", calls)); }));
  const auto ask = [&] {
    const boost::json::value spec;
    Grounds grounds{spec};
    AdmissionRequest request{.kind = std::make_shared<kinds::Kind>(), .ns = "n", .snapshot = store::Snapshot(nullptr)};
    const bool known = chains->grounds(request, grounds);
    CHECK(grounds.text == "n\nwhat it saw\n");
    CHECK(known == (request.units != nullptr));
    chains->admit_mutate(request, [](const base::Outcome<void>&) {});
    return known;
  };
  CHECK(ask());
  CHECK(calls.empty());
  CHECK_FALSE(ask());
  CHECK_FALSE(calls.empty());
}
