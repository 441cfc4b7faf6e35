// What a definition's schema has to be like before it is looked at what it demands.
#include "support.hpp"

using namespace kinds_test;

namespace {

const std::string kSpec = "spec.validation.openAPIV3Schema.properties[spec]";

std::string spec(std::string_view schema) { return crd_refusal(crontab_crd(schema)); }

/// `schema` as the whole one.
std::string whole(std::string_view schema) {
  auto crd = crontab_crd("{'type':'object'}");
  auto& version = crd.at("spec").at("versions").at(0).as_object();
  version.erase("subresources");
  version.erase("selectableFields");
  version.at("schema").as_object()["openAPIV3Schema"] = js(schema);
  return crd_refusal(crd);
}

}  // namespace

TEST_CASE("every field of a structural schema has a type, and what has elements says which") {
  CHECK(spec("{'type':'object','properties':{'a':{}}}") == kSpec + ".properties[a].type: Required value: must not be empty for specified object fields");
  CHECK(spec("{'type':'array','items':{}}") == kSpec + ".items.type: Required value: must not be empty for specified array items");
  CHECK(spec("{'type':'array'}") == kSpec + ".items: Required value: must be specified");
  CHECK(whole("{'properties':{}}") == "spec.validation.openAPIV3Schema.type: Required value: must not be empty at the root");
  CHECK(whole("{'type':'array','items':{'type':'string'}}") == "spec.validation.openAPIV3Schema.type: Invalid value: \"array\": must be object at the root");
  CHECK(spec("{'type':'nothing'}").find(kSpec + ".type: Unsupported value: \"nothing\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"") != std::string::npos);
  CHECK(spec("{'type':'null'}").find(".type: Forbidden: type cannot be set to null, use nullable as an alternative") != std::string::npos);
}

TEST_CASE("allOf, anyOf, oneOf and not only restrict") {
  CHECK(spec("{'type':'object','anyOf':[{'type':'object'}]}") == kSpec + ".anyOf[0].type: Forbidden: must be empty to be structural");
  CHECK(spec("{'type':'object','properties':{'a':{'type':'string'}},'not':{'properties':{'a':{'nullable':true}}}}") == kSpec + ".not.properties[a].nullable: Forbidden: must be false to be structural");
  CHECK(spec("{'type':'object','allOf':[{'x-kubernetes-validations':[{'rule':'true'}]}]}") == kSpec + ".allOf[0].x-kubernetes-validations: Forbidden: must be empty to be structural");
  CHECK(spec("{'type':'object','oneOf':[{'properties':{'metadata':{}}}]}") == kSpec + ".oneOf[0].properties[metadata]: Forbidden: must not be specified in a nested context");
  CHECK(whole("{'type':'object','properties':{'a':{'type':'string'}},'anyOf':[{'properties':{'b':{'minLength':1}}}]}") ==
        "spec.validation.openAPIV3Schema.properties[b]: Required value: because it is defined in spec.validation.openAPIV3Schema.anyOf[0].properties[b]");
}

TEST_CASE("an int-or-string may carry its two types") {
  CHECK(spec("{'type':'object','properties':{'p':{'x-kubernetes-int-or-string':true,'anyOf':[{'type':'integer'},{'type':'string'}]}}}") == "accepted");
  CHECK(spec("{'type':'object','properties':{'p':{'x-kubernetes-int-or-string':true,'allOf':[{'anyOf':[{'type':'integer'},{'type':'string'}]},{'pattern':'x'}]}}}") == "accepted");
  CHECK(spec("{'type':'object','properties':{'p':{'x-kubernetes-int-or-string':true,'anyOf':[{'type':'string'},{'type':'integer'}]}}}").find("must be empty to be structural") != std::string::npos);
  CHECK(spec("{'type':'object','properties':{'p':{'x-kubernetes-int-or-string':true,'x-kubernetes-preserve-unknown-fields':true}}}") ==
        kSpec + ".properties[p].x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true");
}

TEST_CASE("metadata may only be narrowed in its names") {
  CHECK(whole("{'type':'object','properties':{'metadata':{'type':'object','properties':{'name':{'type':'string','maxLength':5}}}}}") == "accepted");
  const std::string metadata = "spec.validation.openAPIV3Schema.properties[metadata]";
  CHECK(whole("{'type':'object','properties':{'metadata':{'type':'object','properties':{'labels':{'type':'object'}}}}}") ==
        metadata + ": Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified");
  CHECK(whole("{'type':'object','properties':{'metadata':{'type':'object','properties':{'name':{'type':'string','default':'x'}}}}}") == metadata + ".properties[name].default: Forbidden: must not be set in top-level metadata");
  CHECK(whole("{'type':'object','properties':{'kind':{'type':'integer'}}}") == "spec.validation.openAPIV3Schema.properties[kind].type: Invalid value: \"integer\": must be string");
}

TEST_CASE("embedded resources are objects with fields, or with all fields") {
  CHECK(spec("{'type':'object','x-kubernetes-embedded-resource':true}") == kSpec + ".properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
  CHECK(spec("{'x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields':true}") == kSpec + ".type: Required value: must be object if x-kubernetes-embedded-resource is true");
}

TEST_CASE("keyed lists name fields that are always there") {
  const auto list = [](std::string_view more, std::string_view items) { return spec("{'type':'array','x-kubernetes-list-type':'map'," + std::string(more) + "'items':" + std::string(items) + "}"); };
  const std::string object = "{'type':'object','properties':{'k':{'type':'string'}}}";
  CHECK(list("", object) == kSpec + ".x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map");
  CHECK(list("'x-kubernetes-list-map-keys':['k'],", object) ==
        kSpec + ".items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property");
  CHECK(list("'x-kubernetes-list-map-keys':['x'],", object) == kSpec + ".x-kubernetes-list-map-keys: Invalid value: [\"x\"]: entries must all be names of item properties");
  CHECK(list("'x-kubernetes-list-map-keys':['k'],", "{'type':'object','required':['k'],'properties':{'k':{'type':'string'}}}") == "accepted");
  CHECK(list("'x-kubernetes-list-map-keys':['k'],", "{'type':'string'}") == kSpec + ".items.type: Invalid value: \"string\": must be object if parent array's x-kubernetes-list-type is map");
  CHECK(spec("{'type':'array','x-kubernetes-list-type':'bag','items':{'type':'string'}}") == kSpec + ".x-kubernetes-list-type: Unsupported value: \"bag\": supported values: \"atomic\", \"set\", \"map\"");
  CHECK(spec("{'type':'array','x-kubernetes-list-type':'set','items':{'type':'object','properties':{'a':{'type':'string'}}}}") ==
        kSpec + ".items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set");
  CHECK(spec("{'type':'string','x-kubernetes-list-type':'set'}") == kSpec + ".type: Invalid value: \"string\": must be array if x-kubernetes-list-type is specified");
  CHECK(spec("{'type':'object','x-kubernetes-map-type':'list'}") == kSpec + ".x-kubernetes-map-type: Unsupported value: \"list\": supported values: \"atomic\", \"granular\"");
}

TEST_CASE("properties and additionalProperties exclude each other, and some words are not supported") {
  CHECK(spec("{'type':'object','properties':{'a':{'type':'string'}},'additionalProperties':{'type':'string'}}") == kSpec + ".additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive");
  CHECK(whole("{'type':'object','additionalProperties':{'type':'string'}}") == "spec.validation.openAPIV3Schema.additionalProperties: Forbidden: must not be used at the root");
  CHECK(spec("{'type':'object','id':'x'}") == kSpec + ".id: Forbidden: id is not supported");
  CHECK(spec("{'type':'object','x-kubernetes-preserve-unknown-fields':false}") == kSpec + ".x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined");
  CHECK(spec("{'type':'object','properties':{'o':{'type':'object','default':{'b':1},'properties':{'a':{'type':'integer'}}}}}") == kSpec + ".properties[o].default: Invalid value: {\"b\":1}: must not have unknown fields");
}
