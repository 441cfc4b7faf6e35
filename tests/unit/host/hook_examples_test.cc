// Every example of examples/hooks, run through the real host.
#include <catch2/catch.hpp>

#include <keelson/kinds.hpp>

#include "sdk/testing/cluster.hpp"

using Catch::Contains;
using keelson::ConfigMap;
using keelson::Pod;
using keelson::testing::Cluster;
using keelson::testing::Name;

namespace {

keelson::testing::Options options() { return {.seed = 7, .plugin_directory = KEELSON_EXAMPLES}; }

void make_pod(Cluster& k, const std::string& name, const std::string& image) {
  k.apply_yaml("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n");
  k.apply_yaml("apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + "}\nspec: {containers: [{name: c, image: '" + image + "'}]}\n");
}

}  // namespace

TEST_CASE("admission example: a pod gets its team, leaves a note in the same commit, and never runs :latest") {
  Cluster k(options());
  k.load("hooks-admission");
  k.patch_json({"Namespace", "default", ""}, R"({"metadata":{"labels":{"example.keelson.dev/team":"blue"}}})");
  make_pod(k, "web", "nginx:1.27");
  CHECK(k.get<Pod>("web").meta.labels.at("example.keelson.dev/team") == "blue");
  CHECK(k.get<ConfigMap>("web-made-by").data.at("user") == "system:admin");
  CHECK_THROWS_WITH(make_pod(k, "bad", "nginx:latest"), Contains("plugin \"hooks-admission/pods\" denied the request: container c runs :latest"));
  CHECK_FALSE(k.find<Pod>("bad"));
  CHECK_FALSE(k.find<ConfigMap>("bad-made-by"));
  make_pod(k, "plain", "nginx");
  CHECK(k.warnings() == std::vector<std::string>{"container c has no version"});
}

TEST_CASE("admission example: what is added passes or fails with what it is added to") {
  Cluster k(options());
  k.load("hooks-admission");
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-made-by}\n");
  CHECK_THROWS_WITH(make_pod(k, "web", "nginx:1"), Contains("configmaps \"web-made-by\" already exists"));
  CHECK_FALSE(k.find<Pod>("web"));
}

TEST_CASE("authorization example: verdicts follow the ConfigMap at once, and are kept in between") {
  Cluster k(options());
  k.load("hooks-authorization");
  const Name pod{"Pod", "web"};
  k.act_as("ann");
  CHECK_FALSE(k.may("get", pod));
  k.act_as_admin();
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: readers, namespace: kube-system}\ndata: {ann: 'yes'}\n");
  k.settle();
  k.act_as("ann");
  CHECK(k.may("get", pod));
  CHECK_FALSE(k.may("delete", pod));
  const auto asked = [&] {
    const std::string line = "keelson_authorization_answers_total{from=\"plugin\"} ", text = k.metrics();
    return std::stoi(text.substr(text.find(line) + line.size()));
  };
  const auto before = asked();
  for (int i = 0; i < 100; ++i) CHECK(k.may("get", {"Pod", "web-" + std::to_string(i)}));
  CHECK(asked() == before);
  k.act_as_admin();
  k.patch_json({"ConfigMap", "readers", "kube-system"}, R"({"data":{"banned":"ann"}})");
  k.settle();
  k.act_as("ann");
  CHECK_FALSE(k.may("get", pod));
}

TEST_CASE("authorization example: without its plugin, and while it is paused, nobody is let through") {
  Cluster k(options());
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: readers, namespace: kube-system}\ndata: {ann: 'yes'}\n");
  k.load("hooks-authorization");
  const Name pod{"Pod", "web"};
  k.act_as("ann");
  REQUIRE(k.may("get", pod));
  k.act_as_admin();
  k.patch_json({"Plugin", "hooks-authorization", ""}, R"({"spec":{"paused":true}})");
  k.settle();
  k.act_as("ann");
  CHECK_FALSE(k.may("get", pod));
  k.act_as_admin();
  k.unload("hooks-authorization");
  k.act_as("ann");
  CHECK_FALSE(k.may("get", pod));
}
