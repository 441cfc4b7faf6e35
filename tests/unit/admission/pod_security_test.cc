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
  watched_namespace(cluster, R"("pod-security.kubernetes.io/audit":"baseline","pod-security.kubernetes.io/audit-version":"v1.36","pod-security.kubernetes.io/warn":"privileged")");
  const auto loud = makes(cluster, "loud", R"("hostNetwork":true,)");
  CHECK(holds(annotations_of(loud)[kViolations], R"(would violate PodSecurity "baseline:v1.36": host namespaces (hostNetwork=true))"));
  CHECK(loud->warnings.empty());
  CHECK_FALSE(annotations_of(loud).contains(kEnforced));
  CHECK_FALSE(annotations_of(makes(cluster, "quiet", "")).contains(kViolations));
  const auto deployment = cluster.create("apps/v1/deployments", "watched", R"({"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
    "spec":{"hostPID":true,"containers":[{"name":"c","image":"i"}]}}}})");
  CHECK(holds(annotations_of(deployment)[kViolations], "host namespaces (hostPID=true)"));
}

TEST_CASE("where no label says anything pods are let in, with a warning of what the baseline forbids") {
  Cluster cluster;
  watched_namespace(cluster, "");
  const auto loud = makes(cluster, "loud", R"("hostNetwork":true,)");
  CHECK(annotations_of(loud).empty());
  CHECK(loud->warnings == std::vector<std::string>{R"(would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true))"});
  CHECK(makes(cluster, "quiet", "")->warnings.empty());
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

TEST_CASE("each level judges containers of every kind, those that are added later too") {
  struct Row { std::string level, context, reason; };
  const std::string good = R"("allowPrivilegeEscalation":false,"runAsNonRoot":true,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"})";
  const std::vector<Row> rows = {
      {"baseline", R"("privileged":true)", "privileged"}, {"baseline", R"("capabilities":{"add":["SYS_ADMIN"]})", "non-default capabilities"},
      {"baseline", R"("procMount":"Unmasked")", "procMount"}, {"baseline", R"("seLinuxOptions":{"type":"spc_t"})", "seLinuxOptions"},
      {"baseline", R"("seccompProfile":{"type":"Unconfined"})", "seccompProfile"}, {"baseline", R"("appArmorProfile":{"type":"Unconfined"})", "forbidden AppArmor profile"},
      {"restricted", R"("runAsNonRoot":true,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"})", "allowPrivilegeEscalation != false"},
      {"restricted", R"("allowPrivilegeEscalation":false,"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"})", "unrestricted capabilities"},
      {"restricted", R"("allowPrivilegeEscalation":false,"runAsNonRoot":false,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"})", "runAsNonRoot != true"},
      {"restricted", R"("allowPrivilegeEscalation":false,"runAsNonRoot":true,"runAsUser":0,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"})", "runAsUser=0"},
      {"restricted", R"("allowPrivilegeEscalation":false,"runAsNonRoot":true,"capabilities":{"drop":["ALL"]})", "seccompProfile"},
  };
  for (const auto& row : rows) {
    Cluster cluster;
    watched_namespace(cluster, R"("pod-security.kubernetes.io/enforce":")" + row.level + "\"");
    const auto container = [](const std::string& name, const std::string& context) { return R"({"name":")" + name + R"(","image":"i","securityContext":{)" + context + "}}"; };
    const auto pod = [&](const std::string& name, const std::string& init, const std::string& main) {
      return R"({"metadata":{"name":")" + name + R"("},"spec":{"initContainers":[)" + container("init", init) + R"(],"containers":[)" + container("main", main) + "]}}";
    };
    Cluster::must(cluster.create("v1/pods", "watched", pod("good", good, good)));
    const std::string added = R"({"spec":{"ephemeralContainers":[)" + container("debug", row.context) + "]}}";
    for (const auto& [kind, answer] : {std::pair{"initContainers", cluster.message(cluster.create("v1/pods", "watched", pod("bad", row.context, good)))},
                                       std::pair{"containers", cluster.message(cluster.create("v1/pods", "watched", pod("bad", good, row.context)))},
                                       std::pair{"ephemeralContainers", cluster.message(cluster.patch("v1/pods/ephemeralcontainers", "watched", "good", added))}}) {
      INFO(row.level << " " << row.context << " in " << kind);
      CHECK(holds(answer, R"(is forbidden: violates PodSecurity ")" + row.level + R"(:latest": )" + row.reason + " ("));
    }
  }
}

TEST_CASE("probes and hooks of containers reach no host of somebody's choice") {
  Cluster cluster;
  watched_namespace(cluster, R"("pod-security.kubernetes.io/enforce":"baseline")");
  const auto made = [&](const std::string& more) { return cluster.message(cluster.create("v1/pods", "watched", R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i",)" + more + "}]}}")); };
  CHECK(made(R"("livenessProbe":{"httpGet":{"port":80,"host":"169.254.169.254"}},"lifecycle":{"preStop":{"httpGet":{"port":80,"host":"other"}}})") ==
        R"(pods "p" is forbidden: violates PodSecurity "baseline:latest": probe or lifecycle host (container "c" uses probe or lifecycle hosts "169.254.169.254", "other"))");
  CHECK(holds(made(R"("readinessProbe":{"tcpSocket":{"port":80,"host":"10.0.0.1"}})"), R"(probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1"))"));
  CHECK(made(R"("livenessProbe":{"httpGet":{"port":80}},"lifecycle":{"postStart":{"httpGet":{"port":80}}})") == "no failure");
}

TEST_CASE("a namespace that asks for more than before tells which of its pods violate it") {
  Cluster cluster;
  watched_namespace(cluster, "");
  const auto plain = [&](const std::string& name, const std::string& more) { Cluster::must(makes(cluster, name, more)); };
  plain("c", R"("hostNetwork":true,)");
  plain("a", R"("hostNetwork":true,)");
  plain("b", R"("hostPID":true,)");
  plain("d", R"("hostPID":true,"volumes":[{"name":"v","hostPath":{"path":"/"}}],)");
  const auto labelled = [&](const std::string& labels) {
    auto outcome = cluster.patch("v1/namespaces", "", "watched", R"({"metadata":{"labels":{)" + labels + "}}}");
    REQUIRE(outcome.has_value());
    return outcome->warnings;
  };
  CHECK(labelled(R"("pod-security.kubernetes.io/enforce":"baseline")") ==
        std::vector<std::string>{R"(existing pods in namespace "watched" violate the new PodSecurity enforce level "baseline:latest")", "a (and 2 other pods): host namespaces", "d: host namespaces, hostPath volumes"});
  CHECK(labelled(R"("mine":"yes")").empty());
  CHECK(labelled(R"("pod-security.kubernetes.io/enforce":"restricted","pod-security.kubernetes.io/enforce-version":"v1.36")").size() == 3);
  CHECK(labelled(R"("pod-security.kubernetes.io/enforce":"baseline")").empty());
  CHECK(labelled(R"("pod-security.kubernetes.io/enforce":"privileged")").empty());
  const auto wrong = cluster.patch("v1/namespaces", "", "watched", R"({"metadata":{"labels":{"pod-security.kubernetes.io/enforce-version":"v1.036"}}})");
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().code == 422);
  CHECK(holds(wrong.error().message, R"(metadata.labels[pod-security.kubernetes.io/enforce-version]: Invalid value: "v1.036": must be "latest" or "v1.x")"));
}

TEST_CASE("a pod that is changed is judged again when its images are others") {
  Cluster cluster;
  watched_namespace(cluster, "");
  Cluster::must(makes(cluster, "old", R"("hostNetwork":true,"automountServiceAccountToken":false,)"));
  Cluster::must(cluster.patch("v1/namespaces", "", "watched", R"({"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}})"));
  CHECK(cluster.message(cluster.patch("v1/pods", "watched", "old", R"({"metadata":{"labels":{"a":"b"}}})")) == "no failure");
  CHECK(holds(cluster.message(cluster.patch("v1/pods", "watched", "old", R"({"spec":{"containers":[{"name":"c","image":"other"}]}})")), R"(pods "old" is forbidden: violates PodSecurity "baseline:latest": host namespaces)"));
}
