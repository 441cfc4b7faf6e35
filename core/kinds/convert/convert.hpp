// Convert: objects between the versions of their resource. One mechanism for all: a pair of versions with rules of its own has a row in
// the table of convert.cc; between all others (those of definitions with strategy None) only apiVersion differs.
//
// Invariants: there and back is the same object, as far as both versions can say it. Threads: any, stateless. Errors: none; what a
//   version cannot say is kept in annotations where upstream keeps it, or dropped.
#pragma once
#include <string_view>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// Brings an object of any version into the form of `to`. Nothing happens when it is in that form.
void convert(const Kind& to, json::value& object);
/// The name under which the version `from` stores its selectable field `field` in `to`.
std::string_view converted_field(const Kind& from, const Kind& to, std::string_view field);
/// The built-in kind in whose form objects of another one are stored; null when that is its own. (builtin.cc)
const Kind* stored_form_of(const Kind& kind);
/// What a body is in the form of: the same number, the same form. Never that of a kind without one.
std::uint32_t form_number(std::string_view api_version, std::string_view schema);

// --- rows of the table ---
/// core/v1 and events.k8s.io/v1. (events.cc)
void event_to_core(json::object& event);
void event_to_events(json::object& event);
std::string_view event_field_in_core(std::string_view field);
/// autoscaling/v1 and v2. (autoscaling.cc)
void autoscaler_to_v1(json::object& autoscaler);
void autoscaler_to_v2(json::object& autoscaler);

}  // namespace keelson::kinds
