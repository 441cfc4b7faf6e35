#include <catch2/catch.hpp>

#include "sdk/testing/cluster.hpp"

using keelson::testing::Cluster;
using keelson::testing::Name;

namespace {

keelson::testing::Options options() { return {.seed = 7, .plugin_directory = KEELSON_TEST_PLUGINS}; }

}  // namespace

TEST_CASE("a broken plugin is refused with a reason, shown by its Plugin object, and disturbs nothing") {
  Cluster k(options());
  struct Case { const char *file, *state, *reason, *message; };
  for (const auto& c : {Case{"no_entry", "Refused", "NoEntrySymbol", "no_entry.so exports no keelson_plugin_entry_v1"},
                        Case{"wrong_abi", "Refused", "ABIMismatch", "wrong_abi.so needs ABI 2, this core has 1.0"},
                        Case{"newer_minor", "Refused", "ABIMismatch", "newer_minor.so needs ABI 1.4, this core has 1.0"},
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

TEST_CASE("an unloaded broken plugin leaves no Plugin object") {
  Cluster k(options());
  k.try_load("refuses");
  CHECK(k.find_json({"Plugin", "refuses"}));
  k.unload("refuses");
  CHECK_FALSE(k.find_json({"Plugin", "refuses"}));
}
