// bench_policies: what asking costs: who is it, may it, and the default admission chain, on cached paths, in a server without network and
// disk: one JSON object on standard output.
//
//   bench_policies PLUGINS_DIR
//
// A service account creates a ConfigMap in its namespace by its token, as one RoleBinding among others allows. CPU of the one thread that
// asks, the least of several turns: others on the machine only add.
#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "core/admission/admission.hpp"
#include "core/auth/json_access.hpp"
#include "core/auth/node.hpp"
#include "core/plugins/calls.hpp"
#include "core/plugins/host.hpp"
#include "core/verbs/own_context.hpp"
#include "tests/bench/usage.hpp"

namespace {

using keelson::usage::thread_us;

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace keelson;

constexpr int kTurns = 7;
constexpr int kAsksATurn = 200'000;
constexpr int kOtherBindings = 200;
constexpr std::int64_t kGiveUp_ms = 30'000;

class Server {
 public:
  explicit Server(const std::string& plugins) {
    auth::add_default_admission(*chains_);
    chains_->add(auth::node_authorizer(*store_));
    chains_->add(issuer_->authenticator(*store_));
    admission_ = admission::make_admission({*chains_, *registry_, *store_, *runtime_, *metrics_, nullptr});
    for (const std::string ns : {"kube-system", "kube-public", "robots"}) write("", "Namespace", "", R"({"metadata":{"name":")" + ns + R"("}})");
    plugins::HostOptions options;
    options.check_permissions = false;
    options.watch_directories = false;
    host_ = plugins::make_plugin_host({*store_, *verbs_, *registry_, *chains_, *runtime_, *metrics_, {}}, std::move(options));
    host_->start();
    host_->load((fs::path(plugins) / "rbac.so").string());
    admission_->start(*verbs_);
    wait("the roles that every cluster has", [&] { return store_->snapshot().get({store::Atom("clusterroles.rbac.authorization.k8s.io"), "", "view"}) != nullptr; });
    fill();
  }
  ~Server() {
    admission_->stop();
    host_->stop(runtime_->in_ms(10'000));
    host_.reset();
    verbs_.reset();
    hub_->stop();
    store_->stop();
  }

  /// One request's worth of asking, in parts.
  auth::Identity identify() const {
    auth::Credentials credentials;
    credentials.bearer_token = token_;
    return chains_->authenticate(credentials).value();
  }
  bool may(const auth::Attributes& asked) const { return chains_->authorize(asked).decision == auth::Decision::allow; }
  void admit(const auth::Identity& user) {
    std::vector<store::Expectation> expectations;
    std::vector<std::string> warnings;
    auth::AdmissionRequest request{.snapshot = store_->snapshot()};
    request.kind = kind_;
    request.ns = "robots";
    request.name = "a";
    request.object = &config_map_;
    request.user = &user;
    request.expectations = &expectations;
    request.warnings = &warnings;
    const auto must = [](const base::Outcome<void>& outcome) {
      if (!outcome) throw std::runtime_error(outcome.error().message);
    };
    chains_->admit_mutate(request, must);
    chains_->admit_validate(request, must);
  }
  static auth::Attributes asked_by(const auth::Identity& user) {
    auth::Attributes asked;
    asked.user = &user;
    asked.verb = "create";
    asked.version = "v1";
    asked.resource = "configmaps";
    asked.ns = "robots";
    return asked;
  }

 private:
  store::ObjectRef write(std::string_view group, const char* kind, const std::string& ns, const std::string& body) {
    const auto written = plugins::await<base::Outcome<verbs::Written>>(*runtime_, [&](auto done) {
      verbs_->create(context_, {registry_->current()->by_kind(group, "v1", kind), ns, "", ""}, {kinds::Media::json, body}, {}, std::move(done));
    });
    if (!written) throw std::runtime_error(written.error().message);
    return written->object;
  }
  void bind(const std::string& name, const std::string& account) {
    write("rbac.authorization.k8s.io", "RoleBinding", "robots", R"({"metadata":{"name":")" + name + R"("},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"robots"},)"
          R"("subjects":[{"kind":"ServiceAccount","name":")" + account + R"(","namespace":"robots"}]})");
  }
  void fill() {
    const auto account = write("", "ServiceAccount", "robots", R"({"metadata":{"name":"robot"}})");
    write("rbac.authorization.k8s.io", "ClusterRole", "", R"({"metadata":{"name":"robots"},"rules":[{"apiGroups":[""],"resources":["configmaps"],"verbs":["create"]}]})");
    for (int i = 0; i < kOtherBindings; ++i) bind("other-" + std::to_string(i), "account-" + std::to_string(i));
    bind("robot", "robot");
    auth::TokenIssuer::Claims claims;
    claims.ns = "robots";
    claims.service_account = "robot";
    claims.service_account_uid = account->columns().uid;
    token_ = issuer_->issue(claims).text;
    const auto user = identify();
    wait("the account gets in", [&] { return may(asked_by(user)); });
  }
  template <class Holds>
  void wait(const char* what, Holds holds) {
    const auto end = runtime_->in_ms(kGiveUp_ms);
    const auto pause = runtime_->waiter();
    while (!holds()) {
      if (runtime_->monotonic_ns() > end) throw std::runtime_error(std::string("not in time: ") + what);
      pause->wait_until(runtime_->monotonic_ns() + base::kNanosPerMs);
    }
  }

  const std::unique_ptr<base::Runtime> runtime_ = base::real_runtime();
  const std::unique_ptr<base::Metrics> metrics_ = base::make_metrics();
  const std::unique_ptr<kinds::Registry> registry_ = kinds::make_registry();
  const std::unique_ptr<auth::Chains> chains_ = auth::make_chains();
  const std::unique_ptr<store::Store> store_ = store::make_memory_store(*runtime_, *metrics_);
  const std::unique_ptr<watch::Hub> hub_ = watch::make_hub(*store_, *runtime_, *metrics_);
  std::unique_ptr<verbs::Verbs> verbs_ = verbs::make_verbs({*store_, *hub_, *registry_, *chains_, nullptr, *runtime_, *metrics_});
  const std::unique_ptr<auth::TokenIssuer> issuer_ = auth::make_token_issuer(auth::make_ec_key_pem(), "https://server", *runtime_).value();
  std::unique_ptr<admission::Admission> admission_;
  std::unique_ptr<plugins::PluginHost> host_;
  const verbs::Context context_ = verbs::own_context("bench");
  const kinds::KindRef kind_ = registry_->current()->by_kind("", "v1", "ConfigMap");
  json::value config_map_ = json::parse(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"robots"},"data":{"k":"v"}})");
  std::string token_;
};

template <class Work>
double least_us(Work work) {
  double least = 1e18;
  for (int turn = 0; turn < kTurns; ++turn) {
    const auto begun = thread_us();
    for (int i = 0; i < kAsksATurn; ++i) work();
    least = std::min(least, (thread_us() - begun) / kAsksATurn);
  }
  return least;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count != 2) throw std::runtime_error("usage: bench_policies PLUGINS_DIR");
    Server server(arguments[1]);
    const auto user = server.identify();
    const auto asked = Server::asked_by(user);
    const auto identity = least_us([&] { server.identify(); });
    const auto answer = least_us([&] { server.may(asked); });
    const auto admission = least_us([&] { server.admit(user); });
    const auto all = least_us([&] {
      const auto who = server.identify();
      if (!server.may(Server::asked_by(who))) throw std::runtime_error("refused");
      server.admit(who);
    });
    std::printf("{\"identity_us\": %.3f, \"answer_us\": %.3f, \"admission_us\": %.3f, \"all_us\": %.3f}\n", identity, answer, admission, all);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
