#include "core/kinds/empties.hpp"

#include "core/kinds/json_erase.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

bool is_empty(const Type& type, const json::value& value) {
  if (type.shape == Shape::list) return value.is_array() && value.get_array().empty();
  return type.shape == Shape::map && value.is_object() && value.get_object().empty();
}

void forget(const Type& type, json::value& value, std::string_view settled = {}) {
  if (auto* elements = value.if_array()) {
    if (type.shape == Shape::list && type.element && type.element->shape == Shape::object)
      for (auto& element : *elements) forget(*type.element, element);
    return;
  }
  auto* members = value.if_object();
  if (!members) return;
  if (type.shape == Shape::map && type.element && type.element->shape == Shape::object)
    for (auto& member : *members) forget(*type.element, member.value());
  if (type.shape != Shape::object) return;
  std::vector<std::size_t> gone;
  for (auto at = members->begin(); at != members->end(); ++at) {
    if (!at->value().is_structured() || (!settled.empty() && at->key() == settled)) continue;
    const auto* field = find_field(type, at->key());
    if (!field) continue;
    if (is_empty(*field->type, at->value())) gone.push_back(static_cast<std::size_t>(at - members->begin()));
    else forget(*field->type, at->value());
  }
  erase_members(*members, gone);
}

}  // namespace

void forget_empty(const Kind& kind, json::value& object, std::string_view settled) {
  if (kind.type && !kind.strategy.custom_resource) forget(*kind.type, object, settled);
}

}  // namespace keelson::kinds
