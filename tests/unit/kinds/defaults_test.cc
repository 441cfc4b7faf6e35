#include <catch2/catch.hpp>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

TEST_CASE("A pod gets the defaults of its spec and of its containers") {
  const auto pod = defaulted(*builtin("v1", "Pod"), kPod);
  CHECK(shown(pod, "spec.restartPolicy") == "\"Always\"");
  CHECK(shown(pod, "spec.dnsPolicy") == "\"ClusterFirst\"");
  CHECK(shown(pod, "spec.schedulerName") == "\"default-scheduler\"");
  CHECK(shown(pod, "spec.terminationGracePeriodSeconds") == "30");
  CHECK(shown(pod, "spec.securityContext") == "{}");
  CHECK(shown(pod, "spec.enableServiceLinks") == "true");
  CHECK(shown(pod, "spec.containers.0.imagePullPolicy") == "\"Always\"");
  CHECK(shown(pod, "spec.containers.0.terminationMessagePath") == "\"/dev/termination-log\"");
  CHECK(shown(pod, "spec.containers.0.terminationMessagePolicy") == "\"File\"");
  CHECK(shown(pod, "spec.containers.0.ports.0.protocol") == "\"TCP\"");
  CHECK(shown(pod, "spec.containers.0.resources.limits") == R"({"cpu":"500m","memory":"1Gi"})");
  CHECK(shown(pod, "spec.containers.0.resources.requests") == R"({"cpu":"500m","memory":"1Gi"})");
}

TEST_CASE("Images are pulled always only when they may change") {
  const auto policy = [](const std::string& image) {
    return shown(defaulted(*builtin("v1", "Pod"), R"({"spec":{"containers":[{"image":")" + image + R"("}]}})"), "spec.containers.0.imagePullPolicy");
  };
  CHECK(policy("nginx") == "\"Always\"");
  CHECK(policy("nginx:latest") == "\"Always\"");
  CHECK(policy("nginx:1.25") == "\"IfNotPresent\"");
  CHECK(policy("reg:5000/nginx") == "\"Always\"");
  CHECK(policy("reg:5000/nginx:1") == "\"IfNotPresent\"");
  CHECK(policy("nginx@sha256:abc") == "\"IfNotPresent\"");
  CHECK(policy("localhost/a/b-c__d.e") == "\"Always\"");
  CHECK(policy("Reg.example:5000/a") == "\"Always\"");
  for (const std::string no_reference : {"Not_A.Name", "a--_b", "a//b", "a:", "reg:x/a", "-a", ""}) {
    CAPTURE(no_reference);
    CHECK(policy(no_reference) == "\"IfNotPresent\"");
  }
  CHECK(policy(std::string(300, 'x')) == "\"IfNotPresent\"");
}

TEST_CASE("What only pods get is not put into templates") {
  const auto deployment = defaulted(*builtin("apps/v1", "Deployment"), kDeployment);
  CHECK(shown(deployment, "spec.template.spec.enableServiceLinks") == "absent");
  const auto cron = defaulted(*builtin("batch/v1", "CronJob"), R"({"spec":{"jobTemplate":{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":-1}}}}}})");
  CHECK(shown(cron, "spec.jobTemplate.spec.backoffLimit") == "absent");
  CHECK(shown(cron, "spec.jobTemplate.spec.template.spec.terminationGracePeriodSeconds") == "-1");
  CHECK(shown(defaulted(*builtin("v1", "Pod"), R"({"spec":{"terminationGracePeriodSeconds":-1}})"), "spec.terminationGracePeriodSeconds") == "1");
  CHECK(shown(deployment, "spec.template.spec.restartPolicy") == "\"Always\"");
  CHECK(shown(deployment, "spec.template.spec.containers.0.resources") == "{}");
  CHECK(shown(deployment, "spec.template.spec.containers.0.imagePullPolicy") == "\"IfNotPresent\"");
  CHECK(shown(deployment, "spec.replicas") == "1");
  CHECK(shown(deployment, "spec.strategy") == R"({"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}})");
  CHECK(shown(deployment, "spec.revisionHistoryLimit") == "10");
  CHECK(shown(deployment, "spec.progressDeadlineSeconds") == "600");
  CHECK(shown(deployment, "status") == "{}");
}

TEST_CASE("Zero replicas are kept, zero probe numbers are filled") {
  const auto deployment = defaulted(*builtin("apps/v1", "Deployment"),
                                    R"({"spec":{"replicas":0,"paused":false,"template":{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":80},"periodSeconds":0}}]}}}})");
  CHECK(shown(deployment, "spec.replicas") == "0");
  CHECK(shown(deployment, "spec.paused") == "absent");
  CHECK(shown(deployment, "spec.template.spec.containers.0.livenessProbe") ==
        R"({"httpGet":{"port":80,"path":"/","scheme":"HTTP"},"periodSeconds":10,"timeoutSeconds":1,"successThreshold":1,"failureThreshold":3})");
}

TEST_CASE("Pods on the host network have their host ports filled") {
  const auto pod = defaulted(*builtin("v1", "Pod"), R"({"spec":{"hostNetwork":true,"containers":[{"ports":[{"containerPort":80}]}]}})");
  CHECK(shown(pod, "spec.containers.0.ports.0.hostPort") == "80");
}

TEST_CASE("Volumes without a source are empty directories") {
  const auto pod = defaulted(*builtin("v1", "Pod"), R"({"spec":{"volumes":[{"name":"a"},{"name":"b","secret":{"secretName":"s"}},{"name":"c","hostPath":{"path":"/x"}}]}})");
  CHECK(shown(pod, "spec.volumes.0") == R"({"name":"a","emptyDir":{}})");
  CHECK(shown(pod, "spec.volumes.1.secret.defaultMode") == "420");
  CHECK(shown(pod, "spec.volumes.1.emptyDir") == "absent");
  CHECK(shown(pod, "spec.volumes.2.hostPath.type") == "\"\"");
}

TEST_CASE("Aliases are folded and mirrored") {
  const auto pod = defaulted(*builtin("v1", "Pod"), R"({"spec":{"serviceAccount":"robot"},"status":{"podIP":"10.0.0.1"}})");
  CHECK(shown(pod, "spec.serviceAccountName") == "\"robot\"");
  CHECK(shown(pod, "spec.serviceAccount") == "\"robot\"");
  CHECK(shown(pod, "status.podIPs") == R"([{"ip":"10.0.0.1"}])");
  const auto secret = defaulted(*builtin("v1", "Secret"), R"({"data":{"a":"eA==","b":"eA=="},"stringData":{"a":"hi"}})");
  CHECK(shown(secret, "data") == R"({"a":"aGk=","b":"eA=="})");
  CHECK(shown(secret, "stringData") == "absent");
  CHECK(shown(secret, "type") == "\"Opaque\"");
}

TEST_CASE("Services get what their type asks for") {
  const auto service = builtin("v1", "Service");
  const auto plain = defaulted(*service, R"({"spec":{"ports":[{"port":80}]}})");
  CHECK(shown(plain, "spec.type") == "\"ClusterIP\"");
  CHECK(shown(plain, "spec.sessionAffinity") == "\"None\"");
  CHECK(shown(plain, "spec.internalTrafficPolicy") == "\"Cluster\"");
  CHECK(shown(plain, "spec.externalTrafficPolicy") == "absent");
  CHECK(shown(plain, "spec.ports.0") == R"({"port":80,"protocol":"TCP","targetPort":80})");
  const auto balanced = defaulted(*service, R"({"spec":{"type":"LoadBalancer","sessionAffinity":"ClientIP"}})");
  CHECK(shown(balanced, "spec.externalTrafficPolicy") == "\"Cluster\"");
  CHECK(shown(balanced, "spec.allocateLoadBalancerNodePorts") == "true");
  CHECK(shown(balanced, "spec.sessionAffinityConfig.clientIP.timeoutSeconds") == "10800");
  CHECK(shown(defaulted(*service, R"({"spec":{"type":"ExternalName"}})"), "spec.internalTrafficPolicy") == "absent");
}

TEST_CASE("Namespaces carry their name as a label") {
  const auto ns = defaulted(*builtin("v1", "Namespace"), R"({"metadata":{"name":"team"}})");
  CHECK(shown(ns, "metadata.labels") == R"({"kubernetes.io/metadata.name":"team"})");
  CHECK(shown(ns, "status.phase") == "\"Active\"");
}

TEST_CASE("A node's allocatable is its capacity") {
  CHECK(shown(defaulted(*builtin("v1", "Node"), R"({"status":{"capacity":{"cpu":"2"}}})"), "status.allocatable") == R"({"cpu":"2"})");
}

TEST_CASE("Defaults are idempotent for every built-in kind") {
  const auto registry = make_registry();
  for (const auto& kind : registry->current()->all()) {
    INFO(kind->kind);
    auto once = decoded(*kind, R"({"metadata":{"name":"a"},"spec":{}})", FieldValidation::ignore);
    if (!once) once = decoded(*kind, R"({"metadata":{"name":"a"}})", FieldValidation::ignore);
    REQUIRE(once.has_value());
    auto object = once.value().object;
    apply_defaults(*kind, object);
    auto twice = object;
    apply_defaults(*kind, twice);
    CHECK(equal_for_commit(object, twice));
    const auto body = encode(*kind, object, kSlot).body;
    auto again = decoded(*kind, body);
    REQUIRE(again.has_value());
    CHECK(equal_for_commit(parse(Media::json, body, {}).value(), object));
    apply_defaults(*kind, again.value().object);
    CHECK(encode(*kind, again.value().object, kSlot).body == body);
  }
}
