// OpenAPI definition of a kind whose schema came at run time: the schema as it was given, with apiVersion, kind and
// metadata added. v2 cannot say all of it; what it cannot say is left out so that clients accept every legal object.
//
// Threads: pure function.
#pragma once
#include <string_view>

#include "core/kinds/kind.hpp"
#include "core/kinds/openapi/json_writer.hpp"

namespace keelson::kinds::openapi {

enum class Dialect;

/// `metadata`: the reference to ObjectMeta's definition.
void write_custom_definition(JsonWriter& json, const Kind& kind, Dialect dialect, std::string_view metadata);

}  // namespace keelson::kinds::openapi
