// The chain's order is upstream's of v1.36, unit by unit.
#include <map>

#include "core/auth/event_rate.hpp"
#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

struct Place {
  int order;
  const char* name;
  bool by_default;
};
constexpr Place kUpstream[] = {
    {0, "AlwaysAdmit", false}, {1, "NamespaceAutoProvision", false}, {2, "NamespaceLifecycle", true}, {3, "NamespaceExists", false}, {4, "LimitPodHardAntiAffinityTopology", false},
    {5, "LimitRanger", true}, {6, "ServiceAccount", true}, {7, "NodeRestriction", false}, {8, "TaintNodesByCondition", true}, {9, "AlwaysPullImages", false}, {10, "ImagePolicyWebhook", false},
    {11, "PodSecurity", true}, {12, "PodNodeSelector", false}, {13, "Priority", true}, {14, "DefaultTolerationSeconds", true}, {15, "PodTolerationRestriction", false},
    {16, "EventRateLimit", false}, {17, "ExtendedResourceToleration", false}, {18, "DefaultStorageClass", true}, {19, "StorageObjectInUseProtection", true}, {20, "PodGroupProtection", true},
    {21, "OwnerReferencesPermissionEnforcement", false}, {22, "PersistentVolumeClaimResize", true}, {23, "RuntimeClass", true}, {24, "CertificateApproval", true},
    {25, "CertificateSigning", true}, {26, "ClusterTrustBundleAttest", true}, {27, "CertificateSubjectRestriction", true}, {28, "DefaultIngressClass", true},
    {29, "DenyServiceExternalIPs", false}, {30, "PodTopologyLabels", true}, {31, "PodGroupWorkloadExists", true}, {32, "NodeDeclaredFeatureValidator", true}, {33, "JobValidation", true},
    {34, "PodResizeValidator", true}, {35, "MutatingAdmissionPolicy", true}, {36, "MutatingAdmissionWebhook", true}, {37, "ValidatingAdmissionPolicy", true},
    {38, "ValidatingAdmissionWebhook", true}, {39, "ResourceQuota", true}, {40, "AlwaysDeny", false}};

/// Those that are on by default upstream and have nothing to do here, with the kind that they are about: it is not served.
const std::map<std::string, std::string> kWithoutTheirKind = {
    {"PodGroupProtection", "podgroups"}, {"PodGroupWorkloadExists", "podgroups"}, {"JobValidation", "podgroups"}, {"ClusterTrustBundleAttest", "clustertrustbundles"}};

/// Keeps the names of what is added.
class Listing final : public auth::Chains {
 public:
  void add(std::shared_ptr<auth::Authenticator>) override {}
  void add_first(std::shared_ptr<auth::Authenticator>) override {}
  void add(std::shared_ptr<auth::Authorizer>) override {}
  void add(int order, std::shared_ptr<auth::AdmissionUnit> unit) override {
    CHECK(units.emplace(order, std::string(unit->name())).second);
    kept.push_back(std::move(unit));
  }
  void remove(const void*) override {}
  base::Outcome<auth::Identity> authenticate(const auth::Credentials&) const override { return auth::Identity(); }
  auth::Verdict authorize(const auth::Attributes&) const override { return {}; }
  void admit_mutate(auth::AdmissionRequest&, std::function<void(base::Outcome<void>)> done) const override { done({}); }
  void admit_validate(auth::AdmissionRequest&, std::function<void(base::Outcome<void>)> done) const override { done({}); }
  std::map<int, std::string> units;
  std::vector<std::shared_ptr<auth::AdmissionUnit>> kept;
};

}  // namespace

TEST_CASE("every unit stands where upstream has it, and none that is on by default is missing") {
  Cluster cluster;
  Listing chain;
  auth::add_default_admission(chain);
  chain.add(auth::kOrderEventRateLimit, auth::event_rate_limit(*cluster.runtime));
  const auto admission = admission::make_admission({chain, *cluster.registry, *cluster.store, *cluster.runtime, *cluster.metrics, nullptr});
  for (const auto& place : kUpstream) {
    INFO(place.name);
    const auto found = chain.units.find(place.order);
    if (found != chain.units.end()) CHECK(found->second == place.name);
    else if (const auto without = kWithoutTheirKind.find(place.name); without != kWithoutTheirKind.end())
      for (const auto& kind : cluster.registry->current()->all()) CHECK(kind->resource != without->second);
    else CHECK_FALSE(place.by_default);
  }
  for (const auto& [order, name] : chain.units) {
    if (order == admission::kOrderServiceAddresses) CHECK(name == "ServiceAddresses");   // upstream's registry does that
    else CHECK(name == kUpstream[order].name);
  }
  admission->stop();
}

TEST_CASE("a spec that has come before hides no pod from a node's zone, a quota, a limit, a policy, a webhook or a node's own rights") {
  Cluster cluster;
  const std::string plain = R"({"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"1"}}}]})", placed = R"({"automountServiceAccountToken":false,"nodeName":"n1","containers":[{"name":"c","image":"i"}]})";
  int made = 0;
  const auto make = [&](const std::string& spec) { return cluster.create("v1/pods", "default", R"({"metadata":{"name":"p)" + std::to_string(made++) + R"("},"spec":)" + spec + "}"); };
  const auto refusal = [&] {
    const auto outcome = make(plain);
    return outcome ? std::string("made") : outcome.error().message;
  };
  constexpr int kTimes = 5;   // read whole, read and kept, settled, admitted, recalled
  for (int i = 0; i < kTimes; ++i)
    for (const auto& spec : {plain, placed}) Cluster::must(make(spec));
  Cluster::must(cluster.create("v1/nodes", "", R"({"metadata":{"name":"n1","labels":{"topology.kubernetes.io/zone":"z"}}})"));
  CHECK(holds(std::string(Cluster::must(make(placed))->body()), R"("topology.kubernetes.io/zone":"z")"));

  Cluster::must(cluster.create("v1/limitranges", "default", R"({"metadata":{"name":"l"},"spec":{"limits":[{"type":"Container","default":{"memory":"1Gi"}}]}})"));
  CHECK(holds(std::string(Cluster::must(make(plain))->body()), "kubernetes.io/limit-ranger"));
  Cluster::must(cluster.remove("v1/limitranges", "default", "l"));
  Cluster::must(make(plain));

  Cluster::must(cluster.create("v1/resourcequotas", "default", R"({"metadata":{"name":"q"},"spec":{"hard":{"requests.cpu":"1"}}})"));
  CHECK(holds(refusal(), "exceeded quota: q"));
  Cluster::must(cluster.remove("v1/resourcequotas", "default", "q"));
  Cluster::must(make(plain));

  const std::string group = "admissionregistration.k8s.io/v1/", on_pods = R"([{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"]}])";
  Cluster::must(cluster.create(group + "validatingadmissionpolicies", "", R"({"metadata":{"name":"v"},"spec":{"matchConstraints":{"resourceRules":)" + on_pods + R"(},"validations":[{"expression":"size(object.spec.containers) > 1"}]}})"));
  Cluster::must(cluster.create(group + "validatingadmissionpolicybindings", "", R"({"metadata":{"name":"b"},"spec":{"policyName":"v","validationActions":["Deny"]}})"));
  CHECK(holds(refusal(), "size(object.spec.containers) > 1"));
  Cluster::must(cluster.remove(group + "validatingadmissionpolicybindings", "", "b"));
  Cluster::must(make(plain));

  Cluster::must(cluster.create(group + "validatingwebhookconfigurations", "", R"({"metadata":{"name":"w"},"webhooks":[{"name":"w.example.com","failurePolicy":"Fail","sideEffects":"None","admissionReviewVersions":["v1"],)"
                               R"("timeoutSeconds":1,"clientConfig":{"url":"https://127.0.0.1:1/"},"rules":)" + on_pods + "}]}"));
  CHECK(holds(refusal(), "failed calling webhook"));
  Cluster::must(cluster.remove(group + "validatingwebhookconfigurations", "", "w"));
  Cluster::must(make(plain));

  cluster.admin.user = {.name = "system:node:n1", .groups = {"system:masters", "system:nodes", "system:authenticated"}};
  CHECK(holds(refusal(), "can only create"));
}

TEST_CASE("webhooks and policies about other things leave what is known of a spec alone, and see what they are about") {
  class Counter final : public auth::AdmissionUnit {
   public:
    std::string_view name() const override { return "Counter"; }
    bool handles(auth::AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return kind.kind == "Pod"; }
    bool rests_on(const auth::AdmissionRequest&, auth::Grounds&) override { return true; }
    void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { recalled += request.spec_is_known ? 1 : 0, done({}); }
    int recalled = 0;
  };
  Cluster cluster;
  const auto counter = std::make_shared<Counter>();
  cluster.chains->add(1000, counter);
  const std::string group = "admissionregistration.k8s.io/v1/", on_config_maps = R"([{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["configmaps"]}])",
                    on_pods = R"([{"operations":["CREATE"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*"]}])", selector = R"("objectSelector":{"matchLabels":{"a":"b"}},)";
  const auto webhook = [&](const std::string& kind, const std::string& name, const std::string& rules) {
    Cluster::must(cluster.create(group + kind, "", R"({"metadata":{"name":")" + name + R"("},"webhooks":[{"name":"w.example.com","sideEffects":"None","admissionReviewVersions":["v1"],"timeoutSeconds":1,"clientConfig":{"url":"https://127.0.0.1:1/"},)" + rules + "}]}"));
  };
  const auto policy = [&](const std::string& kind, const std::string& name, const std::string& more) {
    Cluster::must(cluster.create(group + kind + "policies", "", R"({"metadata":{"name":")" + name + R"("},"spec":{)" + more + "}}"));
    Cluster::must(cluster.create(group + kind + "policybindings", "", R"({"metadata":{"name":")" + name + R"("},"spec":{"policyName":")" + name + "\"" + (kind.starts_with("v") ? R"(,"validationActions":["Deny"])" : "") + "}}"));
  };
  int made = 0;
  const auto make = [&](const std::string& labels) {
    return cluster.create("v1/pods", "default", R"({"metadata":{"name":"p)" + std::to_string(made++) + R"(","labels":{)" + labels + R"(}},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]}})");
  };
  const std::string adds = R"x("reinvocationPolicy":"Never","mutations":[{"patchType":"ApplyConfiguration","applyConfiguration":{"expression":"Object{metadata: Object.metadata{labels: {'seen': 'yes'}}}"}}])x";
  for (const std::string kind : {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}) {
    webhook(kind, "elsewhere", "\"rules\":" + on_config_maps);
    webhook(kind, "selected", selector + "\"rules\":" + on_pods);
  }
  policy("validatingadmission", "v", R"("matchConstraints":{"resourceRules":)" + on_config_maps + R"(},"validations":[{"expression":"false"}])");
  policy("mutatingadmission", "m", R"("matchConstraints":{)" + std::string(R"("objectSelector":{"matchLabels":{"c":"d"}},)") + R"("resourceRules":)" + on_pods + "}," + adds);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(holds(std::string(Cluster::must(make(""))->body()), "seen"));
  CHECK(counter->recalled > 0);
  CHECK(holds(cluster.message(make(R"("a":"b")")), "failed calling webhook"));
  CHECK(holds(std::string(Cluster::must(make(R"("c":"d")"))->body()), R"("seen":"yes")"));
}
