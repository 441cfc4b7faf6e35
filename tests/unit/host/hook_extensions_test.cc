// The examples that answer at points of other plugins, and those that serve, measure and check fields, through the real host.
#include <catch2/catch.hpp>

#include <keelson/kinds.hpp>

#include "sdk/testing/cluster.hpp"

using Catch::Contains;
using keelson::ConfigMap;
using keelson::Pod;
using keelson::Service;
using keelson::testing::Cluster;
using keelson::testing::Name;

namespace {

keelson::testing::Options options(std::map<std::string, std::string> config = {}) { return {.seed = 7, .plugin_directory = KEELSON_EXAMPLES, .config = std::move(config)}; }
const std::string kPlugins = KEELSON_PLUGINS;

void node(Cluster& k, const std::string& name, const std::string& labels) {
  k.apply_yaml("apiVersion: v1\nkind: Node\nmetadata: {name: " + name + ", labels: {" + labels + "}}\nstatus: {allocatable: {cpu: '8', memory: 16Gi, pods: '110'}}\n");
  k.patch_json({"Node", name, ""}, R"({"spec":{"taints":null}})");
}

void pod(Cluster& k, const std::string& name, const std::string& annotations, const std::string& image = "app:1") {
  k.apply_yaml("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n");
  k.apply_yaml("apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", annotations: {" + annotations + "}}\nspec: {containers: [{name: c, image: '" + image + "'}]}\n");
}

constexpr const char* kLicensed = "example.keelson.dev/licence: cad";

}  // namespace

TEST_CASE("scheduler example: filter, score, reserve and bind of another plugin decide where a pod goes") {
  Cluster k(options());
  k.load(kPlugins + "/scheduler.so");
  k.load("hooks-scheduler");
  node(k, "plain", "a: b");
  node(k, "cad-dear", "example.keelson.dev/licence: cad");
  node(k, "cad-cheap", "example.keelson.dev/licence: cad, example.keelson.dev/cheap: 'yes'");
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cad, namespace: kube-system}\ndata: {seats: '1'}\n");
  pod(k, "first", kLicensed);
  REQUIRE(k.wait_until([&] { return !k.get<Pod>("first").spec.nodeName.empty(); }));
  CHECK(k.get<Pod>("first").spec.nodeName == "cad-cheap");
  CHECK(k.get<Pod>("first").meta.annotations.at("example.keelson.dev/licensed") == "yes");
  pod(k, "second", kLicensed);
  k.advance(std::chrono::seconds(5));
  CHECK(k.get<Pod>("second").spec.nodeName.empty());
  CHECK(k.get<Pod>("second").status.conditions.at(0).message == "plugin hooks-scheduler: all licences for cad are taken");
  k.patch_json({"ConfigMap", "cad", "kube-system"}, R"({"data":{"seats":"2"}})");
  REQUIRE(k.wait_until([&] { return !k.get<Pod>("second").spec.nodeName.empty(); }));
  CHECK(k.get<Pod>("second").spec.nodeName == "cad-cheap");
}

TEST_CASE("scheduler example: what nobody offers says so, and a paused plugin holds its pods back") {
  Cluster k(options());
  k.load(kPlugins + "/scheduler.so");
  k.load("hooks-scheduler");
  node(k, "plain", "a: b");
  pod(k, "first", kLicensed);
  k.advance(std::chrono::seconds(2));
  CHECK(k.get<Pod>("first").status.conditions.at(0).message == "0/1 nodes are available: 1 node(s) had no licence.");
  k.patch_json({"Plugin", "hooks-scheduler", ""}, R"({"spec":{"paused":true}})");
  pod(k, "other", "");
  k.advance(std::chrono::seconds(30));
  CHECK(k.get<Pod>("other").spec.nodeName.empty());
  k.patch_json({"Plugin", "hooks-scheduler", ""}, R"({"spec":{"paused":false}})");
  CHECK(k.wait_until([&] { return k.get<Pod>("other").spec.nodeName == "plain"; }));
  k.unload("hooks-scheduler");
  CHECK(k.wait_until([&] { return k.get<Pod>("first").spec.nodeName == "plain"; }));
}

TEST_CASE("runtime example: a node agent asks before it runs a pod, and a refusal fails the pod") {
  Cluster k(options({{"count", "1"}}));
  k.load(kPlugins + "/hollow-node.so");
  k.load("hooks-runtime");
  REQUIRE(k.wait_until([&] { return k.find_json({"Node", "hollow-0", ""}).has_value(); }));
  k.patch_json({"Node", "hollow-0", ""}, R"({"metadata":{"labels":{"example.keelson.dev/registry":"registry.local"}},"spec":{"taints":null}})");
  k.load(kPlugins + "/scheduler.so");
  pod(k, "good", "", "registry.local/app:1");
  pod(k, "bad", "", "elsewhere/app:1");
  REQUIRE(k.wait_until([&] { return k.get<Pod>("good").status.phase == "Running" && k.get<Pod>("bad").status.phase == "Failed"; }));
  CHECK(k.get<Pod>("bad").status.reason == "AdmissionRefused");
  CHECK(k.get<Pod>("bad").status.message == "plugin hooks-runtime: elsewhere/app:1 is not from registry.local");
}

TEST_CASE("network example: attach gives a pod its address, detach takes it back for the next") {
  Cluster k(options({{"count", "1"}}));
  k.load(kPlugins + "/hollow-node.so");
  k.load("hooks-network");
  REQUIRE(k.wait_until([&] { return k.find_json({"Node", "hollow-0", ""}).has_value(); }));
  k.patch_json({"Node", "hollow-0", ""}, R"({"spec":{"taints":null}})");
  k.load(kPlugins + "/scheduler.so");
  pod(k, "first", "example.keelson.dev/address: 10.9.9.9");
  REQUIRE(k.wait_until([&] { return k.get<Pod>("first").status.phase == "Running"; }));
  CHECK(k.get<Pod>("first").status.podIP == "10.9.9.9");
  pod(k, "second", "example.keelson.dev/address: 10.9.9.9");
  k.advance(std::chrono::seconds(5));
  CHECK(k.get<Pod>("second").status.phase == "Pending");
  k.remove({"Pod", "first"});
  REQUIRE(k.wait_until([&] { return k.get<Pod>("second").status.phase == "Running"; }));
  CHECK(k.get<Pod>("second").status.podIP == "10.9.9.9");
}

TEST_CASE("fields example: defaults are filled, wrong fields are all told at once") {
  Cluster k(options());
  k.load("hooks-fields");
  k.apply_yaml("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n");
  CHECK(k.get<Service>("web").meta.annotations.at("example.keelson.dev/session-seconds") == "600");
  CHECK_THROWS_WITH(k.apply_yaml("apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{name: a, port: 1}, {name: b, port: 2}]}\n"),
                    Contains("Service \"bad\" is invalid: [spec.ports[0].port: must be above 10, spec.ports[1].port: must be above 10]"));
  CHECK_THROWS_WITH(k.patch_json({"Service", "web"}, R"({"spec":{"type":"NodePort"}})"), Contains("spec.type: may not change"));
}

TEST_CASE("metrics example: values are read when somebody scrapes, and go with their plugin") {
  Cluster k(options());
  k.load("hooks-metrics");
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n");
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n");
  k.settle();
  CHECK_THAT(k.metrics(), Contains("example_config_maps{namespace=\"default\"} 2"));
  k.remove({"ConfigMap", "two"});
  k.settle();
  CHECK_THAT(k.metrics(), Contains("example_config_maps{namespace=\"default\"} 1"));
  k.unload("hooks-metrics");
  CHECK_THAT(k.metrics(), !Contains("example_config_maps"));
}

TEST_CASE("route example: a subresource of a kind that somebody else declared") {
  Cluster k(options());
  k.load("hooks-route");
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: one, b: two}\n");
  CHECK(k.request("GET", {"ConfigMap", "m"}, "lines") == "a=one\nb=two\n");
  CHECK_THROWS_WITH(k.request("GET", {"ConfigMap", "none"}, "lines"), Contains("configmaps \"none\" not found"));
  k.unload("hooks-route");
  CHECK_THROWS_WITH(k.request("GET", {"ConfigMap", "m"}, "lines"), Contains("nobody serves"));
}

TEST_CASE("route example: a resource that is stored nowhere, and a path") {
  Cluster k(options());
  k.load("hooks-route");
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: one, b: two}\n");
  CHECK_THAT(k.request("GET", {"ConfigSize", "m"}, ""), Contains(R"("name":"m"},"bytes":6)"));
  CHECK_THAT(k.request("GET", {"ConfigSize", ""}, ""), Contains(R"("kind":"ConfigSizeList")") && Contains(R"("bytes":6)"));
  CHECK(k.fetch("/plugins/hooks-route/count").body == "1 for system:admin\n");
  CHECK(k.fetch("/plugins/hooks-route/count", "POST", "x").code == 405);
  CHECK_THROWS_WITH(k.fetch("/plugins/hooks-route/counts"), Contains("nobody serves"));
  CHECK_THROWS_WITH(k.fetch("/plugins/hooks-route/count/below"), Contains("nobody serves"));
  CHECK_THROWS_WITH(k.apply_yaml("apiVersion: example.keelson.dev/v1\nkind: ConfigSize\nmetadata: {name: m}\n"), Contains("is not supported on resources of kind"));
  k.unload("hooks-route");
  CHECK_THROWS_WITH(k.fetch("/plugins/hooks-route/count"), Contains("nobody serves"));
  CHECK_THROWS_WITH(k.find_json({"ConfigSize", "m"}), Contains("no kind"));
}
