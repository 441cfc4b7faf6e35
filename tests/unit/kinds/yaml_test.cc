#include <catch2/catch.hpp>

#include <ctime>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

std::string yaml(std::string_view text) {
  const auto value = parse(Media::yaml, text, {});
  return value ? json::serialize(value.value()) : value.error().message;
}

}  // namespace

TEST_CASE("YAML scalars mean what YAML 1.1 says") {
  CHECK(yaml("a: yes\nb: off\nc: y\nd: 'yes'\ne: True") == R"({"a":true,"b":false,"c":true,"d":"yes","e":true})");
  CHECK(yaml("a: 010\nb: 0x1F\nc: 1_000\nd: 0o7\ne: 0b11\nf: -5") == R"({"a":8,"b":31,"c":1000,"d":7,"e":3,"f":-5})");
  CHECK(yaml("a: 1e3\nb: 1e+3\nc: 1.5\nd: 1.\ne: 2024-01-01") == R"({"a":1000,"b":1000,"c":1.5E0,"d":1,"e":"2024-01-01"})");
  CHECK(yaml("a: .5\nb: 1e-1\nc: 1e\nd: .\ne: 1.e2\nf: 1e1x") == R"({"a":5E-1,"b":1E-1,"c":"1e","d":".","e":100,"f":"1e1x"})");
  CHECK(yaml("a: ~\nb:\nc: null\nd: ''") == R"({"a":null,"b":null,"c":null,"d":""})");
  CHECK(yaml("1: a\ntrue: b\nx: !!str 5\nz: !!binary aGk=\nw: !foo bar") == R"({"1":"a","true":"b","x":"5","z":"hi","w":"bar"})");
  CHECK(yaml("a: .nan").find("unsupported value") != std::string::npos);
}

TEST_CASE("Only the first YAML document counts") { CHECK(yaml("a: 1\n---\nb: 2\n") == R"({"a":1})"); }

TEST_CASE("Aliases and merge keys work") {
  CHECK(yaml("a: &x {k: 1, l: 2}\nb: *x\nc:\n  <<: *x\n  k: 3") == R"({"a":{"k":1,"l":2},"b":{"k":1,"l":2},"c":{"k":3,"l":2}})");
}

TEST_CASE("An alias bomb is refused at once") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 9; ++k) bomb += (k ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  const auto start = std::clock();   // its own time: the machine may have other work
  CHECK(yaml(bomb).find("document contains excessive aliasing") != std::string::npos);
  CHECK(std::clock() - start < CLOCKS_PER_SEC);
}

TEST_CASE("Deep YAML is refused and does not take long") {
  const auto start = std::clock();
  for (const std::string_view piece : {"[", "{a: ", "- ", "? ", "{", "[{"}) {
    std::string text;
    while (text.size() < 200'000) text += piece;
    INFO(piece);
    const auto value = parse(Media::yaml, text, {});
    REQUIRE(!value);
    CHECK(value.error().code == 400);
  }
  CHECK(std::clock() - start < 10 * CLOCKS_PER_SEC);
}

TEST_CASE("A manifest in YAML decodes as the same in JSON") {
  const auto deployment = builtin("apps/v1", "Deployment");
  const auto object = decoded(*deployment, "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: default\nspec:\n  selector:\n    matchLabels: {app: web}\n"
                                           "  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      containers:\n      - name: c\n        image: nginx:1.25\n",
                              FieldValidation::strict, Media::yaml).value().object;
  CHECK(object == decoded(*deployment, kDeployment).value().object);
}

TEST_CASE("Duplicate keys in YAML are refused by strict decoding") {
  const auto map = builtin("v1", "ConfigMap");
  const auto result = decoded(*map, "metadata:\n  name: a\ndata:\n  k: a\n  k: b\n", FieldValidation::strict, Media::yaml);
  REQUIRE(!result);
  CHECK(result.error().message.find("key \"k\" already set in map") != std::string::npos);
  CHECK(shown(decoded(*map, "data:\n  k: a\n  k: b\n", FieldValidation::ignore, Media::yaml).value().object, "data.k") == "\"b\"");
}
