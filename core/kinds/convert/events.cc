// Events in both of their groups: the same fields under other names.
#include <boost/json.hpp>
#include <utility>

#include "core/kinds/convert/convert.hpp"

namespace keelson::kinds {
namespace {

constexpr std::pair<std::string_view, std::string_view> kNames[] = {   // core, events.k8s.io
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
    {"reportingComponent", "reportingController"},
};

void rename(json::object& object, std::string_view from, std::string_view to) {
  const auto found = object.find(from);
  if (found == object.end()) return;
  auto value = std::move(found->value());
  object.erase(found);
  object[to] = std::move(value);
}

}  // namespace

void event_to_core(json::object& event) {
  for (const auto& [core, events] : kNames) rename(event, events, core);
}

void event_to_events(json::object& event) {
  for (const auto& [core, events] : kNames) rename(event, core, events);
}

std::string_view event_field_in_core(std::string_view field) {
  static constexpr std::pair<std::string_view, std::string_view> kFields[] = {
      {"regarding.kind", "involvedObject.kind"}, {"regarding.namespace", "involvedObject.namespace"}, {"regarding.name", "involvedObject.name"},
      {"regarding.uid", "involvedObject.uid"}, {"regarding.apiVersion", "involvedObject.apiVersion"},
      {"regarding.resourceVersion", "involvedObject.resourceVersion"}, {"regarding.fieldPath", "involvedObject.fieldPath"},
      {"reportingController", "reportingComponent"}};
  for (const auto& [events, core] : kFields)
    if (field == events) return core;
  return field;
}

}  // namespace keelson::kinds
