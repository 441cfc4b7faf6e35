// Small hand-made types for the patch tests, shaped like a Deployment's pod template, and JSON helpers.
#pragma once
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "core/kinds/engine.hpp"
#include "core/kinds/type.hpp"

namespace kinds_test {

namespace json = boost::json;
using keelson::kinds::Kind;
using keelson::kinds::PatchType;

/// Relaxed JSON: single quotes stand for double ones.
json::value js(std::string_view text);
std::string show(const json::value& value);
/// The kind "Widget" of apps/v1: metadata, spec, status.
const Kind& widget();
/// The same as a custom resource.
const Kind& custom();
/// Result of a patch as text; "CODE message" or "CODE message | cause" when refused.
std::string patched(PatchType type, std::string_view original, std::string_view patch, const Kind& kind = widget());

}  // namespace kinds_test
