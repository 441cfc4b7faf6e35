#include "core/plugins/declaration.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "core/base/json_value.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_string()) refuse(std::string(name) + " must be a string");
  return std::string(value->get_string());
}

const json::array& list(const json::object& object, std::string_view name) {
  static const json::array none;
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return none;
  if (!value->is_array()) refuse(std::string(name) + " must be an array");
  return value->get_array();
}

std::int64_t number(const json::object& object, std::string_view name, std::int64_t fallback) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : fallback;
}

bool flag(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::optional<KindId> kind(const json::object& object) {
  const auto* value = object.if_contains("kind");
  if (value == nullptr || value->is_null()) return std::nullopt;
  const auto& o = value->as_object();
  KindId id{text(o, "group"), text(o, "version"), text(o, "resource"), text(o, "kind")};
  if (id.version.empty() || id.resource.empty()) refuse("a kind needs version and resource");
  return id;
}

KindId needed_kind(const json::object& object) {
  auto id = kind(object);
  if (!id) refuse("kind is missing");
  return std::move(*id);
}

SourceDeclaration source(const json::object& object) {
  SourceDeclaration s;
  const auto via = text(object, "via");
  if (via == "self") s.via = SourceDeclaration::Via::self;
  else if (via == "owner") s.via = SourceDeclaration::Via::owner;
  else if (via == "map") s.via = SourceDeclaration::Via::map;
  else refuse("via must be self, owner or map");
  s.kind = needed_kind(object);
  s.resource = s.kind.storage_key();
  s.predicate = flag(object, "predicate");
  s.name = text(object, "name");
  return s;
}

RouteDeclaration route(const json::object& object) {
  if (!object.contains("path")) return {needed_kind(object), text(object, "subresource"), {}};
  auto path = text(object, "path");
  if (path.starts_with('/') || path.find("//") != std::string::npos || path.find_first_of("?#%") != std::string::npos) refuse("the path of a route is relative, plain text");
  return {{}, {}, std::move(path)};
}

ControllerDeclaration controller(const json::object& object) {
  ControllerDeclaration c;
  c.name = text(object, "name");
  if (c.name.empty()) refuse("a controller needs a name");
  c.kind = kind(object);
  if (c.kind) c.resource = c.kind->storage_key();
  c.workers = static_cast<int>(std::clamp<std::int64_t>(number(object, "workers", 1), 1, kWorkersMax));
  c.deadline_ms = std::max<std::int64_t>(1, number(object, "deadlineMs", kCallDeadline_ms));
  for (const auto& item : list(object, "sources")) c.sources.push_back(source(item.as_object()));
  return c;
}

std::vector<std::string> texts(const json::object& object, std::string_view name) {
  std::vector<std::string> all;
  for (const auto& item : list(object, name)) {
    if (!item.is_string()) refuse(std::string(name) + " must hold strings");
    all.emplace_back(item.get_string());
  }
  return all;
}

HookDeclaration hook(const json::object& object) {
  HookDeclaration h;
  h.point = text(object, "point");
  if (h.point.empty()) refuse("a hook needs a point");
  h.name = text(object, "name");
  if (h.name.empty()) h.name = h.point;
  const auto mode = text(object, "mode");
  if (!mode.empty() && mode != "inline" && mode != "worker") refuse("mode must be inline or worker");
  h.is_inline = mode == "inline";
  if ((h.point == "authorization" || h.point == "authorization.rules") && !h.is_inline) refuse("a hook of " + h.point + " must be inline");
  const auto policy = text(object, "failurePolicy");
  if (!policy.empty() && policy != "Fail" && policy != "Ignore") refuse("failurePolicy must be Fail or Ignore");
  h.fail_closed = policy != "Ignore";
  h.order = static_cast<int>(number(object, "order", kHookOrder));
  h.deadline_ms = std::clamp<std::int64_t>(number(object, "deadlineMs", kHookDeadline_ms), 1, kHookDeadlineMax_ms);
  h.required = flag(object, "required");
  h.reinvoke = flag(object, "reinvoke");
  for (const auto& item : list(object, "rules")) {
    const auto& rule = item.as_object();
    h.rules.push_back({texts(rule, "operations"), texts(rule, "groups"), texts(rule, "resources")});
  }
  return h;
}

bool any_of(const std::vector<std::string>& allowed, std::string_view wanted) {
  return std::any_of(allowed.begin(), allowed.end(), [&](const auto& entry) { return entry == "*" || entry == wanted; });
}

auth::Rules rules(const json::array& entries) {
  auth::Rules all;
  for (const auto& entry : entries) {
    const auto& rule = entry.as_object();
    all.rules.push_back({texts(rule, "verbs"), texts(rule, "apiGroups"), texts(rule, "resources"), texts(rule, "resourceNames"), texts(rule, "nonResourceURLs")});
  }
  return all;
}

Declaration read(const json::object& object) {
  Declaration d;
  for (const auto& item : list(object, "kinds")) d.kinds.emplace_back(item.is_string() ? std::string(item.get_string()) : json::serialize(item));
  for (const auto& item : list(object, "controllers")) d.controllers.push_back(controller(item.as_object()));
  for (const auto& item : list(object, "observers")) {
    const auto id = kind(item.as_object());
    auto& observer = d.observers.emplace_back(ObserverDeclaration{!id, id ? id->storage_key() : base::Atom(), flag(item.as_object(), "deletions"), flag(item.as_object(), "linked"), {}});
    for (const auto& resource : texts(item.as_object(), "whole")) observer.whole.emplace_back(resource);
  }
  for (const auto& item : list(object, "tasks")) d.tasks.push_back(text(item.as_object(), "name"));
  for (const auto& item : list(object, "routes")) d.routes.push_back(route(item.as_object()));
  for (const auto& item : list(object, "requires")) d.needs.emplace_back(item.as_string());
  for (const auto& item : list(object, "hooks")) {
    d.hooks.push_back(hook(item.as_object()));
    d.hooks.back().index = static_cast<std::uint32_t>(d.hooks.size() - 1);
  }
  d.points = texts(object, "points");
  d.rules = rules(list(object, "rules"));
  d.check = flag(object, "check");
  d.component = text(object, "component");
  return d;
}

bool is_linked(const store::ObjectRef& object) { return object && (object->deleting() || !object->columns().owners.empty()); }

}  // namespace

bool ObserverDeclaration::shows(const store::Change& change) const {
  const auto changed = change.object->key().resource;
  if (!all && resource != changed) return false;
  if (change.type == store::ChangeType::deleted) return true;
  if (deletions) return false;
  return !linked || is_linked(change.object) || is_linked(change.previous) || std::find(whole.begin(), whole.end(), changed) != whole.end();
}

// As in upstream's webhook rules: "pods" is the object alone, "pods/*" its subresources, "*" all objects, "*/*" everything.
bool HookRule::matches(std::string_view operation, std::string_view group, std::string_view resource, std::string_view subresource) const {
  if (!any_of(operations, operation) || !any_of(groups, group)) return false;
  return std::any_of(resources.begin(), resources.end(), [&](std::string_view entry) {
    const auto slash = entry.find('/');
    const auto of = entry.substr(0, slash), sub = slash == std::string_view::npos ? std::string_view() : entry.substr(slash + 1);
    return (of == "*" || of == resource) && (sub == "*" || sub == subresource);
  });
}

std::string hook_json(const HookDeclaration& hook) {
  json::array rules;
  for (const auto& rule : hook.rules)
    rules.push_back(json::object{{"operations", json::value_from(rule.operations)}, {"groups", json::value_from(rule.groups)}, {"resources", json::value_from(rule.resources)}});
  return json::serialize(json::object{{"point", hook.point}, {"name", hook.name}, {"mode", hook.is_inline ? "inline" : "worker"}, {"order", hook.order},
      {"deadlineMs", hook.deadline_ms}, {"failurePolicy", hook.fail_closed ? "Fail" : "Ignore"}, {"required", hook.required}, {"reinvoke", hook.reinvoke},
      {"rules", std::move(rules)}});
}

base::Outcome<HookDeclaration> parse_hook(std::string_view text) {
  try {
    return hook(base::json_of(text).as_object());
  } catch (const std::exception& wrong) {
    return base::bad_request(std::string("a hook is unreadable: ") + wrong.what());
  }
}

base::Outcome<Declaration> parse_declaration(std::string_view text) {
  try {
    return read(base::json_of(text).as_object());
  } catch (const std::exception& wrong) {
    return base::bad_request(std::string("its declaration is unreadable: ") + wrong.what());
  }
}

std::vector<std::string> capabilities_needed(const Declaration& declaration) {
  std::set<std::string> needed(declaration.needs.begin(), declaration.needs.end());
  if (!declaration.hooks.empty() || !declaration.points.empty()) needed.insert("hooks");
  if (!declaration.routes.empty()) needed.insert("routes");
  for (const auto& hook : declaration.hooks)
    if (hook.is_inline) needed.insert("inline");
  for (const auto& observer : declaration.observers)
    if (observer.all) needed.insert("everything");
  return {needed.begin(), needed.end()};
}

std::string capabilities_missing(const Declaration& declaration, bool in_child) {
  std::string missing;
  for (const auto& need : capabilities_needed(declaration)) {
    const bool known = std::find(std::begin(kCapabilities), std::end(kCapabilities), need) != std::end(kCapabilities);
    if (!known || (in_child && need == "inline")) missing += (missing.empty() ? "" : ", ") + need;
  }
  if (missing.empty()) return missing;
  return missing + (in_child && missing == "inline" ? ", which a process of its own has not; set spec.host to Core" : ", which this core has not");
}

}  // namespace keelson::plugins
