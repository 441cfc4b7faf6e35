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
