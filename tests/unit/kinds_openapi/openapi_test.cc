#include <map>
#include <set>

#include "core/kinds/openapi/protobuf.hpp"
#include "support.hpp"

using namespace kinds_test;
using namespace keelson::kinds;

namespace {

json::value v3(const std::string& path) {
  const std::string text = openapi_v3(*catalog_with_crontab(), path);
  REQUIRE_FALSE(text.empty());
  return json::parse(text);
}

const json::value& schema(const json::value& document, std::string_view name) { return document.at("components").at("schemas").at(name); }

/// All names that references point to.
void references(const json::value& value, std::set<std::string>& out) {
  if (value.is_array())
    for (const auto& element : value.get_array()) references(element, out);
  if (!value.is_object()) return;
  for (const auto& member : value.get_object()) {
    if (member.key() == "$ref" && member.value().is_string()) {
      const std::string target(member.value().get_string());
      out.insert(target.substr(target.rfind('/') + 1));
    } else {
      references(member.value(), out);
    }
  }
}

std::set<std::string> parameter_names(const json::value& operation) {
  std::set<std::string> names;
  for (const auto& parameter : operation.at("parameters").as_array()) names.insert(std::string(parameter.at("name").as_string()));
  return names;
}

}  // namespace

TEST_CASE("each group version has a document, and an unknown path has none") {
  const auto catalog = catalog_with_crontab();
  const auto paths = openapi_v3_paths(*catalog);
  CHECK(std::find(paths.begin(), paths.end(), "api/v1") != paths.end());
  CHECK(std::find(paths.begin(), paths.end(), "apis/apps/v1") != paths.end());
  CHECK(std::find(paths.begin(), paths.end(), "apis/stable.example.com/v1") != paths.end());
  CHECK(openapi_v3(*catalog, "apis/none/v1").empty());
  for (const auto& path : paths) CHECK(json::parse(openapi_v3(*catalog, path)).is_object());
}

TEST_CASE("every PATCH names its kind and lists the parameters that kubectl looks for") {
  const auto catalog = catalog_with_crontab();
  int patches = 0;
  for (const auto& path : openapi_v3_paths(*catalog)) {
    const auto document = json::parse(openapi_v3(*catalog, path));
    for (const auto& item : document.at("paths").as_object()) {
      const json::value* patch = item.value().as_object().if_contains("patch");
      if (!patch) continue;
      ++patches;
      INFO(std::string_view(item.key()));
      CHECK(patch->at("x-kubernetes-action").is_string());
      CHECK(patch->at("x-kubernetes-group-version-kind").at("kind").is_string());
      const auto names = parameter_names(*patch);
      for (const char* name : {"dryRun", "fieldManager", "fieldValidation", "force"}) CHECK(names.contains(name));
    }
  }
  CHECK(patches > 30);
}

TEST_CASE("built-in kinds take four patch types, custom resources three") {
  const auto deployments = v3("apis/apps/v1").at("paths").at("/apis/apps/v1/namespaces/{namespace}/deployments/{name}").at("patch").at("requestBody").at("content");
  CHECK(deployments.as_object().size() == 4);
  CHECK(deployments.as_object().contains("application/strategic-merge-patch+json"));
  const auto crontabs = v3("apis/stable.example.com/v1").at("paths").at("/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}").at("patch").at("requestBody").at("content");
  CHECK(crontabs.as_object().size() == 3);
}

TEST_CASE("every reference has its definition, in v3 and in v2") {
  const auto catalog = catalog_with_crontab();
  for (const auto& path : openapi_v3_paths(*catalog)) {
    const auto document = json::parse(openapi_v3(*catalog, path));
    std::set<std::string> targets;
    references(document, targets);
    for (const auto& target : targets) {
      INFO(path << " " << target);
      CHECK(document.at("components").at("schemas").as_object().contains(target));
    }
  }
  const auto v2 = json::parse(openapi_v2(*catalog));
  std::set<std::string> targets;
  references(v2, targets);
  for (const auto& target : targets) {
    INFO(target);
    CHECK(v2.at("definitions").as_object().contains(target));
  }
}

TEST_CASE("definitions carry what kubectl apply and explain need") {
  const auto document = v3("apis/apps/v1");
  const auto& spec = schema(document, "io.k8s.api.core.v1.PodSpec");
  CHECK(spec.at("properties").at("containers").at("x-kubernetes-patch-merge-key") == "name");
  CHECK(spec.at("properties").at("containers").at("x-kubernetes-patch-strategy") == "merge");
  CHECK(spec.at("properties").at("containers").at("x-kubernetes-list-type") == "map");
  CHECK(spec.at("properties").at("containers").at("x-kubernetes-list-map-keys") == json::array{"name"});
  CHECK(spec.at("required") == json::array{"containers"});
  CHECK(spec.at("properties").at("nodeSelector").at("x-kubernetes-map-type") == "atomic");
  CHECK(schema(document, "io.k8s.api.apps.v1.Deployment").at("x-kubernetes-group-version-kind") == js("[{'group':'apps','kind':'Deployment','version':'v1'}]"));
  CHECK(schema(document, "io.k8s.api.apps.v1.DeploymentSpec").at("properties").at("strategy").at("allOf").at(0).at("$ref") == "#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy");
  CHECK(schema(document, "io.k8s.api.apps.v1.DeploymentList").at("properties").at("items").at("items").at("$ref") == "#/components/schemas/io.k8s.api.apps.v1.Deployment");
  CHECK(schema(document, "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").at("properties").at("labels").at("additionalProperties") == js("{'type':'string'}"));
}

TEST_CASE("a subresource of another group names that kind") {
  const auto patch = v3("apis/apps/v1").at("paths").at("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale").at("patch");
  CHECK(patch.at("x-kubernetes-group-version-kind") == js("{'group':'autoscaling','kind':'Scale','version':'v1'}"));
}

TEST_CASE("operation ids are unique") {
  std::set<std::string> seen;
  const auto document = json::parse(openapi_v2(*catalog_with_crontab()));
  for (const auto& item : document.at("paths").as_object())
    for (const auto& operation : item.value().as_object())
      if (operation.value().is_object()) {
        const std::string id(operation.value().at("operationId").as_string());
        INFO(id);
        CHECK(seen.insert(id).second);
      }
}

TEST_CASE("a custom resource's schema is published, without what v2 can't say") {
  const auto document = v3("apis/stable.example.com/v1");
  const auto& crontab = schema(document, "com.example.stable.v1.CronTab");
  CHECK(crontab.at("description") == "A cron tab.");
  CHECK(crontab.at("properties").at("spec").at("required") == json::array{"cronSpec"});
  CHECK(crontab.at("properties").at("metadata").at("allOf").at(0).at("$ref") == "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
  CHECK(crontab.at("properties").at("spec").at("properties").at("any").at("nullable") == true);
  const auto v2 = json::parse(openapi_v2(*catalog_with_crontab()));
  CHECK(v2.at("definitions").at("com.example.stable.v1.CronTab").at("properties").at("spec").at("properties").at("any") == json::object{});
}

TEST_CASE("in v2 what may have any field names none, and what may be null is not required") {
  const auto as_v2 = [](const json::value& crd) { return json::parse(openapi_v2(*catalog_with(crd))).at("definitions").at("com.example.stable.v1.CronTab"); };
  const auto spec = as_v2(crontab_crd("{'type':'object','required':['one','maybe'],'x-kubernetes-validations':[{'rule':'true'}],'properties':{'one':{'type':'string'},'maybe':{'type':'string','nullable':true},"
                                      "'free':{'type':'object','x-kubernetes-preserve-unknown-fields':true,'properties':{'a':{'type':'string'}}},"
                                      "'many':{'type':'array','items':{'type':'integer','nullable':true}}}}")).at("properties").at("spec");
  CHECK(spec.at("required") == json::array{"one"});
  CHECK(spec.as_object().contains("x-kubernetes-validations"));
  CHECK(spec.at("properties").at("maybe") == json::object{});
  CHECK(spec.at("properties").at("free") == js("{'x-kubernetes-preserve-unknown-fields':true}"));
  CHECK(spec.at("properties").at("many") == js("{'type':'array','items':{}}"));

  auto free = crontab_crd("{'type':'object'}");
  free.at("spec").at("versions").at(0).at("schema").at("openAPIV3Schema") = js("{'type':'object','description':'All.','x-kubernetes-preserve-unknown-fields':true,'properties':{'spec':{'type':'object','properties':{'cronSpec':{'type':'string'}}}}}");
  const auto whole = js("{'type':'object','x-kubernetes-group-version-kind':[{'group':'stable.example.com','kind':'CronTab','version':'v1'}],'x-kubernetes-selectable-fields':[{'fieldPath':'spec.cronSpec'}]}");
  CHECK(as_v2(free) == whole);
}

TEST_CASE("an embedded resource requires what names it") {
  const auto document = json::parse(openapi_v3(*catalog_with(crontab_crd("{'type':'object','properties':{'cronSpec':{'type':'string'},'pod':{'type':'object','x-kubernetes-embedded-resource':true,'x-kubernetes-preserve-unknown-fields':true}}}")), "apis/stable.example.com/v1"));
  CHECK(schema(document, "com.example.stable.v1.CronTab").at("properties").at("spec").at("properties").at("pod").at("required") == js("['kind','apiVersion']"));
}

TEST_CASE("the protobuf form of v2 begins with the version and holds every path and definition") {
  const auto text = openapi_v2(*catalog_with_crontab());
  const auto bytes = openapi_v2_protobuf(text);
  CHECK(bytes.substr(0, 5) == "\x0A\x03" "2.0");
  const auto document = json::parse(text);
  for (const char* part : {"paths", "definitions"})
    for (const auto& member : document.at(part).as_object()) CHECK(bytes.find(std::string(member.key())) != std::string::npos);
  CHECK(bytes.find("x-kubernetes-group-version-kind") != std::string::npos);
  CHECK(bytes.size() < text.size());
}

namespace {

/// Fields with a length, of one number, in one message.
std::vector<std::string_view> fields(std::string_view message, std::uint64_t wanted) {
  std::vector<std::string_view> out;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const auto key = varint();
    if ((key & 7) == 1) at += 8;
    else if ((key & 7) == 0) varint();
    else {
      const auto size = varint();
      if (key >> 3 == wanted) out.push_back(message.substr(at, size));
      at += size;
    }
  }
  return out;
}

/// Of lists of named things, by name.
std::map<std::string, std::string_view> named(std::string_view list, std::uint64_t field) {
  std::map<std::string, std::string_view> out;
  for (const auto one : fields(list, field)) out.emplace(fields(one, 1).at(0), fields(one, 2).at(0));
  return out;
}

}  // namespace

TEST_CASE("the protobuf form of v3 holds every path, parameter, answer and property of the JSON") {
  for (const std::string path : {"api/v1", "apis/apps/v1", "apis/stable.example.com/v1"}) {
    const auto text = openapi_v3(*catalog_with_crontab(), path);
    const auto document = json::parse(text).as_object();
    const auto bytes = openapi_v3_protobuf(text);
    CHECK(fields(bytes, 1).at(0) == "3.0.0");
    const auto paths = named(fields(bytes, 4).at(0), 1);
    CHECK(paths.size() == document.at("paths").as_object().size());
    for (const auto& item : document.at("paths").as_object()) {
      const auto* get = item.value().as_object().if_contains("get");
      if (!get) continue;
      const auto operation = fields(paths.at(std::string(item.key())), 4).at(0);
      CHECK(fields(operation, 5).at(0) == std::string_view(get->at("operationId").as_string()));
      if (const auto* parameters = get->as_object().if_contains("parameters")) CHECK(fields(operation, 6).size() == parameters->as_array().size());
      CHECK(named(fields(operation, 8).at(0), 2).contains("200"));
    }
    const auto schemas = named(fields(fields(bytes, 5).at(0), 1).at(0), 1);
    const auto& wanted = document.at("components").at("schemas").as_object();
    CHECK(schemas.size() == wanted.size());
    for (const auto& one : wanted) {
      const auto schema = fields(schemas.at(std::string(one.key())), 1).at(0);
      const auto* properties = one.value().as_object().if_contains("properties");
      if (properties) CHECK(named(fields(schema, 31).at(0), 1).size() == properties->as_object().size());
    }
  }
}
