// Typed: whether an applied configuration is of its kind's type at all: server-side apply takes no field that nobody declared,
// whatever fieldValidation says, and names what is wrong by the paths of managedFields.
//
// Invariants: null is of any type. Recursion is bounded by the nesting of the value.
// Threads: any, stateless. Errors: texts in the words of structured-merge-diff.
#pragma once
#include <string>
#include <vector>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// ".spec.foo: field not declared in schema" ..., at most kComplaintsMax.
std::vector<std::string> type_errors(const Type& type, const json::value& applied);
/// 500 "failed to create typed patch object (NS/NAME; GROUP/VERSION, Kind=KIND): ..."
base::Error no_typed_patch(const json::value& applied, const std::vector<std::string>& errors);
/// decode() for server-side apply: refuses what is not of the type. What is written twice is a warning unless `mode` ignores it: whether it refuses is told after all else.
base::Outcome<Decoded> decode_applied(const Kind& kind, Media media, std::string_view body, FieldValidation mode, json::storage_ptr memory);

}  // namespace keelson::kinds
