// OpenAPI documents as protobuf, converted from their JSON form, so that the two always say the same.
//
// Threads: pure functions. Ownership: texts are the caller's.
#pragma once
#include <string>
#include <string_view>

namespace keelson::kinds {

/// An openapi_v3() as openapi.v3.Document, for the media types application/com.github.proto-openapi.spec.v3@v1.0+protobuf and
/// application/com.github.proto-openapi.spec.v3.v1.0+protobuf.
std::string openapi_v3_protobuf(std::string_view v3_json);

}  // namespace keelson::kinds
