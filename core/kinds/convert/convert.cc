#include "core/kinds/convert/convert.hpp"

#include <boost/json.hpp>

#include "core/kinds/json_access.hpp"

namespace keelson::kinds {
namespace {

struct Conversion {
  std::string_view kind, from, to;
  void (*run)(json::object& object);
  std::string_view (*field)(std::string_view field);   ///< null: fields have the same names
};

constexpr Conversion kConversions[] = {
    {"Event", "events.k8s.io/v1", "v1", event_to_core, event_field_in_core},
    {"Event", "v1", "events.k8s.io/v1", event_to_events, nullptr},
    {"HorizontalPodAutoscaler", "autoscaling/v1", "autoscaling/v2", autoscaler_to_v2, nullptr},
    {"HorizontalPodAutoscaler", "autoscaling/v2", "autoscaling/v1", autoscaler_to_v1, nullptr},
};

const Conversion* find_conversion(std::string_view kind, std::string_view from, std::string_view to) {
  for (const auto& row : kConversions)
    if (row.kind == kind && row.from == from && row.to == to) return &row;
  return nullptr;
}

constexpr std::uint32_t kFnvBasis = 2166136261u, kFnvPrime = 16777619u;
constexpr std::uint32_t kNumbersTaken = 2;   // 0 and 1 say that nothing is known of a form

}  // namespace

void convert(const Kind& to, json::value& object) {
  auto* members = object.if_object();
  if (!members) return;
  const auto wanted = to.api_version();
  auto& version = (*members)["apiVersion"];
  if (text_of(&version) == wanted) return;
  const auto* row = to.strategy.custom_resource ? nullptr : find_conversion(to.kind, text_of(&version), wanted);
  version = wanted;
  if (row) row->run(*members);
}

std::string_view converted_field(const Kind& from, const Kind& to, std::string_view field) {
  const auto* row = find_conversion(from.kind, from.api_version(), to.api_version());
  return row && row->field ? row->field(field) : field;
}

std::uint32_t form_number(std::string_view api_version, std::string_view schema) {
  std::uint32_t number = kFnvBasis;
  for (const auto text : {api_version, std::string_view("\n"), schema})
    for (const unsigned char c : text) number = (number ^ c) * kFnvPrime;
  return number < kNumbersTaken ? number + kNumbersTaken : number;
}

}  // namespace keelson::kinds
