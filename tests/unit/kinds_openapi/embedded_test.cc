// x-kubernetes-embedded-resource: objects inside a custom resource have an identity and sound metadata.
#include <algorithm>

#include "core/kinds/engine.hpp"
#include "support.hpp"

using namespace kinds_test;
using namespace keelson::kinds;

namespace {

constexpr std::string_view kSchema =
    "{'type':'object','properties':{'one':{'type':'object','x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields':true},"
    "'many':{'type':'array','items':{'type':'object','x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields':true}},"
    "'named':{'type':'object','additionalProperties':{'type':'object','x-kubernetes-embedded-resource':true,'properties':{'spec':{'type':'object'}}}}}}";

std::string said(std::string_view spec) {
  const auto kinds = kinds_from_crd(crontab_crd(kSchema));
  REQUIRE(kinds.has_value());
  const auto& kind = kinds->front();
  const auto value = js("{'apiVersion':'" + kind.api_version() + "','kind':'" + kind.kind + "','metadata':{'name':'a','namespace':'b'},'spec':" + std::string(spec) + "}");
  std::string text;
  for (const auto& cause : validate(kind, value, nullptr, "")) text += (text.empty() ? "" : "\n") + cause.field + ": " + cause.message;
  std::replace(text.begin(), text.end(), '"', '\'');
  return text;
}

}  // namespace

TEST_CASE("an embedded resource needs a version and a kind, no name") {
  CHECK(said("{'one':{'apiVersion':'v1','kind':'Pod'}}").empty());
  CHECK(said("{'one':{'apiVersion':'v1','kind':'Pod','metadata':{'name':'x','labels':{'a':'b'}},'spec':{'any':1}}}").empty());
  CHECK(said("{'one':{}}") == "spec.one.apiVersion: Required value: must not be empty\nspec.one.kind: Required value: must not be empty");
  CHECK(said("{'one':{'apiVersion':'a/b/c','kind':''}}") ==
        "spec.one.apiVersion: Invalid value: 'a/b/c': unexpected GroupVersion string: a/b/c\nspec.one.kind: Invalid value: '': must not be empty");
  CHECK(said("{'one':{'apiVersion':1,'kind':'No Kind'}}").starts_with("spec.one.apiVersion: Invalid value: 1: must be a string\nspec.one.kind: Invalid value: 'No Kind': may have mixed case, but should otherwise match: "));
}

TEST_CASE("the metadata of embedded resources is judged wherever they are") {
  CHECK(said("{'many':[{'apiVersion':'v1','kind':'Pod'},{'apiVersion':'v1','kind':'Pod','metadata':{'name':'..'}}]}") == "spec.many[1].metadata.name: Invalid value: '..': may not be '..'");
  CHECK(said("{'named':{'x':{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'UP'}}}}").starts_with("spec.named[x].metadata.namespace: Invalid value: 'UP': "));
  CHECK(said("{'one':{'apiVersion':'v1','kind':'Pod','metadata':{'labels':{'-':'b'}}}}").starts_with("spec.one.metadata.labels: Invalid value: '-': "));
  CHECK(said("{'one':{'apiVersion':'v1','kind':'Pod','metadata':{'ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'x'}]}}}") ==
        "spec.one.metadata.ownerReferences.uid: Invalid value: '': must not be empty");
}
