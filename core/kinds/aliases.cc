#include "core/kinds/aliases.hpp"

#include "core/base/json_member.hpp"
#include "core/kinds/base64.hpp"
#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

void fold_string_data(json::object& secret) {
  auto* plain = base::member_of(secret, "stringData");
  if (!plain) return;
  if (const auto* entries = plain->if_object()) {
    if (!entries->empty()) {
      auto& data = make_object(secret, "data");
      for (const auto& [key, value] : *entries) data[key] = base64_encode(text_of(&value));
    }
  }
  secret.erase("stringData");
}

// `one` is the first of `many`, whose elements are objects with `key` (or plain strings when it is empty).
void fold_first(json::object& where, std::string_view one, std::string_view many, std::string_view key) {
  const auto* single = base::member_of(where, one);
  if (!single || text_of(single).empty()) return;
  const auto* list = as_array(base::member_of(where, many));
  if (list && !list->empty()) {
    const auto* first = key.empty() ? &list->front() : member(&list->front(), key);
    if (text_of(first) == text_of(single)) return;
  }
  json::array replaced(where.storage());
  if (key.empty()) {
    replaced.push_back(*single);
  } else {
    json::object entry(where.storage());
    entry.emplace(key, *single);
    replaced.push_back(std::move(entry));
  }
  where[many] = std::move(replaced);
}

void mirror_first(json::object& where, std::string_view one, std::string_view many, std::string_view key) {
  const auto* list = as_array(base::member_of(where, many));
  if (!list || list->empty()) return;
  const auto* first = key.empty() ? &list->front() : member(&list->front(), key);
  if (!text_of(first).empty()) where[one] = *first;
}

json::object* inside(json::object& object, std::string_view name) {
  auto* found = base::member_of(object, name);
  return found ? found->if_object() : nullptr;
}

}  // namespace

std::string_view pod_spec_path(const Kind& kind) {
  if (kind.strategy.custom_resource) return {};
  if (kind.group.empty()) {
    if (kind.kind == "Pod") return "spec";
    if (kind.kind == "PodTemplate") return "template.spec";
    if (kind.kind == "ReplicationController") return "spec.template.spec";
  }
  if (kind.group == "apps" && kind.kind != "ControllerRevision") return "spec.template.spec";
  if (kind.group == "batch") return kind.kind == "CronJob" ? "spec.jobTemplate.spec.template.spec" : "spec.template.spec";
  return {};
}

json::object* pod_spec_of(const Kind& kind, json::object& object) {
  auto path = pod_spec_path(kind);
  if (path.empty()) return nullptr;
  json::object* here = &object;
  while (here && !path.empty()) {
    const auto dot = path.find('.');
    here = inside(*here, path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return here;
}

const json::object* pod_spec_of(const Kind& kind, const json::object& object) { return pod_spec_of(kind, const_cast<json::object&>(object)); }

void fold_aliases(const Kind& kind, json::object& object) {
  if (kind.strategy.custom_resource) return;
  if (auto* spec = pod_spec_of(kind, object)) {
    const auto* alias = base::member_of(*spec, "serviceAccount");
    const auto* name = base::member_of(*spec, "serviceAccountName");
    if (alias && text_of(name).empty() && !text_of(alias).empty()) {
      json::value copy = *alias;
      (*spec)["serviceAccountName"] = std::move(copy);
    }
  }
  if (!kind.group.empty()) return;
  if (kind.kind == "Secret") fold_string_data(object);
  if (kind.kind == "Pod")
    if (auto* status = inside(object, "status")) fold_first(*status, "podIP", "podIPs", "ip");
  if (kind.kind == "Node")
    if (auto* spec = inside(object, "spec")) fold_first(*spec, "podCIDR", "podCIDRs", "");
}

void mirror_aliases(const Kind& kind, json::object& object) {
  if (kind.strategy.custom_resource) return;
  if (auto* spec = pod_spec_of(kind, object)) {
    if (const auto* name = base::member_of(*spec, "serviceAccountName"); name && !text_of(name).empty()) {
      json::value copy = *name;
      (*spec)["serviceAccount"] = std::move(copy);
    } else {
      spec->erase("serviceAccount");
    }
  }
  if (!kind.group.empty()) return;
  if (kind.kind == "Pod")
    if (auto* status = inside(object, "status")) mirror_first(*status, "podIP", "podIPs", "ip");
  if (kind.kind == "Node")
    if (auto* spec = inside(object, "spec")) mirror_first(*spec, "podCIDR", "podCIDRs", "");
}

}  // namespace keelson::kinds
