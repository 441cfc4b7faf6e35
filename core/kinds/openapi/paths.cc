#include "core/kinds/openapi/paths.hpp"

#include <algorithm>
#include <string>

#include "core/kinds/openapi/names.hpp"
#include "core/kinds/openapi/parameters.hpp"

namespace keelson::kinds::openapi {

void write_parameter(JsonWriter& json, Dialect dialect, const Parameter& parameter, std::string_view in) {
  json.open('{');
  json.member("description", parameter.description);
  json.member("in", in);
  json.member("name", parameter.name);
  if (in == "path") json.raw_member("required", "true");
  if (dialect == Dialect::v3) json.key("schema"), json.open('{');
  json.member("type", parameter.type);
  json.raw_member("uniqueItems", "true");
  if (dialect == Dialect::v3) json.close('}');
  json.close('}');
}

namespace {

constexpr std::string_view kTypesOfKind[] = {"application/json", "application/vnd.kubernetes.protobuf", "application/yaml"};
constexpr std::string_view kTypesOfCustom[] = {"application/json", "application/yaml"};
constexpr std::string_view kStreamTypes[] = {"application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"};
constexpr std::string_view kPatchTypes[] = {"application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
                                            "application/strategic-merge-patch+json"};
constexpr std::string_view kPatchDefinition = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
constexpr std::string_view kStatusDefinition = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
constexpr std::string_view kDeleteOptionsDefinition = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

using Types = std::span<const std::string_view>;

/// What a request does, as the documents call it.
struct Action {
  std::string_view verb;        ///< of the resource: get, list, create ...
  std::string_view method;      ///< HTTP
  std::string_view name;        ///< x-kubernetes-action
  std::string_view operation;   ///< beginning of operationId
  std::string_view doc;
};
constexpr Action kGet{"get", "get", "get", "read", "read the specified "};
constexpr Action kList{"list", "get", "list", "list", "list or watch objects of kind "};
constexpr Action kCreate{"create", "post", "post", "create", "create a "};
constexpr Action kUpdate{"update", "put", "put", "replace", "replace the specified "};
constexpr Action kPatch{"patch", "patch", "patch", "patch", "partially update the specified "};
constexpr Action kDelete{"delete", "delete", "delete", "delete", "delete a "};
constexpr Action kDeleteAll{"deletecollection", "delete", "deletecollection", "deletecollection", "delete collection of "};

bool among(const std::vector<std::string>& verbs, std::string_view verb) { return std::find(verbs.begin(), verbs.end(), verb) != verbs.end(); }

class PathWriter {
 public:
  PathWriter(JsonWriter& json, const Kind& kind, Dialect dialect, Definitions& definitions)
      : json_(json), kind_(kind), dialect_(dialect), definitions_(definitions), base_(group_version_path(kind.group, kind.version)),
        scoped_(base_ + (kind.namespaced ? "/namespaces/{namespace}/" : "/") + kind.resource), definition_(definition_name(kind)) {}

  void write() {
    collection();
    item();
    for (const Subresource& subresource : kind_.subresources) write_subresource(subresource);
    if (kind_.namespaced && kind_.allows("list")) everywhere();
  }

 private:
  /// What one operation speaks of.
  struct Subject {
    GroupVersionKind gvk;
    std::string definition;   ///< of bodies and answers; empty: text
    std::string suffix;       ///< of operationId
    std::string doc;
    bool strategic = false;
  };

  Subject own(std::string suffix) const {
    return {{kind_.group, kind_.version, kind_.kind}, definition_, (kind_.namespaced ? "Namespaced" : "") + std::move(suffix), kind_.kind, !kind_.strategy.custom_resource};
  }

  Types types() const { return kind_.strategy.custom_resource ? Types(kTypesOfCustom) : Types(kTypesOfKind); }

  void collection() {
    if (!kind_.allows("list") && !kind_.allows("create")) return;
    json_.key(scoped_), json_.open('{');
    const Subject subject = own(kind_.kind);
    Subject list = subject;
    list.definition = list_definition_name(kind_);
    if (kind_.allows("list")) operation(kList, list, "");
    if (kind_.allows("create")) operation(kCreate, subject, definition_);
    if (kind_.allows("deletecollection")) operation(kDeleteAll, with_status(own("Collection" + kind_.kind)), kDeleteOptionsDefinition);
    path_parameters(kind_.namespaced, false);
    json_.close('}');
  }

  static Subject with_status(Subject subject) {
    subject.definition = kStatusDefinition;
    return subject;
  }

  void item() {
    if (!kind_.allows("get") && !kind_.allows("delete")) return;
    json_.key(scoped_ + "/{name}"), json_.open('{');
    const Subject subject = own(kind_.kind);
    if (kind_.allows("get")) operation(kGet, subject, "");
    if (kind_.allows("update")) operation(openapi::kUpdate, subject, definition_);
    if (kind_.allows("patch")) operation(kPatch, subject, kPatchDefinition);
    if (kind_.allows("delete")) operation(kDelete, with_status(subject), kDeleteOptionsDefinition);
    path_parameters(kind_.namespaced, true);
    json_.close('}');
  }

  void everywhere() {
    json_.key(base_ + '/' + kind_.resource), json_.open('{');
    Subject subject = own("");
    subject.suffix = kind_.kind + "ForAllNamespaces";
    subject.definition = list_definition_name(kind_);
    operation(kList, subject, "");
    json_.close('}');
  }

  void write_subresource(const Subresource& subresource) {
    std::string title = subresource.name;
    if (!title.empty()) title[0] = static_cast<char>(title[0] - 'a' + 'A');
    Subject subject = own(kind_.kind + title);
    subject.doc = subresource.name + " of the specified " + kind_.kind;
    if (!subresource.version.empty()) subject.gvk = {subresource.group, subresource.version, subresource.kind};
    else subject.gvk.kind = subresource.kind;
    const Type* type = subresource_type(kind_, subresource);
    const bool is_own = type == kind_.type.get();
    const bool stream = subresource.kind.ends_with("Options") || subresource.name == "log" || !type;
    if (stream) subject.definition.clear();
    else if (!is_own) subject.definition = definition_name(type->name), definitions_.add_type(*type, &subject.gvk);
    json_.key(scoped_ + "/{name}/" + subresource.name), json_.open('{');
    for (const Action& action : {kGet, kCreate, openapi::kUpdate, kPatch, kDelete})
      if (among(subresource.verbs, action.verb)) subresource_operation(action, subject, stream);
    path_parameters(kind_.namespaced, true);
    json_.close('}');
  }

  void subresource_operation(const Action& action, const Subject& subject, bool stream) {
    Action shown = action;
    if (stream && subject.gvk.kind != kind_.kind) shown.name = "connect", shown.doc = "connect to the ";
    else shown.doc = action.verb == "get" ? "read the " : action.verb == "patch" ? "partially update the " : action.verb == "create" ? "create the " : "replace the ";
    operation(shown, subject, stream ? "" : action.verb == "patch" ? kPatchDefinition : action.verb == "get" ? "" : std::string_view(subject.definition));
  }

  void operation(const Action& action, const Subject& subject, std::string_view body) {
    json_.key(action.method), json_.open('{');
    json_.member("description", std::string(action.doc) + subject.doc);
    json_.member("operationId", operation_id(action, subject));
    json_.list_member("tags", std::vector<std::string>{tag(kind_.group, kind_.version)});
    parameters(action, body);
    if (dialect_ == Dialect::v3 && !body.empty()) request_body(body, subject);
    if (dialect_ == Dialect::v2) media(action, subject, body);
    responses(action, subject);
    json_.member("x-kubernetes-action", action.name);
    json_.key("x-kubernetes-group-version-kind"), write_gvk(json_, subject.gvk);
    json_.close('}');
  }

  std::string operation_id(const Action& action, const Subject& subject) const {
    std::string operation(action.name == "deletecollection" ? "delete" : action.operation);
    if (action.name == "connect") {
      std::string method(action.method);
      method[0] = static_cast<char>(method[0] - 'a' + 'A');
      operation = "connect" + method;
    }
    return operation + operation_infix(kind_.group, kind_.version) + subject.suffix;
  }

  void parameters(const Action& action, std::string_view body) {
    json_.key("parameters"), json_.open('[');
    if (dialect_ == Dialect::v2 && !body.empty()) body_parameter(body, action.verb != "delete" && action.verb != "deletecollection");
    const auto query = [&](const Parameter& parameter) { write_parameter(json_, dialect_, parameter, "query"); };
    const bool deletes = action.verb == "delete" || action.verb == "deletecollection";
    if (action.verb == "list" || action.verb == "deletecollection") std::for_each(std::begin(kListParameters), std::end(kListParameters), query);
    if (deletes) std::for_each(std::begin(kDeleteParameters), std::end(kDeleteParameters), query);
    const bool writes = !body.empty() || action.verb == "patch";
    if (writes) query(kDryRun);
    if (writes && !deletes) query(kFieldManager), query(kFieldValidation);
    if (action.verb == "patch") query(kForce);
    json_.close(']');
  }

  void body_parameter(std::string_view definition, bool required) {
    json_.open('{');
    json_.member("in", "body"), json_.member("name", "body");
    if (required) json_.raw_member("required", "true");
    schema(definition);
    json_.close('}');
  }

  void schema(std::string_view definition) {
    json_.key("schema"), json_.open('{');
    if (definition.empty()) json_.member("type", "string");
    else json_.member("$ref", reference(dialect_, definition));
    json_.close('}');
  }

  void contents(Types types, std::string_view definition) {
    for (std::string_view type : types) json_.key(type), json_.open('{'), schema(definition), json_.close('}');
  }

  /// Custom resources take no strategic merge patch: clients look for it here.
  Types patch_types(const Subject& subject) const { return subject.strategic ? Types(kPatchTypes) : Types(kPatchTypes).first(3); }

  void request_body(std::string_view definition, const Subject& subject) {
    constexpr std::string_view any[] = {"*/*"};
    const bool patch = definition == kPatchDefinition;
    json_.key("requestBody"), json_.open('{');
    json_.key("content"), json_.open('{');
    contents(patch ? patch_types(subject) : kind_.strategy.custom_resource ? types() : Types(any), definition);
    json_.close('}');
    if (!patch && definition != kDeleteOptionsDefinition) json_.raw_member("required", "true");
    json_.close('}');
  }

  void media(const Action& action, const Subject& subject, std::string_view body) {
    constexpr std::string_view any[] = {"*/*"};
    json_.list_member("consumes", action.verb == "patch" && !body.empty() ? patch_types(subject) : kind_.strategy.custom_resource ? types() : Types(any));
    std::vector<std::string_view> produced(types().begin(), types().end());
    if (action.verb == "list") produced.insert(produced.end(), std::begin(kStreamTypes), std::end(kStreamTypes));
    json_.list_member("produces", produced);
    json_.raw_member("schemes", R"(["https"])");
  }

  void responses(const Action& action, const Subject& subject) {
    json_.key("responses"), json_.open('{');
    response("200", "OK", action, subject.definition);
    if (action.verb == "create" || action.verb == "update" || action.verb == "patch") response("201", "Created", action, subject.definition);
    if (action.verb == "create" || action.verb == "delete") response("202", "Accepted", action, subject.definition);
    json_.raw_member("401", R"({"description":"Unauthorized"})");
    json_.close('}');
  }

  void response(std::string_view code, std::string_view text, const Action& action, std::string_view definition) {
    json_.key(code), json_.open('{');
    json_.member("description", text);
    if (dialect_ == Dialect::v2) {
      schema(definition);
    } else {
      constexpr std::string_view any[] = {"*/*"};
      json_.key("content"), json_.open('{');
      contents(definition.empty() ? Types(any) : types(), definition);
      if (action.verb == "list" && !kind_.strategy.custom_resource) contents(kStreamTypes, definition);
      json_.close('}');
    }
    json_.close('}');
  }

  void path_parameters(bool ns, bool name) {
    json_.key("parameters"), json_.open('[');
    const std::string described = "name of the " + kind_.kind;
    if (name) write_parameter(json_, dialect_, {"name", "string", described}, "path");
    if (ns) write_parameter(json_, dialect_, {"namespace", "string", "Namespace of the objects."}, "path");
    write_parameter(json_, dialect_, kPretty, "query");
    json_.close(']');
  }

  JsonWriter& json_;
  const Kind& kind_;
  Dialect dialect_;
  Definitions& definitions_;
  std::string base_, scoped_, definition_;
};

}  // namespace

void write_paths(JsonWriter& json, const Kind& kind, Dialect dialect, Definitions& definitions) { PathWriter(json, kind, dialect, definitions).write(); }

void write_group_version_path(JsonWriter& json, std::string_view group, std::string_view version, Dialect dialect) {
  constexpr std::string_view definition = "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList";
  json.key(group_version_path(group, version) + '/'), json.open('{');
  json.key("get"), json.open('{');
  json.member("description", "get available resources");
  json.member("operationId", "get" + operation_infix(group, version) + "APIResources");
  json.list_member("tags", std::vector<std::string>{tag(group, version)});
  const std::string schema = R"("schema":{"$ref":")" + reference(dialect, definition) + "\"}";
  if (dialect == Dialect::v2) json.raw_member("produces", R"(["application/json","application/yaml","application/vnd.kubernetes.protobuf"])");
  json.key("responses"), json.open('{'), json.key("200"), json.open('{'), json.member("description", "OK");
  if (dialect == Dialect::v2) json.raw(schema);
  else json.raw("\"content\":{\"application/json\":{" + schema + "}}");
  json.close('}'), json.raw_member("401", R"({"description":"Unauthorized"})"), json.close('}');
  json.close('}'), json.close('}');
}

void add_common(Definitions& definitions) {
  const auto add = [&](std::string_view type, std::string kind) {
    const GroupVersionKind gvk{"", "v1", std::move(kind)};
    if (const Type* found = builtin_type(type)) definitions.add_type(*found, gvk.kind.empty() ? nullptr : &gvk);
  };
  add("meta/v1.Status", "Status");
  add("meta/v1.DeleteOptions", "DeleteOptions");
  add("meta/v1.APIResourceList", "APIResourceList");
  add("meta/v1.Patch", "");
}

}  // namespace keelson::kinds::openapi
