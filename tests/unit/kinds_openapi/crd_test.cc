#include "core/kinds/type.hpp"
#include "support.hpp"

using namespace kinds_test;
using namespace keelson::kinds;

TEST_CASE("a CRD becomes a kind with its names, columns, subresources and selectable fields") {
  const auto kinds = kinds_from_crd(crontab_crd("{'type':'object','properties':{'cronSpec':{'type':'string'},'replicas':{'type':'integer','default':3}}}"));
  REQUIRE(kinds.has_value());
  REQUIRE(kinds->size() == 1);
  const Kind& kind = kinds->front();
  CHECK(kind.api_version() == "stable.example.com/v1");
  CHECK(kind.singular == "crontab");
  CHECK(kind.list_kind == "CronTabList");
  CHECK(kind.storage_key.text() == "crontabs.stable.example.com");
  CHECK(kind.declared_by == "crd:crontabs.stable.example.com");
  CHECK(kind.namespaced);
  CHECK(kind.strategy.custom_resource);
  CHECK(kind.strategy.has_status);
  CHECK(kind.allows("deletecollection"));
  REQUIRE(kind.subresource("scale"));
  CHECK(kind.subresource("scale")->spec_replicas_path == ".spec.replicas");
  CHECK(kind.selectable_fields == std::vector<std::string>{"spec.cronSpec"});
  REQUIRE(kind.columns.size() == 2);
  CHECK(kind.columns[1].name == "Spec");
  const Field* spec = find_field(*kind.type, "spec");
  REQUIRE(spec);
  CHECK(spec->type->shape == Shape::object);
  const Field* replicas = find_field(*spec->type, "replicas");
  REQUIRE(replicas);
  CHECK(replicas->type->shape == Shape::int64);
  CHECK(replicas->default_json == "3");
  CHECK(find_field(*kind.type, "metadata")->type == builtin_type("meta/v1.ObjectMeta"));
}

TEST_CASE("the storage version comes first and names the others") {
  auto crd = crontab_crd("{'type':'object'}");
  auto& versions = crd.at("spec").at("versions").as_array();
  json::value older = versions[0];
  older.as_object()["name"] = "v1beta1";
  older.as_object()["storage"] = false;
  versions.insert(versions.begin(), older);
  const auto kinds = kinds_from_crd(crd);
  REQUIRE(kinds.has_value());
  REQUIRE(kinds->size() == 2);
  CHECK(kinds->at(0).version == "v1");
  CHECK(kinds->at(0).other_versions == std::vector<std::string>{"v1beta1"});
}

TEST_CASE("schema shapes follow type, items, additionalProperties and the extensions") {
  const auto kinds = kinds_from_crd(crontab_crd(
      "{'type':'object','properties':{'port':{'x-kubernetes-int-or-string':true},'labels':{'type':'object','additionalProperties':{'type':'string'}},"
      "'free':{'type':'object','x-kubernetes-preserve-unknown-fields':true},'anything':{'x-kubernetes-preserve-unknown-fields':true},"
      "'set':{'type':'array','items':{'type':'string'},'x-kubernetes-list-type':'set'},"
      "'map':{'type':'array','x-kubernetes-list-type':'map','x-kubernetes-list-map-keys':['k'],'items':{'type':'object','required':['k'],'properties':{'k':{'type':'string'}}}},"
      "'pod':{'type':'object','x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields':true}}}"));
  REQUIRE(kinds.has_value());
  const Type& spec = *find_field(*kinds->front().type, "spec")->type;
  const auto type = [&](std::string_view name) -> const Type& { return *find_field(spec, name)->type; };
  CHECK(type("port").shape == Shape::int_or_string);
  CHECK(type("labels").shape == Shape::map);
  CHECK(type("labels").element->shape == Shape::string);
  CHECK(type("free").shape == Shape::raw);
  CHECK(type("anything").shape == Shape::any);
  CHECK(type("set").list_type == ListType::set);
  CHECK(type("map").list_type == ListType::map);
  CHECK(type("map").list_map_keys[0] == "k");
  CHECK(find_field(type("pod"), "metadata"));
  CHECK(type("pod").element);
}

TEST_CASE("a value that breaks its schema is told what is wrong and where") {
  CHECK(violations("{'type':'object','properties':{'n':{'type':'integer','minimum':1,'maximum':10}}}", "{'n':20}") == "spec.n: Invalid value: 20: spec.n in body should be less than or equal to 10");
  CHECK(violations("{'type':'object','properties':{'n':{'type':'integer'}}}", "{'n':'x'}") == "spec.n: Invalid value: 'string': spec.n in body must be of type integer: 'string'");
  CHECK(violations("{'type':'object','required':['n'],'properties':{'n':{'type':'integer'}}}", "{}") == "spec.n: Required value");
  CHECK(violations("{'type':'object','properties':{'s':{'type':'string','pattern':'^a+$'}}}", "{'s':'b'}") == "spec.s: Invalid value: 'b': spec.s in body should match '^a+$'");
  CHECK(violations("{'type':'object','properties':{'s':{'type':'string','enum':['a','b']}}}", "{'s':'c'}") == "spec.s: Unsupported value: 'c': supported values: 'a', 'b'");
  CHECK(violations("{'type':'object','properties':{'s':{'type':'string','maxLength':2}}}", "{'s':'abc'}") == "spec.s: Too long: may not be more than 2 bytes");
  CHECK(violations("{'type':'object','properties':{'l':{'type':'array','maxItems':1,'items':{'type':'string'}}}}", "{'l':['a','b']}") == "spec.l: Too many: 2: must have at most 1 items");
  CHECK(violations("{'type':'object','properties':{'l':{'type':'array','x-kubernetes-list-type':'set','items':{'type':'string'}}}}", "{'l':['a','a']}") == "spec.l[1]: Duplicate value: 'a'");
  CHECK(violations("{'type':'object','properties':{'n':{'type':'number'},'p':{'x-kubernetes-int-or-string':true}}}", "{'n':1,'p':'25%'}") == "");
  CHECK(violations("{'type':'object','properties':{'n':{'type':'integer','nullable':true}}}", "{'n':null}") == "");
}

TEST_CASE("allOf, anyOf, oneOf and not restrict further") {
  const auto schema = "{'type':'object','properties':{'n':{'type':'integer'}},'oneOf':[{'required':['a']},{'required':['b']}]}";
  CHECK(violations(schema, "{'a':1}") == "");
  CHECK(violations(schema, "{'a':1,'b':1}") == "spec: Invalid value: {'a':1,'b':1}: 'spec' must validate one and only one schema (oneOf). Found 2 valid");
  CHECK(violations("{'type':'object','not':{'required':['x']}}", "{'x':1}").find("must not validate the schema (not)") != std::string::npos);
}

TEST_CASE("a schema that is not structural is refused with the field") {
  const auto spec = [](std::string_view schema) { return crd_refusal(crontab_crd(schema)); };
  const std::string at = "spec.validation.openAPIV3Schema.properties[spec]";
  CHECK(spec("{'type':'object','properties':{'x':{}}}") == at + ".properties[x].type: Required value: must not be empty for specified object fields");
  CHECK(spec("{'type':'object','$ref':'#/x'}") == at + ".$ref: Forbidden: $ref is not supported");
  CHECK(spec("{'type':'array','items':{'type':'string'},'uniqueItems':true}") == at + ".uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
  CHECK(spec("{'type':'string','pattern':'('}").starts_with(at + ".pattern: Invalid value: \"(\": must be a valid regular expression"));
  CHECK(spec("{'type':'object','properties':{'n':{'type':'integer','default':'x'}}}").starts_with(at + ".properties[n].default: Invalid value"));
}

TEST_CASE("a CRD needs one storage version, a schema and names") {
  auto crd = crontab_crd("{'type':'object'}");
  crd.at("spec").at("versions").at(0).as_object()["storage"] = false;
  CHECK(crd_refusal(crd).find("must have exactly one version marked as storage version") != std::string::npos);
  crd = crontab_crd("{'type':'object'}");
  crd.at("spec").at("versions").at(0).as_object().erase("schema");
  CHECK(crd_refusal(crd) == "spec.versions[0].schema.openAPIV3Schema: Required value");
  CHECK(crd_refusal(js("{}")).find("spec.names.kind: Required value") != std::string::npos);
}

TEST_CASE("a schema that nests too deeply is refused, not followed") {
  std::string schema = "{'type':'string'}";
  for (int i = 0; i < 300; ++i) schema = "{'type':'object','properties':{'a':" + schema + "}}";
  boost::json::parse_options deep;
  deep.max_depth = 2000;
  auto crd = crontab_crd("{'type':'object'}");
  std::replace(schema.begin(), schema.end(), '\'', '"');
  crd.at("spec").at("versions").at(0).at("schema").as_object()["openAPIV3Schema"] = json::parse(schema, {}, deep);
  CHECK(crd_refusal(crd).find("nests too deeply") != std::string::npos);
}

TEST_CASE("a deprecated version warns of itself, and names the newest that is not") {
  auto crd = crontab_crd("{'type':'object'}");
  auto& versions = crd.at("spec").at("versions").as_array();
  const auto add = [&](std::string_view name, bool deprecated) -> json::object& {
    json::value one = versions[0];
    one.as_object()["name"] = name;
    one.as_object()["storage"] = false;
    one.as_object()["deprecated"] = deprecated;
    versions.push_back(one);
    return versions.back().as_object();
  };
  add("v1beta1", true);
  add("v1alpha1", true)["deprecationWarning"] = "go away";
  add("v9", true);
  const auto kinds = kinds_from_crd(crd);
  REQUIRE(kinds.has_value());
  const auto told = [&](std::string_view version) { return std::find_if(kinds->begin(), kinds->end(), [&](const Kind& kind) { return kind.version == version; })->deprecation; };
  CHECK(told("v1") == "");
  CHECK(told("v1beta1") == kinds->front().group + "/v1beta1 CronTab is deprecated; use " + kinds->front().group + "/v1 CronTab");
  CHECK(told("v1alpha1") == "go away");
  CHECK(told("v9") == kinds->front().group + "/v9 CronTab is deprecated");
}
