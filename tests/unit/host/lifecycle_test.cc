#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <keelson/kinds.hpp>

#include "core/kinds/catalog.hpp"
#include "core/plugins/host.hpp"
#include "sdk/testing/cluster.hpp"

using keelson::ConfigMap;
using keelson::testing::Cluster;
namespace fs = std::filesystem;

namespace {

keelson::testing::Options options(std::uint64_t seed = 7) { return {.seed = seed, .plugin_directory = KEELSON_TEST_PLUGINS}; }

void make(Cluster& k, const std::string& name, const std::string& data) {
  k.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n  labels: {probe: 'yes'}\ndata: {" + data + "}\n");
}

struct Scratch {
  Scratch() {
    auto pattern = (fs::temp_directory_path() / "keelson-host-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(directory); }
  fs::path directory;
};

constexpr const char* kWidget = "apiVersion: probe.keelson.dev/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 3}\n";

}  // namespace

TEST_CASE("what exists before a plugin and what comes after it is reconciled, and owned objects get their owner") {
  Cluster k(options());
  make(k, "early", "child: a");
  k.load("probe1");
  make(k, "late", "child: b");
  k.settle();
  for (const auto* name : {"early", "late"}) {
    const auto child = k.get<ConfigMap>(std::string(name) + "-child");
    REQUIRE(child.meta.ownerReferences.size() == 1);
    CHECK(child.meta.ownerReferences[0].name == name);
    CHECK(child.meta.ownerReferences[0].kind == "ConfigMap");
    CHECK(k.get<ConfigMap>(name).meta.finalizers == std::vector<std::string>{"probe.keelson.dev/hold"});
  }
  CHECK(k.plugin("probe")->errors == 0);
}

TEST_CASE("a changed owned object wakes its owner, which puts it right") {
  Cluster k(options());
  k.load("probe1");
  make(k, "a", "child: right");
  k.settle();
  k.edit<ConfigMap>("a-child", [](ConfigMap& child) { child.data["copied"] = "wrong"; });
  k.settle();
  CHECK(k.get<ConfigMap>("a-child").data.at("copied") == "right");
}

TEST_CASE("nothing happens while nothing happens: no writes, no reconciles") {
  Cluster k(options());
  k.load("probe1");
  make(k, "a", "child: right");
  k.settle();
  k.advance(std::chrono::minutes(1));
  const auto revision = k.revision();
  const auto reconciles = k.plugin("probe")->reconciles;
  k.advance(std::chrono::hours(1));
  CHECK(k.revision() == revision);
  CHECK(k.plugin("probe")->reconciles == reconciles);
}

TEST_CASE("a plugin's figures move and its object keeps still, until there are errors") {
  Cluster k(options());
  k.load("probe1");
  k.settle();
  k.advance(std::chrono::minutes(1));
  const auto revision = [&] {
    const auto json = k.find_json({"Plugin", "probe"}).value();
    return json.substr(json.find(R"("resourceVersion":")"), 30);
  };
  const auto before = revision();
  const auto reconciles = k.plugin("probe")->reconciles;
  for (const auto* name : {"a", "b", "c", "d"}) make(k, name, "child: right");
  k.settle();
  k.advance(std::chrono::minutes(1));
  CHECK(k.plugin("probe")->reconciles > reconciles + 3);
  CHECK(revision() == before);
  CHECK(k.find_json({"Plugin", "probe"})->find("\"reconciles\":" + std::to_string(k.plugin("probe")->reconciles)) != std::string::npos);
  make(k, "fails", "fail: '3', child: a");
  k.settle();
  k.advance(std::chrono::minutes(1));
  CHECK(revision() != before);
}

TEST_CASE("a finalizer holds a deleted object until finalize has answered") {
  Cluster k(options());
  k.load("probe1");
  make(k, "a", "say: hello");
  k.settle();
  k.remove({"ConfigMap", "a"});
  k.settle();
  CHECK_FALSE(k.find<ConfigMap>("a"));
  CHECK(k.list_json("Event", "default", "", "reason=Finalized").size() == 1);
}

TEST_CASE("a failing reconcile is retried, one that throws is an error with the plugin's name, a terminal one waits") {
  Cluster k(options());
  k.load("probe1");
  make(k, "fails", "fail: '3', child: a");
  k.settle();
  CHECK_FALSE(k.find<ConfigMap>("fails-child"));
  k.advance(std::chrono::seconds(1));
  CHECK(k.find<ConfigMap>("fails-child"));
  CHECK(k.plugin("probe")->errors == 3);
  make(k, "gives-up", "terminal: 'yes'");
  k.settle();
  const auto given_up = k.plugin("probe")->errors;
  CHECK(given_up > 3);
  k.advance(std::chrono::hours(1));
  CHECK(k.plugin("probe")->errors == given_up);
  make(k, "throws", "throw: 'yes'");
  k.settle();
  k.advance(std::chrono::seconds(10));
  CHECK(k.find_json({"Plugin", "probe"})->find("plugin probe, reconcile: thrown on purpose") != std::string::npos);
}

TEST_CASE("repeated events raise the count of one object") {
  Cluster k(options());
  k.load("probe1");
  make(k, "a", "say: hello");
  k.settle();
  for (int i = 0; i < 3; ++i) {
    k.advance(std::chrono::seconds(1));
    k.edit<ConfigMap>("a", [&](ConfigMap& map) { map.data["n"] = std::to_string(i); });
    k.settle();
  }
  const auto events = k.list<keelson::Event>();
  REQUIRE(events.size() == 1);
  CHECK(events[0].count == 5);   // created, finalizer added, three edits
  CHECK(events[0].reportingComponent == "probe-controller");
  CHECK(events[0].message == "hello");
}

TEST_CASE("pausing a plugin keeps its keys, and its object says so") {
  Cluster k(options());
  k.load("probe1");
  k.patch_json({"Plugin", "probe"}, R"({"spec":{"paused":true}})");
  k.settle();
  CHECK(k.plugin("probe")->state == "Paused");
  make(k, "a", "child: x");
  k.settle();
  CHECK_FALSE(k.find<ConfigMap>("a-child"));
  k.patch_json({"Plugin", "probe"}, R"({"spec":{"paused":false}})");
  k.settle();
  CHECK(k.find<ConfigMap>("a-child"));
  CHECK(k.find_json({"Plugin", "probe"})->find(R"("state":"Running")") != std::string::npos);
}

TEST_CASE("a removed plugin's kind stays readable until its last object is gone") {
  Cluster k(options());
  k.load("probe1");
  k.apply_yaml(kWidget);
  k.unload("probe1");
  CHECK(k.find_json({"Widget", "w"}));
  CHECK(k.plugin("probe")->state == "Draining");
  CHECK_THROWS_WITH(k.patch_json({"Widget", "w"}, R"({"spec":{"size":4}})"), Catch::Contains("probe"));
  k.remove({"Widget", "w"});
  k.settle();
  CHECK_THROWS_WITH(k.find_json({"Widget", "w"}), Catch::Contains("no kind"));
  CHECK_FALSE(k.plugin("probe"));
  CHECK_FALSE(k.find_json({"Plugin", "probe"}));
}

TEST_CASE("a replaced file takes over from the old one") {
  Scratch scratch;
  const auto file = scratch.directory / "probe.so";
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe1.so", file);
  Cluster k(options());
  k.load(file.string());
  CHECK(k.plugin("probe")->version == "1.0.0");
  make(k, "a", "child: x");
  k.settle();
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe2.so", scratch.directory / "new");
  fs::rename(scratch.directory / "new", file);
  k.load(file.string());
  CHECK(k.plugin("probe")->version == "2.0.0");
  CHECK(k.plugin("probe")->restarts == 1);
  make(k, "b", "child: z");
  k.settle();
  CHECK(k.find<ConfigMap>("b-child"));
}

TEST_CASE("a wrong replacement leaves the old plugin running and says so") {
  Scratch scratch;
  const auto file = scratch.directory / "probe.so";
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe1.so", file);
  Cluster k(options());
  k.load(file.string());
  fs::remove(file);
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/no_entry.so", file);
  k.load(file.string());
  CHECK(k.plugin("probe")->state == "Running");
  CHECK(k.plugin("probe")->message == "the new file was refused, the old plugin goes on: probe.so exports no keelson_plugin_entry_v1");
  make(k, "a", "child: x");
  k.settle();
  CHECK(k.find<ConfigMap>("a-child"));
}

TEST_CASE("a reconcile past its deadline is cancelled") {
  Cluster k(options());
  k.load("probe1");
  make(k, "a", "hang: 'yes'");
  make(k, "b", "child: x");
  k.settle();
  CHECK(k.find<ConfigMap>("b-child"));   // the other worker goes on
  const auto before = k.plugin("probe")->reconciles;
  k.advance(std::chrono::minutes(2));
  CHECK(k.plugin("probe")->reconciles > before);
}

TEST_CASE("a task runs from start to drain") {
  Cluster k(options());
  k.load("probe1");
  k.advance(std::chrono::seconds(10));
  const auto text = k.metrics();
  const auto at = text.find("\nprobe_ticks_total ");
  REQUIRE(at != std::string::npos);
  CHECK(std::stod(text.substr(at + 19)) >= 9);
  k.unload("probe1");
  CHECK_FALSE(k.plugin("probe"));
}

TEST_CASE("every seed leads to the same end") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    Cluster k(options(seed));
    k.load("probe1");
    for (int i = 0; i < 10; ++i) make(k, "m" + std::to_string(i), "child: x, fail: '2'");
    k.advance(std::chrono::seconds(5));
    CHECK(k.list<ConfigMap>().size() >= 20);
    CHECK(k.plugin("probe")->queue == 0);
  }
}

TEST_CASE("a plugin that does not end is stuck: it is left in memory and the others go on") {
  Scratch scratch;
  const auto release = (scratch.directory / "release").string();
  ::setenv("KEELSON_TEST_RELEASE", release.c_str(), 1);
  {
    Cluster k(options());
    k.load("never_drains");
    k.load("probe1");
    k.unload("never_drains");
    k.advance(std::chrono::seconds(15));
    CHECK_FALSE(k.plugin("never-drains"));
    make(k, "a", "child: x");
    k.settle();
    CHECK(k.find<ConfigMap>("a-child"));
    std::ofstream(release) << "go";
    k.advance(std::chrono::seconds(1));
  }
  ::unsetenv("KEELSON_TEST_RELEASE");
}

TEST_CASE("kinds that a plugin declared are there, read-only, before it is loaded again") {
  Scratch scratch;
  auto kept = options();
  kept.data_directory = scratch.directory.string();
  { Cluster(kept).load("probe1"); }
  const auto registry = keelson::kinds::make_registry();
  keelson::plugins::restore_declared_kinds(*registry, kept.data_directory);
  const auto kind = registry->current()->by_kind("probe.keelson.dev", "v1", "Widget");
  REQUIRE(kind);
  CHECK_FALSE(kind->writable);
  CHECK(kind->declared_by == "plugin:probe");
  Cluster again(kept);   // no object of it and no plugin: it goes
  CHECK_THROWS_WITH(again.find_json({"Widget", "w"}), Catch::Contains("no kind"));
  again.load("probe1");
  again.apply_yaml(kWidget);
  CHECK(again.find_json({"Widget", "w"}));
}

TEST_CASE("a plugin that took the server down three times stays out until its file is a new one") {
  Scratch scratch;
  auto kept = options();
  kept.data_directory = (scratch.directory / "data").string();
  fs::create_directories(kept.data_directory + "/plugins");
  std::ofstream(kept.data_directory + "/plugins/crashes") << "probe\nprobe\nprobe\n";
  const auto file = scratch.directory / "probe.so";
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe1.so", file);
  Cluster k(kept);
  const auto refused = k.try_load(file.string());
  CHECK(refused.state == "Quarantined");
  CHECK(refused.message == "probe took the server down 3 times; replace its file to try again");
  fs::remove(file);
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe2.so", file);
  k.load(file.string());
  CHECK(k.plugin("probe")->state == "Running");
}

TEST_CASE("a changed configuration starts the plugin again, the number of workers takes effect at once") {
  Cluster k(options());
  k.load("probe1");
  k.patch_json({"Plugin", "probe"}, R"({"spec":{"config":{"colour":"red"}}})");
  k.settle();
  CHECK(k.plugin("probe")->restarts == 1);
  CHECK(k.plugin("probe")->state == "Running");
  k.patch_json({"Plugin", "probe"}, R"({"spec":{"workers":7}})");
  k.settle();
  CHECK(k.plugin("probe")->restarts == 1);
  CHECK(k.metrics().find(R"(controller_runtime_max_concurrent_reconciles{controller="configmap"} 7)") != std::string::npos);
}

TEST_CASE("a deleted Plugin object of a running plugin is made again") {
  Cluster k(options());
  k.load("probe1");
  k.remove({"Plugin", "probe"});
  k.advance(std::chrono::seconds(2));
  CHECK(k.find_json({"Plugin", "probe"}));
}

namespace {

bool mapped(const std::string& sha256) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(sha256) != std::string::npos) return true;
  return false;
}

std::string sha256_of(Cluster& k, const std::string& plugin) {
  const auto json = k.find_json({"Plugin", plugin});
  REQUIRE(json);
  const auto at = json->find(R"("sha256":")");
  REQUIRE(at != std::string::npos);
  return json->substr(at + 10, 64);
}

}  // namespace

TEST_CASE("a plugin that is replaced or removed is not mapped any more") {
  Scratch scratch;
  const auto file = scratch.directory / "probe.so";
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe1.so", file);
  Cluster k(options());
  k.load(file.string());
  make(k, "a", "child: x, say: hello");
  k.advance(std::chrono::seconds(10));
  const auto first = sha256_of(k, "probe");
  CHECK(mapped(first));
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe2.so", scratch.directory / "new");
  fs::rename(scratch.directory / "new", file);
  k.load(file.string());
  k.advance(std::chrono::seconds(10));
  const auto second = sha256_of(k, "probe");
  CHECK(second != first);
  CHECK_FALSE(mapped(first));
  CHECK(mapped(second));
  k.unload("probe");
  CHECK_FALSE(mapped(second));
}

TEST_CASE("a plugin's object says what its reconciles take and what it takes of the machine") {
  Cluster k(options());
  k.load("probe1");
  make(k, "a", "child: x");
  k.advance(std::chrono::minutes(1));
  const auto json = k.find_json({"Plugin", "probe"});
  REQUIRE(json);
  for (const auto* member : {R"("p99":")", R"("cpu":")", R"("memory":")"}) CHECK(json->find(member) != std::string::npos);
}
