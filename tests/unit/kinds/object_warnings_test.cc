#include <catch2/catch.hpp>

#include "core/kinds/validate/object_warnings.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

/// Joined by " | ".
std::string warned(std::string_view api, std::string_view kind, std::string_view spec, std::string_view metadata = "", const json::value* old = nullptr) {
  const auto k = builtin(api, kind);
  const auto object = defaulted(*k, R"({"metadata":{"name":"a","namespace":"d")" + std::string(metadata) + R"(},"spec":)" + std::string(spec) + "}");
  std::vector<std::string> texts;
  append_object_warnings(*k, object, old, texts);
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : " | ") + text;
  return all;
}

std::string pod(std::string_view rest) { return warned("v1", "Pod", R"({"containers":[{"name":"c","image":"i")" + std::string(rest) + "}]}"); }

constexpr std::string_view kHidden = R"({"containers":[{"name":"c","image":"i","env":[{"name":"a","value":"x"},{"name":"a","value":"y"}]}]})";

}  // namespace

TEST_CASE("A pod is warned of for what does nothing or hides something") {
  CHECK(pod("") == "");
  CHECK(warned("v1", "Pod", kHidden) == "spec.containers[0].env[1]: hides previous definition of \"a\", which may be dropped when using apply");
  CHECK(pod(R"(,"env":[{"name":"a","value":"x"},{"name":"a","value":"$(a)y"}])") == "");
  CHECK(pod(R"(,"ports":[{"containerPort":80,"protocol":"TCP"},{"containerPort":80,"protocol":"TCP"}])") == "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]");
  CHECK(pod(R"(,"ports":[{"containerPort":80,"protocol":"TCP"},{"containerPort":80,"hostPort":1,"protocol":"TCP"}])") == "spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]");
  CHECK(pod(R"(,"ports":[{"containerPort":80,"protocol":"TCP","hostIP":"1.2.3.4"}])") ==
        "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.2.3.4}");
  CHECK(pod(R"(,"resources":{"requests":{"memory":"1m"}})") == "spec.containers[0].resources.requests[memory]: fractional byte value \"1m\" is invalid, must be an integer");
  CHECK(warned("v1", "Pod", R"({"containers":[],"volumes":[{"name":"v","rbd":{"monitors":["m"],"image":"i"}}]})") == "spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+");
  CHECK(warned("v1", "Pod", R"({"containers":[],"nodeSelector":{"beta.kubernetes.io/os":"linux"}})") == "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead");
  CHECK(warned("v1", "Pod", R"({"containers":[],"topologySpreadConstraints":[{"topologyKey":"t","maxSkew":1,"whenUnsatisfiable":"DoNotSchedule"}]})") ==
        "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod");
  CHECK(warned("v1", "Pod", R"({"containers":[],"imagePullSecrets":[{"name":"s"},{"name":"s"},{}]})") ==
        "spec.imagePullSecrets[1].name: duplicate name \"s\" | spec.imagePullSecrets[2].name: invalid empty name \"\"");
  CHECK(warned("v1", "Pod", R"({"containers":[]})", R"(,"annotations":{"security.alpha.kubernetes.io/sysctls":"x"})") ==
        "metadata.annotations[security.alpha.kubernetes.io/sysctls]: non-functional in v1.11+; use the \"sysctls\" field instead");
}

TEST_CASE("What makes pods is warned of with the path of its template, while its spec changes") {
  const auto spec = R"({"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":)" + std::string(kHidden) + "}}";
  const std::string_view told = "spec.template.spec.containers[0].env[1]: hides previous definition of \"a\", which may be dropped when using apply";
  CHECK(warned("apps/v1", "Deployment", spec) == told);
  const auto same = defaulted(*builtin("apps/v1", "Deployment"), R"({"metadata":{"name":"a","namespace":"d"},"spec":)" + spec + "}");
  CHECK(warned("apps/v1", "Deployment", spec, "", &same) == "");
  const auto other = defaulted(*builtin("apps/v1", "Deployment"), R"({"metadata":{"name":"a","namespace":"d"},"spec":{"replicas":7}})");
  CHECK(warned("apps/v1", "Deployment", spec, "", &other) == told);
  CHECK(warned("batch/v1", "CronJob", R"({"jobTemplate":{"spec":{"template":{"spec":)" + std::string(kHidden) + "}}}}").starts_with("spec.jobTemplate.spec.template.spec.containers[0].env[1]"));
}

TEST_CASE("A PersistentVolume is warned of for a driver that is gone") {
  CHECK(warned("v1", "PersistentVolume", R"({"cephfs":{"monitors":["m"]}})") == "spec.cephfs: deprecated in v1.28, non-functional in v1.31+");
  CHECK(warned("v1", "PersistentVolume", R"({"flocker":{"datasetName":"d"}})") == "");
}

TEST_CASE("Services, claims, drivers and Ingresses are warned of for what is ignored or called otherwise now") {
  CHECK(warned("v1", "Service", R"({"ports":[{"port":80}]})") == "");
  CHECK(warned("v1", "Service", R"({"ports":[{"port":80}],"externalIPs":["1.2.3.4"],"trafficDistribution":"PreferClose"})") ==
        "spec.externalIPs is deprecated and may no longer be implemented in some clusters | spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"");
  CHECK(warned("v1", "Service", R"({"clusterIP":"None","sessionAffinity":"ClientIP","externalIPs":["1.2.3.4"]})") ==
        "spec.externalIPs is ignored for headless services | spec.SessionAffinity is ignored for headless services");
  CHECK(warned("v1", "Service", R"({"type":"ExternalName","externalName":"a.b","externalIPs":["1.2.3.4"]})") == "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
  CHECK(warned("v1", "PersistentVolumeClaim", R"({"resources":{"requests":{"storage":"1m"}}})") == "spec.resources.requests[storage]: fractional byte value \"1m\" is invalid, must be an integer");
  CHECK(warned("storage.k8s.io/v1", "CSIDriver", R"({"tokenRequests":[{"audience":"a"}]})").starts_with("spec.serviceAccountTokenInSecrets is unset"));
  CHECK(warned("networking.k8s.io/v1", "Ingress", "{}", R"(,"annotations":{"kubernetes.io/ingress.class":"x"})") ==
        "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead");
  CHECK(warned("v1", "Pod", R"({"containers":[],"volumes":[{"name":"p","projected":{"sources":[{}]}}]})") == "volume \"p\" (Projected) has no sources provided");
  CHECK(warned("v1", "Pod", R"({"containers":[],"nodeSelector":{"failure-domain.beta.kubernetes.io/zone":"a"}})") ==
        "spec.nodeSelector[failure-domain.beta.kubernetes.io/zone]: deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead");
}

TEST_CASE("A Secret for TLS is warned of when it holds no pair of PEMs") {
  const auto tls = [](std::string_view certificate, std::string_view key) {
    const auto k = builtin("v1", "Secret");
    const auto object = defaulted(*k, R"({"metadata":{"name":"a","namespace":"d"},"type":"kubernetes.io/tls","stringData":{"tls.crt":")" + std::string(certificate) + R"(","tls.key":")" + std::string(key) + R"("}})");
    std::vector<std::string> texts;
    append_object_warnings(*k, object, nullptr, texts);
    return texts.empty() ? std::string() : texts.front();
  };
  const auto pem = [](const std::string& type) { return "-----BEGIN " + type + R"(-----\nYQ==\n-----END )" + type + R"(-----\n)"; };
  CHECK(tls(pem("CERTIFICATE"), pem("EC PRIVATE KEY")) == "");
  CHECK(tls("a", "b") == "tls: failed to find any PEM data in certificate input");
  CHECK(tls(pem("CERTIFICATE"), "b") == "tls: failed to find any PEM data in key input");
  CHECK(tls(pem("PRIVATE KEY"), pem("CERTIFICATE")).ends_with("did find a private key; PEM inputs may have been switched"));
  CHECK(tls(pem("CERTIFICATE"), pem("CERTIFICATE")) == "tls: found a certificate rather than a key in the PEM for the private key");
  CHECK(tls(pem("X") + pem("Y"), "") == "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [X Y]");
}

TEST_CASE("A definition is warned of formats that nobody knows, once each and when they come") {
  const auto definition = [](std::string_view properties) { return R"({"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":"object","properties":{)" + std::string(properties) + "}}}}]}"; };
  const auto said = [&](std::string_view properties, const json::value* old = nullptr) { return warned("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition(properties), "", old); };
  CHECK(said(R"("format":{"type":"string","format":"date-time"},"n":{"type":"number","format":"double"},"i":{"type":"integer","format":"int64"})") == "");
  CHECK(said(R"("a":{"type":"string","format":"some"},"b":{"type":"array","items":{"type":"integer","format":"date"}},"c":{"anyOf":[{"format":"some"}]})") == "unrecognized format \"some\" | unrecognized format \"date\"");
  const auto old = defaulted(*builtin("apiextensions.k8s.io/v1", "CustomResourceDefinition"), R"({"metadata":{"name":"a"},"spec":)" + definition(R"("a":{"type":"string","format":"some"})") + "}");
  CHECK(said(R"("a":{"type":"string","format":"some"})", &old) == "");
  CHECK(said(R"("a":{"type":"string","format":"some"},"b":{"type":"object","format":"more"})", &old) == "unrecognized format \"more\"");
}
