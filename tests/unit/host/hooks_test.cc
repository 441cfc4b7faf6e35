// Hooks of plugins through the real host: order, refusals, what fails closed, what joins a commit.
#include <catch2/catch.hpp>
#include <stdlib.h>

#include <filesystem>

#include <keelson/kinds.hpp>

#include "sdk/testing/cluster.hpp"

using Catch::Contains;
using keelson::ConfigMap;
using keelson::testing::Cluster;
using keelson::testing::Failure;
using keelson::testing::Name;

namespace {

keelson::testing::Options options() { return {.seed = 7, .plugin_directory = KEELSON_TEST_PLUGINS}; }

void make(Cluster& k, const std::string& name, const std::string& data) {
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n  labels: {hooks: 'yes'}\ndata: {" + data + "}\n");
}
Name plugin(const std::string& name) { return {"Plugin", name, ""}; }

}  // namespace

TEST_CASE("mutating hooks run by order and name, whoever was loaded first, and once more who asked for it") {
  for (const bool b_first : {false, true}) {
    Cluster k(options());
    k.load(b_first ? "hooks-b" : "hooks-a");
    k.load(b_first ? "hooks-a" : "hooks-b");
    make(k, "m", "");
    CHECK(k.get<ConfigMap>("m").data.at("order") == "aba");
  }
}

TEST_CASE("a hook that nothing changed behind is not asked again") {
  Cluster k(options());
  k.load("hooks-a");
  make(k, "m", "");
  CHECK(k.get<ConfigMap>("m").data.at("order") == "a");
}

TEST_CASE("a validating hook refuses in its own words, and nothing is stored") {
  Cluster k(options());
  k.load("hooks-b");
  CHECK_THROWS_WITH(make(k, "m", "deny: not today"), Contains("configmaps \"m\" is forbidden: plugin \"hooks-b/maps\" denied the request: not today"));
  CHECK_THROWS_WITH(make(k, "m", "invalid: x"), Contains("ConfigMap \"m\" is invalid: data.invalid: must not be there"));
  CHECK_FALSE(k.find<ConfigMap>("m"));
}

TEST_CASE("a hook that throws or is late fails the write, and the server goes on") {
  Cluster k(options());
  k.load("hooks-b");
  CHECK_THROWS_WITH(make(k, "m", "throw: x"), Contains("failed calling hook \"hooks-b/maps\": plugin hooks-b, hook: thrown on purpose"));
  CHECK_THROWS_WITH(make(k, "m", "slow: x"), Contains("did not answer within 2000 ms"));
  CHECK_FALSE(k.find<ConfigMap>("m"));
  make(k, "m", "");
  CHECK(k.find<ConfigMap>("m"));
}

TEST_CASE("a hook cannot change which object it is, nor write by itself") {
  Cluster k(options());
  k.load("hooks-b");
  CHECK_THROWS_WITH(make(k, "m", "rename: x"), Contains("changed which object it is"));
  CHECK_THROWS_WITH(make(k, "m", "write: x"), Contains("a hook that decides on a write makes none: it adds to it"));
  CHECK_FALSE(k.find<ConfigMap>("other"));
}

TEST_CASE("what a hook adds is stored with the write or not at all") {
  Cluster k(options());
  k.load("hooks-b");
  CHECK_THROWS_WITH(make(k, "m", "lean: base"), Contains("there is no base"));
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: base}\ndata: {}\n");
  const auto before = k.revision();
  make(k, "m", "lean: base");
  CHECK(k.get<ConfigMap>("base").data.at("leaned") == "yes");
  CHECK(k.revision() == before + 2);
}

TEST_CASE("a paused, broken or missing policy refuses, until its Plugin object is deleted") {
  Cluster k(options());
  k.load("hooks-b");
  const auto closed = Contains("the plugin hooks-b that decides on this (maps) is not running");
  k.patch_json(plugin("hooks-b"), R"({"spec":{"paused":true}})");
  k.settle();
  CHECK_THROWS_WITH(make(k, "m", ""), closed);
  k.patch_json(plugin("hooks-b"), R"({"spec":{"paused":false}})");
  k.settle();
  make(k, "m", "");
  k.unload("hooks-b");
  k.advance(std::chrono::seconds(10));
  CHECK_THROWS_WITH(make(k, "later", ""), closed);
  k.remove(plugin("hooks-b"));
  k.advance(std::chrono::seconds(10));
  make(k, "later", "");
  CHECK_FALSE(k.find_json(plugin("hooks-b")));
}

TEST_CASE("a hook that is not required leaves with its plugin") {
  Cluster k(options());
  k.load("hooks-a");
  k.unload("hooks-a");
  make(k, "m", "");
  CHECK_FALSE(k.get<ConfigMap>("m").data.contains("order"));
}

TEST_CASE("a required hook refuses from the start of the next run, before its plugin is there") {
  auto pattern = (std::string("/tmp/keelson-hooks-XXXXXX"));
  const std::string directory = ::mkdtemp(pattern.data());
  auto kept = options();
  kept.data_directory = directory;
  {
    Cluster k(kept);
    k.load("hooks-b");
    make(k, "m", "");
  }
  {
    Cluster k(kept);
    CHECK_THROWS_WITH(make(k, "m", ""), Contains("the plugin hooks-b that decides on this (maps) is not running"));
    k.load("hooks-b");
    make(k, "m", "");
    CHECK(k.get<ConfigMap>("m").data.at("order") == "b");
  }
  std::filesystem::remove_all(directory);
}
