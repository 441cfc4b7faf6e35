// Everything that the SDK does with JSON text, in one translation unit.
#include <keelson/json_value.hpp>

#include <keelson/state.hpp>

namespace json = boost::json;

namespace keelson {
namespace {

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

const json::object& child(const json::object& object, std::string_view name) {
  static const json::object none;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

std::vector<std::string> texts(const json::object& object, std::string_view name) {
  std::vector<std::string> all;
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return all;
  for (const auto& item : value->get_array())
    if (item.is_string()) all.emplace_back(item.get_string());
  return all;
}

/// RFC 7386 patch from `from` to `to`; false: equal.
bool difference(const json::object& from, const json::object& to, json::object& patch) {
  for (const auto& member : to) {
    const auto* before = from.if_contains(member.key());
    if (before != nullptr && *before == member.value()) continue;
    if (before != nullptr && before->is_object() && member.value().is_object()) {
      json::object inner(patch.storage());
      if (difference(before->get_object(), member.value().get_object(), inner)) patch[member.key()] = std::move(inner);
    } else if (before != nullptr || !member.value().is_null()) {
      patch[member.key()] = member.value();
    }
  }
  for (const auto& member : from)
    if (!member.value().is_null() && !to.contains(member.key())) patch[member.key()] = nullptr;
  return !patch.empty();
}

json::object parse_object(std::string_view text, json::storage_ptr memory = {}) { return detail::json_of(text, std::move(memory)).as_object(); }

}  // namespace

Error error_from_status(int code, std::string_view status_json) {
  Error error;
  error.status_json = status_json;
  if (code != 0) error.code = code;
  boost::system::error_code failed;
  const auto value = detail::json_of(status_json, failed);
  if (failed || !value.is_object()) {
    error.message = status_json;
    return error;
  }
  error.reason = text(value.get_object(), "reason");
  error.message = text(value.get_object(), "message");
  if (const auto* told = value.get_object().if_contains("code"); code == 0 && told != nullptr && told->is_int64()) error.code = static_cast<int>(told->get_int64());
  return error;
}

std::string status_json(const Error& error) {
  if (!error.status_json.empty()) return error.status_json;
  return json::serialize(json::object{{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", json::object()}, {"status", "Failure"},
                                      {"message", error.message}, {"reason", error.reason}, {"code", error.code}});
}

namespace detail {

std::string options_json(const RemoveOptions& options) {
  json::object out;
  if (!options.uid.empty()) out["uid"] = options.uid;
  if (options.grace_period_s) out["gracePeriodSeconds"] = *options.grace_period_s;
  if (!options.propagation.empty()) out["propagationPolicy"] = options.propagation;
  return out.empty() ? std::string() : json::serialize(out);
}

std::string difference_of_values(std::string_view from_json, std::string_view to_json) {
  json::monotonic_resource arena;
  const auto from = json_of(from_json, &arena), to = json_of(to_json, &arena);
  json::object patch(&arena);
  difference(from.as_object(), to.as_object(), patch);
  return json::serialize(patch);
}

std::string modification_of_values(std::string_view from_json, std::string_view to_json) {
  json::monotonic_resource arena;
  const auto from = json_of(from_json, &arena), to = json_of(to_json, &arena);
  json::object patch(&arena);
  if (!difference(from.as_object(), to.as_object(), patch)) return {};
  auto revision = text(child(from.get_object(), "metadata"), "resourceVersion");
  auto& metadata = patch["metadata"];
  if (!metadata.is_object()) metadata.emplace_object();
  if (!revision.empty()) metadata.get_object()["resourceVersion"] = revision;
  return json::serialize(patch);
}

namespace {

/// RFC 7386: what `patch` says, into `target`.
void merge(json::object& target, const json::object& patch) {
  for (const auto& member : patch) {
    if (member.value().is_null()) {
      target.erase(member.key());
    } else if (member.value().is_object()) {
      auto& inner = target[member.key()];
      if (!inner.is_object()) inner.emplace_object();
      merge(inner.get_object(), member.value().get_object());
    } else {
      target[member.key()] = member.value();
    }
  }
}

/// What `wanted` has and `target` has not at all.
void add_missing(json::object& target, const json::object& wanted) {
  for (const auto& member : wanted) {
    auto* held = target.if_contains(member.key());
    if (held == nullptr) target[member.key()] = member.value();
    else if (held->is_object() && member.value().is_object()) add_missing(held->get_object(), member.value().get_object());
  }
}

const json::value* of_type(const json::array& conditions, const json::value& type) {
  for (const auto& condition : conditions)
    if (const auto* object = condition.if_object(); object != nullptr && object->contains("type") && object->at("type") == type) return &condition;
  return nullptr;
}

bool are_conditions(const json::value* list) {
  if (list == nullptr || !list->is_array()) return false;
  const auto& all = list->get_array();
  return std::all_of(all.begin(), all.end(), [](const json::value& one) { return one.is_object() && one.get_object().contains("type"); });
}

/// What was changed between `from` and `to`, by type, in `stored`, which others may have written to since.
json::array merged_conditions(const json::array& stored, const json::array& from, const json::array& to) {
  json::array merged(to.storage());
  const auto as_it_was = [&](const json::value& type, const json::value& wanted) {
    const auto* before = of_type(from, type);
    return before != nullptr && *before == wanted;
  };
  for (const auto& held : stored) {
    const auto& type = held.get_object().at("type");
    const auto* wanted = of_type(to, type);
    if (wanted != nullptr) merged.push_back(as_it_was(type, *wanted) ? held : *wanted);
    else if (of_type(from, type) == nullptr) merged.push_back(held);
  }
  for (const auto& wanted : to) {
    const auto& type = wanted.get_object().at("type");
    if (of_type(stored, type) == nullptr && !as_it_was(type, wanted)) merged.push_back(wanted);
  }
  return merged;
}

/// Conditions are a map by their type wherever Kubernetes has them.
void keep_conditions_of_others(json::object& wanted, const json::object& stored, const json::object& from, const json::object& to) {
  const json::value none(json::array{});
  const auto of = [&](const json::object& status) {
    const auto* held = status.if_contains("conditions");
    return held != nullptr ? held : &none;
  };
  if (!stored.contains("conditions") || *of(stored) == *of(from) || *of(from) == *of(to)) return;
  if (are_conditions(of(stored)) && are_conditions(of(from)) && are_conditions(of(to)))
    wanted["conditions"] = merged_conditions(of(stored)->get_array(), of(from)->get_array(), of(to)->get_array());
}

}  // namespace

std::string status_patch(std::string_view stored_json, const StatusChange& change) {
  json::monotonic_resource arena;
  const auto object_in = [&](std::string_view text) { return text.empty() || text.front() != '{' ? json::object(&arena) : parse_object(text, &arena); };
  const auto stored = object_in(stored_json), from = object_in(change.from), to = object_in(change.to);
  json::object wanted(stored, &arena), changed(&arena), patch(&arena);
  if (difference(from, to, changed)) merge(wanted, changed);
  keep_conditions_of_others(wanted, stored, from, to);
  add_missing(wanted, to);
  const bool held = stored_json.starts_with('{');
  const auto as_status = [](const json::value& value) { return R"({"status":)" + json::serialize(value) + "}"; };
  if (wanted.empty() && change.to.empty()) return held ? as_status(nullptr) : std::string();
  if (!held) return as_status(wanted);
  return difference(stored, wanted, patch) ? as_status(patch) : std::string();
}

std::string carried_over(std::string_view original_json, std::string_view from_json, std::string_view to_json) {
  auto target = parse_object(original_json);
  const auto from = parse_object(from_json), to = parse_object(to_json);
  json::object patch;
  if (difference(from, to, patch)) merge(target, patch);
  return json::serialize(target);
}

std::string reference_to(const Gvk& gvk, std::string_view object_json) {
  json::monotonic_resource arena;
  const auto object = parse_object(object_json, &arena);
  const auto& metadata = child(object, "metadata");
  const std::string group(gvk.group);
  json::object out{{"kind", std::string(gvk.kind)}, {"apiVersion", group.empty() ? std::string(gvk.version) : group + "/" + std::string(gvk.version)}};
  for (const auto* name : {"namespace", "name", "uid", "resourceVersion"})
    if (auto value = text(metadata, name); !value.empty()) out[name] = value;
  return json::serialize(out);
}

std::string reference_to(const Gvk& gvk, const ObjectHandle& object) {
  const std::string group(gvk.group);
  json::object out{{"kind", std::string(gvk.kind)}, {"apiVersion", group.empty() ? std::string(gvk.version) : group + "/" + std::string(gvk.version)}};
  if (!object.ns().empty()) out["namespace"] = object.ns();
  out["name"] = object.name();
  out["uid"] = object.uid();
  out["resourceVersion"] = std::to_string(object.revision());
  return json::serialize(out);
}

std::string owned_body(const Scope* scope, const Gvk& gvk, std::string body) {
  if (scope == nullptr || !scope->object || !scope->controller->owns(gvk)) return body;
  json::monotonic_resource arena;
  auto object = parse_object(body, &arena);
  auto& slot = object["metadata"];
  if (!slot.is_object()) slot.emplace_object();
  auto& metadata = slot.get_object();
  if (!scope->object.ns().empty() && text(metadata, "namespace").empty()) metadata["namespace"] = scope->object.ns();
  auto& owners = metadata["ownerReferences"];
  if (!owners.is_array()) owners.emplace_array();
  for (const auto& owner : owners.get_array())
    if (owner.is_object() && text(owner.get_object(), "uid") == scope->object.uid()) return json::serialize(object);
  const auto& kind = scope->controller->kind;
  owners.get_array().push_back(json::object{{"apiVersion", kind.group.empty() ? kind.version : kind.group + "/" + kind.version},
      {"kind", kind.kind}, {"name", scope->object.name()}, {"uid", scope->object.uid()}, {"controller", true}, {"blockOwnerDeletion", true}});
  return json::serialize(object);
}

std::string finalizers_patch(const ObjectHandle& object, std::string_view name, bool present) {
  json::array names;
  for (const auto& held : object.finalizers())
    if (held != name) names.emplace_back(held);
  if (present) names.emplace_back(name);
  return json::serialize(json::object{{"metadata", json::object{{"finalizers", std::move(names)}, {"resourceVersion", std::to_string(object.revision())}}}});
}

std::string crd_json(const Gvk& gvk, const KindOptions& options, std::string_view schema_json) {
  json::object names{{"plural", gvk.resource}, {"singular", json::string(gvk.kind)}, {"kind", gvk.kind}, {"listKind", std::string(gvk.kind) + "List"}};
  std::string singular(gvk.kind);
  for (auto& c : singular) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  names["singular"] = singular;
  if (!options.short_names.empty()) names["shortNames"] = json::value_from(options.short_names);
  if (!options.categories.empty()) names["categories"] = json::value_from(options.categories);
  const auto schema = json_of(schema_json);
  json::object version{{"name", gvk.version}, {"served", true}, {"storage", true}, {"schema", json::object{{"openAPIV3Schema", schema}}}};
  if (child(schema.as_object(), "properties").contains("status")) version["subresources"] = json::object{{"status", json::object()}};
  if (!options.columns.empty()) {
    json::array columns;
    for (const auto& c : options.columns) columns.push_back(json::object{{"name", c.name}, {"type", c.type}, {"jsonPath", c.json_path}, {"priority", c.priority}});
    version["additionalPrinterColumns"] = std::move(columns);
  }
  const auto name = std::string(gvk.resource) + "." + std::string(gvk.group);
  return json::serialize(json::object{{"apiVersion", "apiextensions.k8s.io/v1"}, {"kind", "CustomResourceDefinition"}, {"metadata", json::object{{"name", name}}},
      {"spec", json::object{{"group", gvk.group}, {"names", std::move(names)}, {"scope", options.scope == Namespaced ? "Namespaced" : "Cluster"}, {"versions", json::array{std::move(version)}}}}});
}

namespace {

KindInfo kind_info(const json::object& o) {
  KindInfo kind{text(o, "group"), text(o, "version"), text(o, "kind"), text(o, "resource"), text(o, "storageKey"), text(o, "declaredBy"), true, false, texts(o, "verbs"), texts(o, "subresources")};
  if (const auto* value = o.if_contains("namespaced"); value != nullptr && value->is_bool()) kind.namespaced = value->get_bool();
  if (const auto* value = o.if_contains("custom"); value != nullptr && value->is_bool()) kind.custom = value->get_bool();
  return kind;
}

json::object kind_reference(const KindName& kind) {
  return {{"group", kind.group}, {"version", kind.version}, {"resource", kind.resource}, {"kind", kind.kind}};
}

json::object controller_json(const ControllerState& c) {
  json::array sources;
  for (const auto& s : c.sources) {
    const char* via = s.via == SourceState::Via::self ? "self" : s.via == SourceState::Via::owner ? "owner" : "map";
    sources.push_back(json::object{{"kind", kind_reference(s.kind)}, {"via", via}, {"predicate", static_cast<bool>(s.predicate)}});
    if (!s.name.empty()) sources.back().get_object()["name"] = s.name;
  }
  json::object out{{"name", c.name}, {"workers", c.workers}, {"sources", std::move(sources)}};
  out["kind"] = c.keyed ? json::value() : json::value(kind_reference(c.kind));
  if (c.deadline.count() > 0) out["deadlineMs"] = std::chrono::duration_cast<std::chrono::milliseconds>(c.deadline).count();
  return out;
}

}  // namespace

namespace {

json::object hook_json(const HookState& hook) {
  json::array rules;
  for (const auto& rule : hook.options.rules)
    rules.push_back(json::object{{"operations", json::value_from(rule.operations)}, {"groups", json::value_from(rule.groups)}, {"resources", json::value_from(rule.resources)}});
  const auto& o = hook.options;
  return {{"point", hook.point}, {"name", o.name.empty() ? hook.point : o.name}, {"mode", o.mode == HookMode::in_line ? "inline" : "worker"}, {"order", o.order},
      {"deadlineMs", o.deadline.count()}, {"failurePolicy", o.on_failure == OnFailure::refuse ? "Fail" : "Ignore"}, {"required", o.required}, {"reinvoke", o.reinvoke},
      {"rules", std::move(rules)}};
}

/// What a host must offer: what the plugin says, and to carry these hooks.
json::array needs(const std::vector<HookState>& hooks, const std::vector<std::string>& named) {
  json::array needed;
  for (const auto& capability : named) needed.emplace_back(capability);
  if (!hooks.empty()) needed.emplace_back("hooks");
  for (const auto& hook : hooks)
    if (hook.options.mode == HookMode::in_line) return needed.emplace_back("inline"), needed;
  return needed;
}

json::array rights_json(const std::vector<Right>& rights) {
  json::array all;
  const auto add = [](json::object& to, const char* name, const std::vector<std::string>& texts) {
    if (!texts.empty()) to[name] = json::value_from(texts);
  };
  for (const auto& right : rights) {
    auto& rule = all.emplace_back(json::object()).get_object();
    add(rule, "verbs", right.verbs);
    add(rule, "apiGroups", right.groups);
    add(rule, "resources", right.resources);
    add(rule, "resourceNames", right.names);
    add(rule, "nonResourceURLs", right.paths);
  }
  return all;
}

}  // namespace

std::vector<KindInfo> parse_kinds(std::string_view text) {
  std::vector<KindInfo> kinds;
  const auto value = json_of(text);
  for (const auto& item : value.as_array()) kinds.push_back(kind_info(item.as_object()));
  return kinds;
}

KindInfo parse_kind(std::string_view text) { return text.empty() ? KindInfo() : kind_info(parse_object(text)); }

Request parse_request(std::string_view text_json) {
  const auto o = parse_object(text_json);
  Request request{text(o, "method"), text(o, "path"), text(o, "query"), text(o, "ns"), text(o, "name"), text(o, "subresource"), {}, false, text(o, "user"), text(o, "verb"), text(o, "body")};
  if (const auto* upgrade = o.if_contains("upgrade"); upgrade != nullptr && upgrade->is_bool()) request.upgrade = upgrade->get_bool();
  if (const auto* headers = o.if_contains("headers"); headers != nullptr && headers->is_array())
    for (const auto& pair : headers->get_array()) request.headers.emplace_back(pair.as_array().at(0).as_string(), pair.as_array().at(1).as_string());
  return request;
}

std::string PluginState::declaration() const {
  json::object out;
  json::array crds, all, seen, jobs, streams, asked;
  for (const auto& crd : kinds) crds.emplace_back(with_versions(*this, crd));
  for (const auto& c : controllers) all.push_back(controller_json(c));
  for (const auto& o : observers)
    seen.push_back(json::object{{"kind", o.all ? json::value() : json::value(kind_reference(o.kind))}, {"deletions", o.deletions}, {"linked", o.linked}, {"whole", json::value_from(o.whole)}});
  for (const auto& t : tasks) jobs.push_back(json::object{{"name", t.name}});
  for (const auto& r : routes) streams.push_back(r.kind.resource.empty() ? json::object{{"path", r.path}} : json::object{{"kind", kind_reference(r.kind)}, {"subresource", r.subresource}});
  out["kinds"] = std::move(crds);
  out["controllers"] = std::move(all);
  out["observers"] = std::move(seen);
  out["tasks"] = std::move(jobs);
  out["routes"] = std::move(streams);
  for (const auto& h : hooks) asked.push_back(hook_json(h));
  out["hooks"] = std::move(asked);
  out["points"] = json::value_from(points);
  if (auto all_needed = needs(hooks, needed); !all_needed.empty()) out["requires"] = std::move(all_needed);
  if (!rights.empty()) out["rules"] = rights_json(rights);
  out["check"] = static_cast<bool>(check);
  if (!component.empty()) out["component"] = component;
  return json::serialize(out);
}

}  // namespace detail
}  // namespace keelson
