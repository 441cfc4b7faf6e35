#include <catch2/catch.hpp>

#include "sdk/testing/cluster.hpp"

using keelson::testing::Cluster;
using keelson::testing::Name;

namespace {

keelson::testing::Options options() { return {.seed = 7, .plugin_directory = KEELSON_TEST_PLUGINS}; }

}  // namespace

TEST_CASE("a broken plugin is refused with a reason, shown by its Plugin object, and disturbs nothing") {
  Cluster k(options());
  const std::string core = "this core has 1." + std::to_string(KEELSON_ABI_MINOR);
  struct Case { std::string file, state, reason, message; };
  for (const auto& c : {Case{"no_entry", "Refused", "NoEntrySymbol", "no_entry.so exports no keelson_plugin_entry_v1"},
                        Case{"wrong_abi", "Refused", "ABIMismatch", "wrong_abi.so needs ABI 2, " + core},
                        Case{"newer_minor", "Refused", "ABIMismatch", "newer_minor.so needs ABI 1.5, " + core},
                        Case{"newer_note", "Refused", "ABIMismatch", "newer_note.so needs ABI 1.5, " + core},
                        Case{"no_table", "Refused", "LoadFailed", "no_table.so: keelson_plugin_entry_v1 answered no table"},
                        Case{"other_note", "Refused", "LoadFailed", "other_note.so: its note says somebody-else 9.9.9, its table other-note 0.0.1"},
                        Case{"bad_name", "Refused", "BadName", "\"Bad Name!\" is no name for a plugin: it has to be a DNS label"},
                        Case{"throws_in_start", "Failed", "StartFailed", "plugin throws-in-start, start: the sky is falling"},
                        Case{"throws_through", "Failed", "StartFailed", "Internal error occurred: plugin throws-through threw: straight through"},
                        Case{"refuses", "Failed", "StartFailed", "no licence for this machine"},
                        Case{"bad_declaration", "Failed", "StartFailed", "its declaration is unreadable: a controller needs a name"}}) {
    const auto state = k.try_load(c.file);
    INFO(c.file);
    CHECK(state.state == c.state);
    CHECK(state.reason == c.reason);
    CHECK(state.message == c.message);
    const auto object = k.find_json({"Plugin", state.name});
    REQUIRE(object);
    CHECK(object->find(c.reason) != std::string::npos);
  }
  k.load("probe1");
  CHECK(k.plugin("probe")->state == "Running");
}

TEST_CASE("a plugin under another's name is refused while the other runs, and has its turn when that goes") {
  Cluster k(options());
  k.load("probe1");
  const auto state = k.try_load("takes_name");
  CHECK(state.state == "Refused");
  CHECK(state.reason == "NameTaken");
  CHECK(state.message == "probe is loaded already, from " KEELSON_TEST_PLUGINS "/probe1.so");
  CHECK(k.plugin("probe")->state == "Running");
  CHECK(k.find_json({"Plugin", "takes-name"}));
  k.unload("probe1");
  k.settle();
  REQUIRE(k.plugin("probe"));
  CHECK(k.plugin("probe")->state == "Running");
  CHECK(k.plugin("probe")->version == "0.0.1");
  CHECK_FALSE(k.find_json({"Plugin", "takes-name"}));
}

TEST_CASE("a plugin that wants another's kind is refused and leaves none of its own") {
  Cluster k(options());
  k.load("probe1");
  const auto state = k.try_load("takes_kind");
  CHECK(state.state == "Refused");
  CHECK(state.reason == "KindTaken");
  CHECK(state.message.ends_with("\"widgets\" in group \"probe.keelson.dev\" is already in use by plugin:probe"));
  CHECK_THROWS_AS(k.list_json("Extra", ""), keelson::testing::Failure);
  CHECK(k.list_json("Widget", "").empty());
  CHECK(k.plugin("probe")->state == "Running");
  k.unload("probe1");
  k.settle();
  CHECK(k.plugin("takes-kind")->state == "Running");
  CHECK(k.list_json("Extra", "").empty());
}

TEST_CASE("an unloaded broken plugin leaves no Plugin object") {
  Cluster k(options());
  k.try_load("refuses");
  CHECK(k.find_json({"Plugin", "refuses"}));
  k.unload("refuses");
  CHECK_FALSE(k.find_json({"Plugin", "refuses"}));
}
