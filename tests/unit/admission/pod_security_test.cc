#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

using Annotations = std::map<std::string, std::string>;

Cluster::Outcome makes(Cluster& cluster, const std::string& name, const std::string& more) {
  return cluster.create("v1/pods", "watched", R"({"metadata":{"name":")" + name + R"("},"spec":{)" + more + R"("containers":[{"name":"c","image":"i"}]}})");
}
Annotations annotations_of(const Cluster::Outcome& outcome) {
  REQUIRE(outcome.has_value());
  return {outcome->annotations.begin(), outcome->annotations.end()};
}
void watched_namespace(Cluster& cluster, const std::string& labels) {
  Cluster::must(cluster.create("v1/namespaces", "", R"({"metadata":{"name":"watched","labels":{)" + labels + "}}}"));
  Cluster::must(cluster.create("v1/serviceaccounts", "watched", R"({"metadata":{"name":"default"}})"));
}

constexpr const char* kViolations = "pod-security.kubernetes.io/audit-violations";
constexpr const char* kEnforced = "pod-security.kubernetes.io/enforce-policy";

}  // namespace

TEST_CASE("audit mode lets a pod in and tells the audit log what it violates") {
  Cluster cluster;
  watched_namespace(cluster, R"("pod-security.kubernetes.io/audit":"baseline","pod-security.kubernetes.io/audit-version":"v1.36")");
  const auto loud = makes(cluster, "loud", R"("hostNetwork":true,)");
  CHECK(holds(annotations_of(loud)[kViolations], R"(would violate PodSecurity "baseline:v1.36": host namespaces (hostNetwork=true))"));
  CHECK(loud->warnings.empty());
  CHECK_FALSE(annotations_of(loud).contains(kEnforced));
  CHECK_FALSE(annotations_of(makes(cluster, "quiet", "")).contains(kViolations));
  const auto deployment = cluster.create("apps/v1/deployments", "watched", R"({"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
    "spec":{"hostPID":true,"containers":[{"name":"c","image":"i"}]}}}})");
  CHECK(holds(annotations_of(deployment)[kViolations], "host namespaces (hostPID=true)"));
}

TEST_CASE("what is enforced is told, and modes judge each by their own level") {
  Cluster cluster;
  watched_namespace(cluster, R"("pod-security.kubernetes.io/enforce":"baseline","pod-security.kubernetes.io/audit":"restricted","pod-security.kubernetes.io/warn":"restricted")");
  const auto plain = makes(cluster, "plain", "");
  auto annotations = annotations_of(plain);
  CHECK(annotations[kEnforced] == "baseline:latest");
  CHECK(holds(annotations[kViolations], R"(would violate PodSecurity "restricted:latest": )"));
  REQUIRE(plain->warnings.size() == 1);
  CHECK(plain->warnings[0] == annotations[kViolations]);
  CHECK(holds(cluster.message(makes(cluster, "loud", R"("hostNetwork":true,)")), R"(pods "loud" is forbidden: violates PodSecurity "baseline:latest")"));
}
