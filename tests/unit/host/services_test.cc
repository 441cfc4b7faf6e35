// What the host offers beside reconciling: streams, transactions, writes without waiting, and what happens when work never ends.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <keelson/kinds.hpp>

#include "sdk/testing/cluster.hpp"

using keelson::ConfigMap;
using keelson::testing::Cluster;
namespace fs = std::filesystem;

namespace {

keelson::testing::Options options() { return {.seed = 7, .plugin_directory = KEELSON_TEST_PLUGINS}; }

void make(Cluster& k, const std::string& name, const std::string& data) {
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n  labels: {services: 'yes'}\ndata: {" + data + "}\n");
}

double metric(const Cluster& k, const std::string& name) {
  const auto text = k.metrics();
  const auto at = text.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
}

/// The file that lets what never ends go.
struct Release {
  Release() {
    auto pattern = (fs::temp_directory_path() / "keelson-release-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    ::setenv("KEELSON_TEST_RELEASE", (directory / "go").c_str(), 1);
  }
  ~Release() {
    ::unsetenv("KEELSON_TEST_RELEASE");
    fs::remove_all(directory);
  }
  void now() const { std::ofstream(directory / "go") << "go"; }
  fs::path directory;
};

}  // namespace

TEST_CASE("a plugin serves a subresource as a stream, knows who asks, and reads what is there") {
  Cluster k(options());
  k.load("services");
  make(k, "a", "first: one, second: two");
  const auto served = k.stream({"ConfigMap", "a"}, "echo", "follow=true");
  CHECK(served.code == 200);
  CHECK(served.content_type == "text/plain");
  CHECK(served.body == "GET follow=true by system:admin\nfirst=one\nsecond=two\n");
  CHECK(served.finished);
  const auto absent = k.stream({"ConfigMap", "nowhere"}, "echo");
  CHECK(absent.code == 404);
  CHECK(absent.reason == "NotFound");
  CHECK(absent.body == "configmaps \"nowhere\" not found");
}

TEST_CASE("a stream is refused or handed on as the plugin says, and one that nobody serves is not found") {
  Cluster k(options());
  k.load("services");
  make(k, "a", "x: one");
  const auto refused = k.stream({"ConfigMap", "a"}, "refuse");
  CHECK(refused.code == 403);
  CHECK(refused.reason == "Forbidden");
  CHECK(refused.body == "not today");
  CHECK(k.stream({"ConfigMap", "a"}, "onward").forwarded == "127.0.0.1:4000/there?x=1");
  CHECK_THROWS_WITH(k.stream({"ConfigMap", "a"}, "other"), Catch::Contains("nobody serves"));
}

TEST_CASE("a plugin neither redirects nor writes into a head what ends a line of it") {
  Cluster k(options());
  k.load("services");
  make(k, "a", "x: one");
  for (const std::string query : {"split", "smuggle", "302", "101", "0", "-1", "99999"}) {
    INFO(query);
    const auto odd = k.stream({"ConfigMap", "a"}, "odd", query);
    CHECK(odd.code == 500);
    CHECK(odd.forwarded.empty());
  }
  CHECK(k.stream({"ConfigMap", "a"}, "odd", "418").code == 418);
}

TEST_CASE("a stream ends when its client has gone, and when its plugin is unloaded") {
  Cluster k(options());
  k.load("services");
  make(k, "a", "x: one");
  const auto left = k.stream({"ConfigMap", "a"}, "endless", "", 18);
  CHECK(left.finished);
  CHECK(left.body == "again\nagain\nagain\n");
  const auto going_on = k.stream({"ConfigMap", "a"}, "endless", "", 1'000'000, std::chrono::seconds(10));
  CHECK_FALSE(going_on.finished);
  k.unload("services");   // and no thread of it is left, or this would not return
  CHECK_FALSE(k.plugin("services"));
  CHECK_THROWS_WITH(k.stream({"ConfigMap", "a"}, "echo"), Catch::Contains("nobody serves"));
}

TEST_CASE("a transaction writes all or nothing") {
  Cluster k(options());
  k.load("services");
  make(k, "a", "pair: a-2");
  k.settle();
  CHECK(k.find<ConfigMap>("a-1"));
  CHECK(k.find<ConfigMap>("a-2"));
  make(k, "b", "pair: a-2");   // which is there
  make(k, "c", "pair: 'No Name'");
  k.settle();
  CHECK_FALSE(k.find<ConfigMap>("b-1"));
  CHECK_FALSE(k.find<ConfigMap>("c-1"));
  CHECK(k.plugin("services")->errors == 1);
}

TEST_CASE("of transactions that are committed together each writes all or nothing, and each is answered in its place") {
  Cluster k(options());
  k.load("services");
  make(k, "taken", "x: one");
  make(k, "a", "pairs: taken");
  k.settle();
  for (const char* name : {"a-1", "a-2", "a-5", "a-6", "a-failed-1"}) CHECK(k.find<ConfigMap>(name));
  for (const char* name : {"a-3", "a-failed-0", "a-failed-2"}) CHECK_FALSE(k.find<ConfigMap>(name));
  make(k, "b", "pairs: b-4");
  k.settle();
  for (const char* name : {"b-1", "b-4", "b-6"}) CHECK(k.find<ConfigMap>(name));
  CHECK_FALSE(k.find<ConfigMap>("b-failed-1"));
}

TEST_CASE("a write without waiting is answered once, whether it worked or not") {
  Cluster k(options());
  k.load("services");
  make(k, "target", "x: one");
  make(k, "a", "submit: target");
  k.settle();
  CHECK(k.get<ConfigMap>("target").data.at("submitted") == "yes");
  CHECK(metric(k, "services_submits_done_total") == 1);
  CHECK(metric(k, "services_submits_failed_total") == 0);
  make(k, "b", "submit: nobody");
  k.settle();
  CHECK(metric(k, "services_submits_done_total") == 1);
  CHECK(metric(k, "services_submits_failed_total") == 1);
}

TEST_CASE("writes that are submitted together are each made and answered for themselves, those of one object in their order") {
  Cluster k(options());
  k.load("services");
  make(k, "target", "x: one");
  k.apply_yaml("apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: target}\nspec: {renewTime: '2026-01-01T00:00:00.000000Z'}\n");
  make(k, "a", "submit-all: target");
  k.settle();
  CHECK(k.get<ConfigMap>("target").data.at("submitted") == "second");
  CHECK(k.get<keelson::coordination_v1::Lease>("target").spec.renewTime == keelson::MicroTime(1'767'225'602'000'000));
  CHECK(metric(k, "services_submits_done_total") == 4);
  CHECK(metric(k, "services_submits_failed_total") == 2);
}

TEST_CASE("bindings that are submitted together are each made and answered for themselves") {
  Cluster k(options());
  k.load("services");
  k.apply_yaml("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n");
  k.apply_yaml("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n");
  make(k, "a", "bind-all: p");
  k.settle();
  CHECK(k.get<keelson::core_v1::Pod>("p").spec.nodeName == "n1");
  CHECK(metric(k, "services_submits_done_total") == 1);
  CHECK(metric(k, "services_submits_failed_total") == 2);
}

TEST_CASE("of more writes than are taken together none is begun") {
  Cluster k(options());
  k.load("services");
  make(k, "target", "x: one");
  make(k, "a", "submit-too-many: target");
  k.settle();
  CHECK_FALSE(k.get<ConfigMap>("target").data.contains("submitted"));
  CHECK(metric(k, "services_submits_failed_total") == KEELSON_TOGETHER_MAX + 1);
}

TEST_CASE("objects are made and changed without waiting; who is late is told, and what is the same is not asked for") {
  Cluster k(options());
  k.load("services");
  make(k, "a", "submit-new: a-1");
  k.settle();
  CHECK(k.find<ConfigMap>("a-1"));
  CHECK(metric(k, "services_submits_done_total") == 1);
  make(k, "b", "submit-new: a-1");   // which is there
  k.settle();
  CHECK(metric(k, "services_submits_failed_total") == 1);
  make(k, "c", "submit-change: a-1");
  k.settle();
  CHECK(k.get<ConfigMap>("a-1").data.at("changed") == "yes");
  CHECK(metric(k, "services_submits_done_total") == 2);
  const auto before = k.revision();
  make(k, "d", "submit-change: a-1");   // nothing is left to change
  k.settle();
  CHECK(metric(k, "services_submits_done_total") == 3);
  CHECK(k.revision() == before + 1);
}

TEST_CASE("a worker that does not come back is replaced, its key is fenced, and the plugin says so until it recovers") {
  const Release release;
  Cluster k(options());
  k.load("services");
  make(k, "never", "ignore: 'yes'");
  k.settle();
  make(k, "other", "mark: 'yes'");
  k.settle();
  CHECK_FALSE(k.get<ConfigMap>("other").meta.annotations.contains("marked"));   // the only worker is busy
  k.advance(std::chrono::seconds(95));
  CHECK(k.plugin("services")->state == "Stuck");
  CHECK(k.plugin("services")->message == "has not returned from: reconcile services default/never");
  CHECK(k.get<ConfigMap>("other").meta.annotations.contains("marked"));         // by its replacement
  const auto reconciles = k.plugin("services")->reconciles;
  k.edit<ConfigMap>("never", [](ConfigMap& map) { map.data["mark"] = "yes"; });
  k.advance(std::chrono::minutes(5));
  CHECK(k.plugin("services")->reconciles == reconciles);                        // fenced: nobody else takes it up
  CHECK_FALSE(k.get<ConfigMap>("never").meta.annotations.contains("marked"));
  release.now();
  k.advance(std::chrono::seconds(5));
  CHECK(k.plugin("services")->state == "Running");
  CHECK(k.get<ConfigMap>("never").meta.annotations.contains("marked"));
}
