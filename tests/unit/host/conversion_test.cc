// Kinds with several versions that a plugin converts, through the real host.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>

#include "sdk/testing/cluster.hpp"

using Catch::Contains;
using keelson::testing::Cluster;
using keelson::testing::Name;
namespace fs = std::filesystem;

namespace {

Name buoy(const std::string& version) { return {"Buoy", "a", "default", "example.keelson.dev/" + version}; }
Name mark(const std::string& version, const std::string& name = "a") { return {"Mark", name, "default", "versions.keelson.dev/" + version}; }
std::string old_buoy(const std::string& place) { return "apiVersion: example.keelson.dev/v1\nkind: Buoy\nmetadata: {name: a, labels: {a: b}}\nspec: {place: '" + place + "'}\n"; }
std::string old_mark(const std::string& name, const std::string& place) { return "apiVersion: versions.keelson.dev/v1\nkind: Mark\nmetadata: {name: " + name + "}\nspec: {place: " + place + "}\n"; }

/// A folder whose one plugin is replaced.
struct Folder {
  Folder() {
    auto pattern = (fs::temp_directory_path() / "keelson-versions-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(directory); }
  void put(const std::string& version) {   // as a new file, never written over
    fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/versions" + version + ".so", directory / "new", fs::copy_options::overwrite_existing);
    fs::rename(directory / "new", directory / "versions.so");
  }
  std::string file() const { return (directory / "versions.so").string(); }
  fs::path directory;
};

}  // namespace

TEST_CASE("conversion example: every client reads and writes the version that it knows, and the controller its own") {
  Cluster k({.seed = 7, .plugin_directory = KEELSON_EXAMPLES});
  k.load("hooks-conversion");
  k.apply_yaml(old_buoy("sea:7"));
  k.settle();
  CHECK_THAT(*k.find_json(buoy("v2")), Contains(R"("host":"sea","port":7)") && Contains(R"("seen":"sea")") && Contains(R"("labels":{"a":"b"})"));
  CHECK_THAT(*k.find_json(buoy("v1")), Contains(R"("place":"sea:7")") && !Contains("host"));
  k.patch_json(buoy("v2"), R"({"spec":{"port":8}})");
  CHECK_THAT(*k.find_json(buoy("v1")), Contains(R"("place":"sea:8")"));
  k.patch_json(buoy("v1"), R"({"spec":{"place":"lake:9"}})");
  k.settle();
  CHECK_THAT(*k.find_json(buoy("v2")), Contains(R"("host":"lake","port":9)") && Contains(R"("seen":"lake")"));
}

TEST_CASE("a conversion that fails says so as a failed webhook does, and nothing is stored") {
  Cluster k({.seed = 7, .plugin_directory = KEELSON_EXAMPLES});
  k.load("hooks-conversion");
  CHECK_THROWS_WITH(k.apply_yaml(old_buoy("nowhere")), Contains("conversion webhook for example.keelson.dev/v1, Kind=Buoy failed: spec.place: must be HOST:PORT"));
  CHECK_FALSE(k.find_json(buoy("v2")));
  k.apply_yaml(old_buoy("sea:7"));
  k.patch_json({"Plugin", "hooks-conversion", ""}, R"({"spec":{"paused":true}})");
  k.settle();
  CHECK_THROWS_WITH(k.find_json(buoy("v1")), Contains("conversion webhook for example.keelson.dev/v2, Kind=Buoy failed: the plugin hooks-conversion that decides on this (conversion) is not running"));
  CHECK_THAT(*k.find_json(buoy("v2")), Contains(R"("host":"sea")"));   // what is stored needs nobody
  k.patch_json({"Plugin", "hooks-conversion", ""}, R"({"spec":{"paused":false}})");
  k.settle();
  CHECK_THAT(*k.find_json(buoy("v1")), Contains("sea:7"));
  k.unload("hooks-conversion");
  CHECK_THROWS_WITH(k.find_json(buoy("v1")), Contains("Kind=Buoy failed: there is no plugin hooks-conversion that converts"));
  k.remove(buoy("v2"));
  k.settle();
  CHECK_THROWS_WITH(k.find_json(buoy("v2")), Contains("no kind"));
}

TEST_CASE("a kind gets another version while it runs: what is stored in the first is read in the second, and controllers see theirs") {
  Folder folder;
  folder.put("1");
  Cluster k({.seed = 7});
  k.load(folder.file());
  k.apply_yaml(old_mark("a", "sea"));
  k.settle();
  CHECK_THAT(*k.find_json(mark("v1")), Contains(R"("seen":"v1 sea")"));
  folder.put("2");
  k.load(folder.file());
  CHECK(k.plugin("versions")->version == "2.0.0");
  k.settle();   // no time passes, so that a first try that failed would show
  CHECK_THAT(*k.find_json(mark("v2")), Contains(R"("where":"sea")") && Contains(R"("seen":"v2 sea")"));
  CHECK_THAT(*k.find_json(mark("v1")), Contains(R"("place":"sea")"));
  CHECK_THROWS_WITH(k.apply_yaml(old_mark("b", "throw")), Contains("conversion webhook for versions.keelson.dev/v1, Kind=Mark failed") && Contains("no such place"));
}

TEST_CASE("a version that a new file has no more is served no more") {
  Folder folder;
  folder.put("2");
  Cluster k({.seed = 7});
  k.load(folder.file());
  k.apply_yaml(old_mark("a", "sea"));
  folder.put("3");
  k.load(folder.file());
  CHECK(k.plugin("versions")->version == "3.0.0");
  CHECK_THAT(*k.find_json(mark("v2")), Contains(R"("where":"sea")"));
  CHECK_THROWS_WITH(k.find_json(mark("v1")), Contains("no kind"));
}
