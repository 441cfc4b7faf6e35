#include "core/base/config.hpp"

#include <catch2/catch.hpp>

using namespace keelson::base;

namespace {

Config declared() {
  Config config;
  config.declare("data-dir", "/var/lib/keelson", "Where data lies.");
  config.declare("https-port", "6443", "Port.");
  config.declare("history", "1h", "Kept.");
  config.declare("verbose", "false", "More.");
  config.declare_list("disable", {}, "Plugins left out.");
  return config;
}

}  // namespace

TEST_CASE("a flag wins over a variable, a variable over a file, a file over the default, in any order of reading") {
  Config config = declared();
  REQUIRE(config.set_flag("https-port", "1").has_value());
  config.read_environment([](const std::string& name) -> std::optional<std::string> {
    if (name == "KEELSON_HTTPS_PORT" || name == "KEELSON_DATA_DIR") return "2";
    return std::nullopt;
  });
  REQUIRE(config.read_yaml("https-port: 3\ndata-dir: 3\nhistory: 3s\n", "config.yaml").has_value());
  CHECK(*config.number("https-port", 1, 65535) == 1);
  CHECK(config.text("data-dir") == "2");
  CHECK(*config.duration_ms("history") == 3000);
  CHECK_FALSE(*config.boolean("verbose"));
  CHECK(config.effective().find("data-dir: \"2\"  # KEELSON_DATA_DIR") != std::string::npos);
}

TEST_CASE("lists are sequences or comma separated, and a key with + appends") {
  Config config = declared();
  REQUIRE(config.read_yaml("disable: [cni, cri-shim]", "a.yaml").has_value());
  REQUIRE(config.read_yaml("disable+: scheduler,", "b.yaml").has_value());
  CHECK(config.list("disable") == std::vector<std::string>{"cni", "cri-shim", "scheduler"});
  REQUIRE(config.set_flag("disable", "x,y").has_value());
  CHECK(config.list("disable") == std::vector<std::string>{"x", "y"});
}

TEST_CASE("wrong settings are refused by name and change nothing") {
  Config config = declared();
  const auto unknown = config.read_yaml("data-dir: /x\ndata-dri: /y\n", "config.yaml");
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message == "config.yaml: unknown setting \"data-dri\"");
  CHECK(config.text("data-dir") == "/var/lib/keelson");
  CHECK_FALSE(config.read_yaml("- a\n", "config.yaml").has_value());
  CHECK_FALSE(config.read_yaml("data-dir: {a: 1}", "config.yaml").has_value());
  CHECK_FALSE(config.read_yaml("data-dir: [", "config.yaml").has_value());
  CHECK_FALSE(config.read_file("/nowhere/config.yaml").has_value());
  CHECK_FALSE(config.set_flag("nope", "1").has_value());
  REQUIRE(config.set_flag("https-port", "70000").has_value());
  CHECK(config.number("https-port", 1, 65535).error().message == "https-port: \"70000\" is not a number from 1 to 65535");
  REQUIRE(config.set_flag("history", "5 days").has_value());
  CHECK_FALSE(config.duration_ms("history").has_value());
}
