// What the core brings beside RBAC: bootstrap tokens, the rate of Events, subjects of certificates.
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <memory>

#include "core/auth/admission_classes.hpp"
#include "core/auth/bootstrap_tokens.hpp"
#include "core/auth/event_rate.hpp"
#include "core/base/base64.hpp"
#include "core/base/instant.hpp"
#include "core/base/metrics.hpp"
#include "core/base/simulated_runtime.hpp"
#include "core/kinds/catalog.hpp"

using namespace keelson;
using namespace keelson::auth;
namespace json = boost::json;

namespace {

struct TokenStore {
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  std::unique_ptr<store::Store> store = store::make_memory_store(*runtime, *metrics);
  ~TokenStore() { store->stop(); }

  void put(const std::string& name, const json::object& object) {
    auto value = object;
    value["metadata"] = json::object{{"name", name}, {"resourceVersion", std::string(store::kRevisionSlotBytes - 1, '#')}};
    auto body = json::serialize(value);
    store::Columns columns;
    columns.key = {store::Atom("secrets"), "kube-system", name};
    store::Write write;
    write.operation = store::Operation::create;
    write.key = columns.key;
    const auto slot = body.find('#');
    write.draft = store::Draft(std::move(columns), std::move(body), slot);
    store::Commit commit;
    commit.writes.push_back(std::move(write));
    auto waiter = runtime->waiter();
    store->commit(std::move(commit), [&](const store::CommitOutcome& outcome) {
      CHECK(outcome.committed);
      waiter->notify();
    });
    REQUIRE(waiter->wait_until(runtime->in_ms(30'000)));
  }
  void token(const std::string& id, const std::string& secret, const std::string& expiration = "", const std::string& groups = "", const std::string& usage = "true", const std::string& type = "bootstrap.kubernetes.io/token") {
    const auto coded = [](const std::string& text) { return base::base64_encode(text); };
    json::object data{{"token-id", coded(id)}, {"token-secret", coded(secret)}, {"usage-bootstrap-authentication", coded(usage)}};
    if (!expiration.empty()) data["expiration"] = coded(expiration);
    if (!groups.empty()) data["auth-extra-groups"] = coded(groups);
    put("bootstrap-token-" + id, {{"type", type}, {"data", std::move(data)}});
  }
  base::Outcome<std::optional<Identity>> authenticate(const std::string& token) {
    Credentials credentials;
    credentials.bearer_token = token;
    return bootstrap_token_authenticator(*store, *runtime)->authenticate(credentials);
  }
};

/// A signing request with this organization, PEM in base64 as the API has it.
std::string signing_request(const char* organization) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509_REQ* request = X509_REQ_new();
  X509_NAME* name = X509_REQ_get_subject_name(request);
  for (const auto& [field, text] : {std::pair<const char*, const char*>{"O", "first"}, {"O", organization}, {"CN", "x"}})
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text), -1, -1, 0);
  X509_REQ_set_pubkey(request, key);
  X509_REQ_sign(request, key, EVP_sha256());
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(out, request);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out, &data);
  auto text = base::base64_encode({data, static_cast<std::size_t>(size)});
  BIO_free(out);
  X509_REQ_free(request);
  EVP_PKEY_free(key);
  return text;
}

base::Outcome<void> asked(AdmissionUnit& unit, AdmissionRequest& request) {
  base::Outcome<void> out = base::internal("nobody answered");
  unit.validate(request, [&](base::Outcome<void> outcome) { out = std::move(outcome); });
  return out;
}

}  // namespace

TEST_CASE("a bootstrap token is who its Secret says, while it is there and has time") {
  TokenStore on;
  on.token("abcdef", "0123456789abcdef", base::time_text(on.runtime->unix_s() + 60), "system:bootstrappers:kubeadm:default,system:bootstrappers:other");
  const auto known = on.authenticate("abcdef.0123456789abcdef");
  REQUIRE(known.has_value());
  REQUIRE(known->has_value());
  CHECK((*known)->name == "system:bootstrap:abcdef");
  CHECK((*known)->groups == std::vector<std::string>{"system:bootstrappers", "system:bootstrappers:kubeadm:default", "system:bootstrappers:other", "system:authenticated"});
  CHECK((on.authenticate("not a bootstrap token").has_value() && !on.authenticate("not a bootstrap token")->has_value()));
  CHECK((on.authenticate("ABCDEF.0123456789abcdef").has_value() && !on.authenticate("ABCDEF.0123456789abcdef")->has_value()));
}

TEST_CASE("every bad bootstrap token is refused with the same words") {
  TokenStore on;
  on.token("aaaaaa", "0123456789abcdef", base::time_text(on.runtime->unix_s() - 1));
  on.token("bbbbbb", "0123456789abcdef", "", "", "false");
  on.token("cccccc", "0123456789abcdef", "", "system:masters");
  on.token("dddddd", "0123456789abcdef", "", "", "true", "Opaque");
  on.token("eeeeee", "0123456789abcdef", "some day");
  on.token("ffffff", "0123456789abcdef");
  for (const auto* token : {"aaaaaa.0123456789abcdef", "bbbbbb.0123456789abcdef", "cccccc.0123456789abcdef", "dddddd.0123456789abcdef", "eeeeee.0123456789abcdef", "ffffff.0123456789abcdeX", "ffffff.1123456789abcdef", "gggggg.0123456789abcdef"}) {
    const auto answer = on.authenticate(token);
    if (std::string(token).find('X') != std::string::npos) {
      CHECK((answer.has_value() && !answer->has_value()));   // it does not look like one
      continue;
    }
    INFO(token);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().code == 401);
    CHECK(answer.error().message == base::unauthorized().message);
  }
  CHECK(on.authenticate("ffffff.0123456789abcdef").has_value());
}

TEST_CASE("a user writes so many Events and no more, others and plugins go on, and time gives more") {
  const auto runtime = base::simulated_runtime(1);
  const auto unit = event_rate_limit(*runtime);
  const auto registry = kinds::make_registry();
  const auto kind = registry->current()->find("", "v1", "events");
  CHECK(unit->handles(AdmissionRequest::Operation::create, *kind, ""));
  CHECK_FALSE(unit->handles(AdmissionRequest::Operation::remove, *kind, ""));
  CHECK_FALSE(unit->handles(AdmissionRequest::Operation::create, *registry->current()->find("", "v1", "pods"), ""));
  Identity ann, bob, plugin = plugin_identity("scheduler");
  ann.name = "ann";
  bob.name = "bob";
  TokenStore on;
  AdmissionRequest request{.kind = kind, .snapshot = on.store->snapshot()};
  request.user = &ann;
  int allowed = 0;
  while (asked(*unit, request) && allowed < 5000) ++allowed;
  CHECK(allowed == static_cast<int>(kEventsBurst));
  CHECK(asked(*unit, request).error().code == 429);
  CHECK(asked(*unit, request).error().retry_after_s == 1);
  request.user = &bob;
  CHECK(asked(*unit, request).has_value());
  request.user = &plugin;
  for (int i = 0; i < 3000; ++i) REQUIRE(asked(*unit, request).has_value());
}

TEST_CASE("nobody asks for a client certificate of system:masters") {
  const auto unit = certificate_subject_restriction();
  const auto registry = kinds::make_registry();
  TokenStore on;
  AdmissionRequest request{.kind = registry->current()->find("certificates.k8s.io", "v1", "certificatesigningrequests"), .snapshot = on.store->snapshot()};
  request.name = "x";
  const auto with = [&](const char* signer, const std::string& pem) {
    json::value object{{"spec", {{"signerName", signer}, {"request", pem}}}};
    request.object = &object;
    return asked(*unit, request);
  };
  const auto refused = with("kubernetes.io/kube-apiserver-client", signing_request("system:masters"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == 403);
  CHECK(refused.error().message.find("use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed") != std::string::npos);
  CHECK(with("kubernetes.io/kube-apiserver-client", signing_request("others")).has_value());
  CHECK(with("example.com/own", signing_request("system:masters")).has_value());
  CHECK(with("kubernetes.io/kube-apiserver-client", "no request").has_value());
}
