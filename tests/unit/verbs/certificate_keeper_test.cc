#include "core/verbs/certificate_keeper.hpp"

#include "core/base/base64.hpp"
#include "fixture.hpp"
#include "tests/unit/auth/request_maker.hpp"

namespace {

using namespace keelson;
using namespace keelson::verbs_test;

constexpr const char* kRequests = "certificates.k8s.io/v1/certificatesigningrequests";

/// Lets users do what their groups are called.
struct ByGroup final : auth::Authorizer {
  auth::Verdict authorize(const auth::Attributes& asked) override {
    const bool may = asked.user->member_of(asked.subresource.empty() ? asked.verb : asked.subresource);
    return {may ? auth::Decision::allow : auth::Decision::no_opinion, ""};
  }
};

struct WithKeeper : Cluster {
  WithKeeper() { chains->add(std::make_shared<ByGroup>()); }
  ~WithKeeper() { keeper->stop(); }
  auth::KeyPair ca = *auth::make_ca("ca", runtime->unix_s(), 3650ll * 24 * 3600);
  std::unique_ptr<verbs::CertificateKeeper> keeper = verbs::make_certificate_keeper(*store, *verbs, *registry, *chains, ca, *runtime);

  static std::string body(const std::string& name, const std::string& pem, std::string_view signer, const std::string& more = "") {
    return R"({"metadata":{"name":")" + name + R"("},"spec":{"request":")" + base::base64_encode(pem) + R"(","signerName":")" + std::string(signer) + R"(","usages":["digital signature","client auth"])" + more + "}}";
  }
  void node_request(const std::string& name, const std::string& user, std::vector<std::string> groups, const std::string& names = "") {
    groups.insert(groups.end(), {"create", "system:authenticated"});
    admin.user.name = user;
    admin.user.groups = std::move(groups);
    must(create(kRequests, "", body(name, test::signing_request({{"O", "system:nodes"}, {"CN", "system:node:n1"}}, names), auth::kKubeletClientSigner)));
    admin.user.name = "system:admin";
    admin.user.groups = {"system:masters", "system:authenticated"};
    sleep_s(1);
  }
  void user_request(const std::string& name, const std::string& more = "") {
    must(create(kRequests, "", body(name, test::signing_request({{"CN", "jane"}}), auth::kClientSigner, more)));
  }
  void decide(const std::string& name, const std::string& type) {
    must(patch(std::string(kRequests) + "/approval", "", name, R"({"status":{"conditions":[{"type":")" + type + R"(","status":"True","reason":"R"}]}})"));
    sleep_s(1);
  }
  /// Types of the conditions, with + when there is a certificate.
  std::string state(const std::string& name) {
    const auto object = stored(kRequests, "", name);
    if (!object) return "gone";
    std::string out;
    const auto value = parsed(object);
    if (const auto* conditions = auth::list_at(value, {"status", "conditions"}))
      for (const auto& one : *conditions) out += std::string(auth::text_at(one, {"type"})) + " ";
    return out + (at(object, {"status", "certificate"}).empty() ? "" : "+");
  }
  std::string refused(base::Outcome<Written> outcome) { return outcome ? std::string("nothing refused") : outcome.error().message; }
};

bool holds(const std::string& text, const std::string& part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a kubelet's request is approved and signed when its requester may, by whom the server saw") {
  WithKeeper c;
  c.node_request("new", "boot", {"nodeclient"});
  CHECK(c.state("new") == "Approved +");
  CHECK(at(c.stored(kRequests, "", "new"), {"spec", "username"}) == "boot");
  c.node_request("renewed", "system:node:n1", {"selfnodeclient"});
  CHECK(c.state("renewed") == "Approved +");
  c.node_request("other-node", "system:node:n2", {"selfnodeclient"});
  CHECK(c.state("other-node").empty());
  c.node_request("nobody", "boot", {});
  CHECK(c.state("nobody").empty());
  c.node_request("names", "boot", {"nodeclient"}, "DNS:a");
  CHECK(c.state("names").empty());
}

TEST_CASE("what an approved request gets is signed by the cluster's CA and lives as long as it asks for") {
  WithKeeper c;
  c.user_request("jane", R"(,"expirationSeconds":3600)");
  c.sleep_s(1);
  CHECK(c.state("jane").empty());
  c.decide("jane", "Approved");
  REQUIRE(c.state("jane") == "Approved +");
  const auto pem = base::base64_decode(at(c.stored(kRequests, "", "jane"), {"status", "certificate"}));
  const auto left_s = *auth::certificate_expiry(*pem) - std::max(c.runtime->unix_s(), std::int64_t{1'767'225'600});
  CHECK(left_s > 3500);
  CHECK(left_s <= 3600);
}

TEST_CASE("what is denied or another signer's is not signed, what a signer refuses has failed") {
  WithKeeper c;
  c.user_request("denied");
  c.decide("denied", "Denied");
  CHECK(c.state("denied") == "Denied ");
  Cluster::must(c.create(kRequests, "", WithKeeper::body("other", test::signing_request({{"CN", "jane"}}), "example.com/signer")));
  c.decide("other", "Approved");
  CHECK(c.state("other") == "Approved ");
  Cluster::must(c.create(kRequests, "", WithKeeper::body("serving", test::signing_request({{"CN", "jane"}}), auth::kKubeletServingSigner)));
  c.decide("serving", "Approved");
  CHECK(c.state("serving") == "Approved Failed ");
}

TEST_CASE("who asked is the server's word, and what was asked for stays") {
  WithKeeper c;
  c.admin.user.uid = "u";
  c.admin.user.extra = {{"k", {"v"}}};
  c.user_request("jane", R"(,"username":"system:forged","uid":"x","groups":["forged"],"extra":{"forged":["x"]})");
  const auto text = json::serialize(parsed(c.stored(kRequests, "", "jane")).at("spec"));
  CHECK(holds(text, R"("username":"system:admin")"));
  CHECK(holds(text, R"("uid":"u")"));
  CHECK(holds(text, R"("extra":{"k":["v"]})"));
  CHECK_FALSE(holds(text, "forged"));
  Cluster::must(c.patch(kRequests, "", "jane", R"({"spec":{"username":"system:forged","usages":["server auth"]}})"));
  CHECK(json::serialize(parsed(c.stored(kRequests, "", "jane")).at("spec")) == text);
  CHECK(holds(c.refused(c.create(kRequests, "", WithKeeper::body("bad", "none", auth::kClientSigner))), "spec.request: Invalid value: \"bm9uZQ==\": PEM block type must be CERTIFICATE REQUEST"));
}

TEST_CASE("approval is not given through the status, nor a decision taken back, nor a certificate replaced") {
  WithKeeper c;
  c.user_request("jane");
  const auto status = std::string(kRequests) + "/status", approval = std::string(kRequests) + "/approval";
  CHECK(holds(c.refused(c.patch(status, "", "jane", R"({"status":{"conditions":[{"type":"Approved","status":"True"}]}})")), R"(updates may not add a condition of type "Approved")"));
  c.decide("jane", "Approved");
  CHECK_FALSE(at(c.stored(kRequests, "", "jane"), {"status", "certificate"}).empty());
  CHECK(holds(json::serialize(parsed(c.stored(kRequests, "", "jane"))), R"("lastUpdateTime":")"));
  CHECK(holds(c.refused(c.patch(approval, "", "jane", R"({"status":{"conditions":[]}})")), R"(updates may not remove a condition of type "Approved")"));
  const auto other = *auth::make_ca("other", c.runtime->unix_s(), 3600);
  CHECK(holds(c.refused(c.patch(status, "", "jane", R"({"status":{"certificate":")" + base::base64_encode(other.certificate_pem) + R"("}})")), "updates may not modify existing certificate content"));
}

TEST_CASE("decided requests go after an hour, pending ones after a day, expired ones sooner") {
  WithKeeper c;
  c.user_request("pending");
  c.user_request("denied");
  c.decide("denied", "Denied");
  c.user_request("issued");
  c.decide("issued", "Approved");
  c.sleep_s(3000);
  CHECK(c.state("denied") == "Denied ");
  CHECK(c.state("issued") == "Approved +");
  c.sleep_s(2 * 3600);
  CHECK(c.state("denied") == "gone");
  CHECK(c.state("issued") == "gone");
  CHECK(c.state("pending").empty());
  c.sleep_s(24 * 3600);
  CHECK(c.state("pending") == "gone");
}
